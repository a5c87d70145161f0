/** Runs a program to its end and says what it took. */
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface Usage {
  /** From start to end, of the whole process. */
  seconds: number
  /** User and system, all threads. `null` for programs that are not Node's. */
  cpuSeconds: number | null
  maxRssBytes: number | null
  exitCode: number
  stdout: string
  stderr: string
}

interface RunOptions {
  env?: Record<string, string>
  /** For Node, before the file. */
  nodeArgs?: string[]
  /** Sends SIGKILL when this resolves, unless the program has ended by then. */
  killWhen?: Promise<unknown>
}

const running = new Set<number>()
process.once('exit', () => {
  for (const pid of running) process.kill(pid, 'SIGKILL')
})

/** Node runs `file`, with `measure.mjs` loaded into it. */
export async function runNode(file: string, args: string[], options: RunOptions = {}): Promise<Usage> {
  const folder = mkdtempSync(join(tmpdir(), 'zkferry-bench-'))
  const usageFile = join(folder, 'usage.json')
  try {
    const measure = new URL('./measure.mjs', import.meta.url).href
    const env = { ...options.env, ZKFERRY_BENCH_USAGE: usageFile }
    const usage = await run(
      process.execPath,
      ['--import', measure, ...(options.nodeArgs ?? []), file, ...args],
      { ...options, env },
    )
    return usage.exitCode === KILLED ? usage : { ...usage, ...JSON.parse(readFileSync(usageFile, 'utf8')) }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

const KILLED = 137

export function run(
  command: string,
  args: string[],
  { env = {}, killWhen }: RunOptions = {},
): Promise<Usage> {
  return new Promise((resolve, reject) => {
    const started = performance.now()
    const child = spawn(command, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
    const { pid } = child
    if (pid !== undefined) running.add(pid)
    void killWhen?.then(() => child.kill('SIGKILL'))
    let stdout = ''
    let stderr = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text
    })
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr = (stderr + text).slice(-4000)
    })
    child.once('error', reject)
    child.once('close', (code) => {
      if (pid !== undefined) running.delete(pid)
      const seconds = (performance.now() - started) / 1000
      resolve({ seconds, cpuSeconds: null, maxRssBytes: null, exitCode: code ?? KILLED, stdout, stderr })
    })
  })
}

/** @throws with the last words of a program that did not end with one of `codes` */
export function expectExit(what: string, usage: Usage, codes = [0]): Usage {
  if (codes.includes(usage.exitCode)) return usage
  throw new Error(`${what} ended with ${usage.exitCode}: ${usage.stderr.trim() || usage.stdout.trim()}`)
}
