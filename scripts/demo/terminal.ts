/** Says what happens, runs zkferry as a user would, and shows what it prints. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import pc from 'picocolors'

export interface RunOptions {
  expect: number
  /** Show only so many lines of its stdout, as `| head` does. */
  head?: number
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

  say(...lines: string[]): void {
    console.log(lines.join('\n'))
  }

  /**
   * Runs a command line such as `zkferry copy $OLD/app $NEW/app`. Words are split at spaces; one in single quotes
   * stays whole. @throws Error when it ends with another exit code than expected.
   */
  async run(line: string, options: RunOptions): Promise<void> {
    const { expect, head, meanwhile } = options
    console.log(`\n${pc.bold(`$ ${line}${head === undefined ? '' : ` | head -${head}`}`)}`)
    const words = (line.match(/'[^']*'|\S+/g) ?? []).slice(1)
    const args = words.map((word) => this.#resolve(word.replaceAll("'", '')))
    const child = spawn(process.execPath, [join(this.#root, 'bin', 'zkferry.js'), ...args], {
      env: this.#env,
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    this.#child = child
    const ended = once(child, 'close')
    await Promise.all([show(child.stdout, head ?? Number.POSITIVE_INFINITY), meanwhile?.(child), ended])
    this.#child = null
    const code = child.exitCode
    console.log(pc.dim(`(exit code ${code})`))
    if (code !== expect) throw new Error(`"${line}" ended with ${code}, and ${expect} was expected`)
  }

  /** Ends the command that runs now, if one does. */
  kill(): void {
    this.#child?.kill('SIGKILL')
  }

  #resolve(word: string): string {
    return word.replace(/\$([A-Z]+)/g, (whole, name: string) => this.#variables[name] ?? whole)
  }
}

/** Prints lines as they come, and closes the pipe after the last one wanted. */
async function show(stdout: Readable, lines: number): Promise<void> {
  let shown = 0
  for await (const line of createInterface({ input: stdout })) {
    if (shown === lines) break
    console.log(line)
    shown++
  }
  stdout.destroy()
}
