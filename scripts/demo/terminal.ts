/** Says what happens, runs zkferry as a user would, and shows what it prints. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import pc from 'picocolors'

/** Of a long output, so many lines from its beginning and its end. */
const HEAD = 8
const TAIL = 14

export interface RunOptions {
  expect: number
  /** Called while the command runs, e.g. to interrupt it. */
  meanwhile?: (child: ChildProcess) => Promise<void>
}

export class Terminal {
  readonly #root: string
  readonly #env: NodeJS.ProcessEnv
  readonly #variables: Record<string, string>
  #child: ChildProcess | null = null

  /** `variables` are what `$NAME` stands for in commands. */
  constructor(root: string, env: NodeJS.ProcessEnv, variables: Record<string, string>) {
    this.#root = root
    this.#env = { ...process.env, ...env }
    this.#variables = variables
  }

  title(text: string): void {
    console.log(`\n${pc.bold(pc.cyan(`── ${text} `.padEnd(100, '─')))}`)
  }

  say(text: string): void {
    console.log(`${text}`)
  }

  /**
   * Runs a command line such as `zkferry copy $OLD/app $NEW/app`. Words are split at spaces; one in single quotes
   * stays whole. @throws Error when it ends with another exit code than expected.
   */
  async run(line: string, options: RunOptions): Promise<void> {
    console.log(`\n${pc.bold(`$ ${line}`)}`)
    const words = (line.match(/'[^']*'|\S+/g) ?? []).slice(1)
    const args = words.map((word) => this.#resolve(word.replaceAll("'", '')))
    const child = spawn(process.execPath, [join(this.#root, 'bin', 'zkferry.js'), ...args], {
      env: this.#env,
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    this.#child = child
    const ended = once(child, 'close')
    await Promise.all([showShortened(child), options.meanwhile?.(child), ended])
    this.#child = null
    const code = child.exitCode
    console.log(pc.dim(`(exit code ${code})`))
    if (code !== options.expect)
      throw new Error(`"${line}" ended with ${code}, and ${options.expect} was expected`)
  }

  /** Ends the command that runs now, if one does. */
  kill(): void {
    this.#child?.kill('SIGKILL')
  }

  #resolve(word: string): string {
    return word.replace(/\$([A-Z]+)/g, (whole, name: string) => this.#variables[name] ?? whole)
  }
}

async function showShortened(child: ChildProcess): Promise<void> {
  if (child.stdout === null) return
  let shown = 0
  let left = 0
  const last: string[] = []
  for await (const line of createInterface({ input: child.stdout })) {
    if (shown < HEAD) {
      console.log(line)
      shown++
    } else if (last.push(line) > TAIL) {
      last.shift()
      left++
    }
  }
  if (left > 0) console.log(pc.dim(`… ${left} lines left out …`))
  for (const line of last) console.log(line)
}
