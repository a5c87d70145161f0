import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { LaunchSpec } from './options.ts'

/** One run of a server's process, or of its container: from a start to its end. */
export interface Machine {
  /** The process id on this machine. */
  readonly pid: number
  /** Resolves when the process has ended, for whatever reason. */
  readonly ended: Promise<void>
  /** SIGKILL; resolves when the process has ended. */
  kill(): Promise<void>
  /** SIGSTOP: connections stay open, nothing answers. */
  pause(): Promise<void>
  /** SIGCONT. */
  resume(): Promise<void>
  /** The last lines that the server has logged. */
  logTail(): Promise<string>
}

/** One way to run servers. */
export interface Provider {
  readonly name: 'docker' | 'maven' | 'installed'
  /** Makes `version` ready to start and returns the version that will really run, or throws why it cannot. */
  prepare(version: string): Promise<string>
  launch(spec: LaunchSpec): Promise<Machine>
}

export async function logTailIn(folder: string): Promise<string> {
  const log = await readFile(join(folder, 'server.log'), 'utf8').catch(() => '')
  return log.trimEnd().split('\n').slice(-20).join('\n')
}
