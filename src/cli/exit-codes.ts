/** The one table of exit codes: what ends how, and what each number means. */
import { Interrupted, JournalProblem, LocationProblem, SafetyRefusal, UsageProblem } from '../tree/errors.ts'
import type { Status } from '../tree/events.ts'

export const ExitCode = {
  done: 0,
  different: 1,
  usage: 2,
  incomplete: 3,
  source: 4,
  target: 5,
  journal: 6,
  refused: 7,
  bug: 70,
  sigint: 130,
  sigterm: 143,
} as const

export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode]

/** What `--help` says about each. */
export const MEANINGS: Readonly<Record<ExitCode, string>> = {
  0: 'done, or identical',
  1: 'differences found, comparison complete (a copy whose source moved on, too)',
  2: 'usage or configuration; a source root that does not exist',
  3: 'finished, but some znodes failed or were skipped against your will, or the output could not be written',
  4: 'the source (or the only location) is unreachable or lets nobody in',
  5: 'the target is unreachable or lets nobody in',
  6: 'the journal is locked, damaged, full, or belongs to another job; the undo file cannot be written',
  7: 'a safety rule or limit refused',
  70: 'a bug in zkferry',
  130: 'interrupted by SIGINT; the journal, where there is one, is saved',
  143: 'interrupted by SIGTERM; the journal, where there is one, is saved',
}

export interface Outcome {
  status: Status
  exitCode: ExitCode
}

export interface Circumstances {
  /** The signal that came, if one did. */
  signal: 'SIGINT' | 'SIGTERM' | null
  /** The command has one location: whichever side it plays, its loss is exit 4. */
  singleLocation: boolean
  /** The job had begun: from then on a broken journal is a failure, not a refusal. */
  begun: boolean
}

/** The code of a job that came to its end by itself. */
export function exitCodeOfStatus(status: Status, circumstances: Circumstances): ExitCode {
  switch (status) {
    case 'done':
    case 'identical':
      return ExitCode.done
    case 'different':
      return ExitCode.different
    case 'incomplete':
      return ExitCode.incomplete
    case 'refused':
      return ExitCode.refused
    case 'failed':
      return ExitCode.bug
    case 'interrupted':
      return circumstances.signal === 'SIGTERM' ? ExitCode.sigterm : ExitCode.sigint
  }
}

/** Status and code of a job that ended with an error. */
export function outcomeOfError(error: unknown, circumstances: Circumstances): Outcome {
  if (error instanceof UsageProblem) return { status: 'refused', exitCode: ExitCode.usage }
  if (error instanceof SafetyRefusal) return { status: 'refused', exitCode: ExitCode.refused }
  if (error instanceof JournalProblem) {
    return { status: circumstances.begun ? 'failed' : 'refused', exitCode: ExitCode.journal }
  }
  if (error instanceof LocationProblem) {
    const target = error.side === 'target' && !circumstances.singleLocation
    return { status: 'failed', exitCode: target ? ExitCode.target : ExitCode.source }
  }
  if (error instanceof Interrupted) {
    return { status: 'interrupted', exitCode: exitCodeOfStatus('interrupted', circumstances) }
  }
  return { status: 'failed', exitCode: isOutOfFiles(error) ? ExitCode.usage : ExitCode.bug }
}

/** The system lets this process open no more files, be it only the program's own. */
export function isOutOfFiles(error: unknown): boolean {
  return ['EMFILE', 'ENFILE'].includes((error as NodeJS.ErrnoException | null)?.code ?? '')
}
