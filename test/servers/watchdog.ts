import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import { projectRoot } from './jars.mjs'

let watchdog: ChildProcess | undefined

/** From here on `pid` is killed and `folder` removed when this process ends, however it ends. */
export function guard(pid: number, folder: string): void {
  tell(`+${pid} ${folder}`)
}

/** The server has ended; its pid may come back as somebody else's. */
export function unguard(pid: number): void {
  tell(`-${pid}`)
}

/** The folder has been removed. */
export function unguardFolder(folder: string): void {
  tell(`~${folder}`)
}

function tell(line: string): void {
  watchdog ??= start()
  watchdog.stdin?.write(`${line}\n`)
}

function start(): ChildProcess {
  const script = join(projectRoot(), 'test', 'servers', 'watchdog.mjs')
  // Detached: an interrupt at the terminal goes to the whole process group, and must not reach it.
  const child = spawn(process.execPath, [script], { detached: true, stdio: ['pipe', 'ignore', 'ignore'] })
  child.stdin.on('error', () => {})
  child.unref()
  if ('unref' in child.stdin && typeof child.stdin.unref === 'function') child.stdin.unref()
  return child
}
