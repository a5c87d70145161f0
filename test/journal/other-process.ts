/** A second process of this project's own code: it opens a journal and holds it until it is killed. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import ts from 'typescript'

const ROOT = join(import.meta.dirname, '..', '..')
const ROOMS = ['journal', 'tree']

/** Node 20 runs no TypeScript: the two rooms as JavaScript, in a folder where their packages are found. */
export function compiledJournal(): { module: string; remove: () => void } {
  const cache = join(ROOT, 'node_modules', '.cache')
  mkdirSync(cache, { recursive: true })
  const folder = mkdtempSync(join(cache, 'journal-test-'))
  for (const room of ROOMS) {
    mkdirSync(join(folder, room))
    for (const name of readdirSync(join(ROOT, 'src', room))) {
      const compilerOptions = {
        module: ts.ModuleKind.ESNext,
        target: ts.ScriptTarget.ES2023,
        rewriteRelativeImportExtensions: true,
      }
      const { outputText } = ts.transpileModule(readFileSync(join(ROOT, 'src', room, name), 'utf8'), {
        compilerOptions,
      })
      writeFileSync(join(folder, room, name.replace(/\.ts$/, '.js')), outputText)
    }
  }
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}')
  return {
    module: join(folder, 'journal', 'index.js'),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  }
}

export interface OtherProcess {
  pid: number
  /** Resolves once it prints this line. */
  says(line: string): Promise<void>
  stderr(): string
  kill(signal: NodeJS.Signals): Promise<void>
  exited(): Promise<number | null>
}

/** Runs `body` as an ES module; `journal` is the module's name there. `shell` goes before the command, e.g. a ulimit. */
export function startProcess(module: string, body: string, shell = ''): OtherProcess {
  const script = `import * as journal from ${JSON.stringify(module)}\n${body}`
  const command = `${shell} exec "$0" --input-type=module -e "$1"`
  const child: ChildProcess = spawn('/bin/sh', ['-c', command, process.execPath, script], { stdio: 'pipe' })
  const end = once(child, 'exit')
  let [out, err] = ['', '']
  child.stderr?.on('data', (chunk) => {
    err += chunk
  })
  child.stdout?.on('data', (chunk) => {
    out += chunk
    child.emit('said')
  })
  return {
    pid: child.pid as number,
    async says(line) {
      while (!out.includes(`${line}\n`)) {
        await Promise.race([once(child, 'said'), end])
        if (child.exitCode !== null) throw new Error(`the process ended before it said ${line}: ${err}`)
      }
    },
    stderr: () => err,
    async kill(signal) {
      child.kill(signal)
      await end
    },
    async exited() {
      await end
      return child.exitCode
    },
  }
}
