/** The one sentence that a person reads when the exit code is not 0. */

import { Interrupted, JournalProblem, LocationProblem, SafetyRefusal, UsageProblem } from '../tree/errors.ts'
import type { JobResult } from '../tree/events.ts'
import { plural } from '../tree/plural.ts'
import { ExitCode, isOutOfFiles } from './exit-codes.ts'

export interface Ended {
  error: unknown
  result: JobResult
  exitCode: ExitCode
  journal: string | null
  verbose: boolean
}

const EXPECTED = [UsageProblem, SafetyRefusal, LocationProblem, JournalProblem] as const

export function sentenceFor(ended: Ended): { line: string; stack: string[] } {
  const { error, result } = ended
  if (error instanceof Interrupted || result.status === 'interrupted')
    return { line: interrupted(ended), stack: [] }
  if (error === null) return { line: result.message || byStatus(ended), stack: [] }
  if (EXPECTED.some((kind) => error instanceof kind)) return { line: (error as Error).message, stack: [] }
  return bug(error, ended.verbose)
}

const OUT_OF_FILES =
  'The system lets zkferry open no more files; raise the limit, such as with "ulimit -n 1024", and run it again.'

/** What was thrown where nobody expected it. */
export function bug(error: unknown, verbose: boolean): { line: string; stack: string[] } {
  if (isOutOfFiles(error)) return { line: OUT_OF_FILES, stack: [] }
  const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error)
  const advice = verbose ? '' : '; run it again with --verbose for the details'
  const frames =
    error instanceof Error ? (error.stack ?? '').split('\n').filter((line) => /^\s+at /.test(line)) : []
  // Line by line, since each is escaped: a message may hold what a stranger wrote.
  const stack = frames.length === 0 ? [] : [text, ...frames]
  return { line: `This is a bug in zkferry, please report it (${text})${advice}.`, stack }
}

function interrupted({ error, result, journal }: Ended): string {
  const said = error instanceof Interrupted ? error.message : result.message
  if (said) return said
  if (journal === null) return 'Interrupted before the end; run the same command again to start over.'
  return `Interrupted; what was done is in ${journal}, and the same command again goes on from there.`
}

function byStatus({ result, exitCode }: Ended): string {
  const { counts } = result
  switch (exitCode) {
    case ExitCode.different:
      return `${plural(counts.differences, 'difference')} found.`
    case ExitCode.incomplete:
      return `${plural(counts.failed, 'znode')} failed and ${plural(counts.skipped, 'znode')} skipped; the rest was done.`
    case ExitCode.refused:
      return 'A safety rule refused.'
    default:
      return ''
  }
}
