/** What every printer can do. A command has exactly one. */
import type { JobEvent } from '../tree/events.ts'
import type { Summary } from './summary.ts'

export interface Printer {
  event(event: JobEvent): void
  /** Data for stdout: `record` with `--json`, else `lines`, which are escaped already. */
  data(record: { type: string }, lines: readonly string[]): void
  /** A line about the inner workings, shown with `--verbose`. */
  trace(text: string): void
  /** A sentence that belongs on stderr whatever the format, such as where the journal is. */
  say(text: string): void
  /** Holds the progress display back while a question is asked. */
  pause(): void
  resume(): void
  /** Prints the end. `sentence` is what a person must read when the exit code is not 0. */
  finish(summary: Summary, sentence: string | null): void
}
