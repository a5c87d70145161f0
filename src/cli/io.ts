/** What commands may touch of the process they run in. */
import type { StreamOutput } from '../report/output.ts'

export interface Io {
  stdout: StreamOutput
  stderr: StreamOutput
  stdin: NodeJS.ReadStream
  env: NodeJS.ProcessEnv
  /** Hands the command's exit code to `main`. */
  done(code: number): void
  /** Ends the process now, saving nothing: the second signal. */
  exitNow(code: number): void
  /** Called with what was thrown where nobody could catch it. */
  onCrash(handler: (error: unknown) => void): void
}

/** Somebody is there to be asked. */
export function isInteractive(io: Io): boolean {
  return io.stdin.isTTY === true && io.stderr.isTerminal
}
