/** The options that every command has, and the printer that they ask for. */
import type { Command } from 'commander'
import { type Display, linesDisplay, noDisplay, terminalDisplay } from '../report/display.ts'
import { HumanPrinter } from '../report/human.ts'
import { JsonPrinter } from '../report/json.ts'
import type { Printer } from '../report/printer.ts'
import { ProgressModel } from '../report/progress.ts'
import type { Counts } from '../tree/events.ts'
import type { Io } from './io.ts'

export interface OutputFlags {
  json?: boolean
  quiet?: boolean
  verbose?: boolean
  /** Unset: as the format and the terminal suggest. */
  progress?: boolean
}

export function addOutputOptions(command: Command): Command {
  return command
    .option('--json', 'NDJSON on stdout, one object a line, the last one a summary')
    .option('--quiet', 'say nothing on stderr but what went wrong')
    .option('--verbose', 'say on stderr what happens inside, and list everything that is skipped')
    .option(
      '--progress',
      'show progress (default: in place on a terminal, as a line every few seconds elsewhere)',
    )
    .option('--no-progress', 'show no progress')
}

export async function makePrinter(
  flags: OutputFlags,
  counts: Counts,
  io: Io,
  single: boolean,
): Promise<Printer> {
  const quiet = flags.quiet === true
  const verbose = flags.verbose === true
  const shown = flags.progress ?? !quiet
  const progress = new ProgressModel(counts, () => performance.now())
  if (flags.json) {
    return new JsonPrinter({
      stdout: io.stdout,
      stderr: io.stderr,
      progress: shown ? progress : null,
      quiet,
      verbose,
    })
  }
  const display = shown ? await makeDisplay(progress, io) : noDisplay
  return new HumanPrinter({ stdout: io.stdout, stderr: io.stderr, progress, display, quiet, verbose, single })
}

async function makeDisplay(progress: ProgressModel, io: Io): Promise<Display> {
  if (!io.stderr.isTerminal || io.env.TERM === 'dumb') return linesDisplay(progress, io.stderr)
  // Loaded only here: a start in a script should not pay for it.
  const { createLogUpdate } = await import('log-update')
  return terminalDisplay(progress, createLogUpdate(process.stderr), !io.env.NO_COLOR)
}
