/** Runs the built command line as a script would: no terminal, its own state folder. */
import { spawn } from 'node:child_process'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const BIN = fileURLToPath(new URL('../../bin/zkferry.js', import.meta.url))

export interface CliResult {
  code: number | null
  stdout: string
  stderr: string
  /** The lines of stdout, parsed. */
  json(): Record<string, unknown>[]
  summary(): Record<string, unknown>
}

export interface CliOptions {
  env?: Record<string, string>
  cwd?: string
  /** Another installation's. */
  bin?: string
  /** No file may become larger than this. */
  fileKiB?: number
  /** Called with the process when it has begun. */
  onStart?: (child: ReturnType<typeof spawn>) => void
  onStderr?: (text: string, child: ReturnType<typeof spawn>) => void
}

const state = mkdtempSync(join(tmpdir(), 'zkferry-cli-'))

export function cli(args: string[], options: CliOptions = {}): Promise<CliResult> {
  const { PATH = '', HOME = '' } = process.env
  const env = { PATH, HOME, ZKFERRY_STATE: state, ...options.env }
  return new Promise((resolve, reject) => {
    const command = [process.execPath, options.bin ?? BIN, ...args]
    const limited =
      options.fileKiB === undefined
        ? command
        : // In blocks of 512 bytes, says POSIX.
          ['sh', '-c', `ulimit -f ${options.fileKiB * 2}; exec "$0" "$@"`, ...command]
    const child = spawn(limited[0] as string, limited.slice(1), {
      env,
      cwd: options.cwd,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    // A test that fails by its timeout must not leave a process behind that waits for an ensemble.
    const end = () => void child.kill('SIGKILL')
    process.once('exit', end)
    let stdout = ''
    let stderr = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text
    })
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text
      options.onStderr?.(stderr, child)
    })
    child.on('error', reject)
    child.on('close', (code) => {
      process.off('exit', end)
      const json = () =>
        stdout
          .split('\n')
          .filter(Boolean)
          .map((line) => JSON.parse(line))
      resolve({ code, stdout, stderr, json, summary: () => json().at(-1) })
    })
    options.onStart?.(child)
  })
}
