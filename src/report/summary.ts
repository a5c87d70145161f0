/** The last line of every job: how it ended, in the fields that scripts rely on. */
import type { Consistency, Counts, JobResult, Status, Survived } from '../tree/events.ts'

export interface Summary {
  type: 'summary'
  command: string
  status: Status
  exitCode: number
  /** Only when the exit code is not 0. */
  message?: string
  znodes: {
    read: number
    created: number
    updated: number
    unchanged: number
    deleted: number
    skipped: number
    failed: number
  }
  /** By which sequence counters and data versions were advanced, all together. */
  steps: number
  bytes: { read: number; written: number }
  directories: number
  digest: { source: string | null; target: string | null }
  differences: number
  sourceMoved: number
  consistency: Consistency
  reconnects: number
  /** How often less was asked of the servers, because they took long to answer. */
  throttled: number
  /** All 0 for a clean run. */
  survived: Survived
  seconds: number
  runId: string | null
  journal: string | null
  /** The archive that has what was overwritten or deleted; `null` when nothing was, or nothing was kept. */
  undo: string | null
}

export interface Ending {
  command: string
  exitCode: number
  reconnects: number
  throttled: number
  seconds: number
  runId: string | null
  journal: string | null
  undo: string | null
}

export function summarise(result: JobResult, ending: Ending): Summary {
  const { counts } = result
  return {
    type: 'summary',
    command: ending.command,
    status: result.status,
    exitCode: ending.exitCode,
    ...(ending.exitCode === 0 ? {} : { message: result.message }),
    znodes: znodeCounts(counts),
    steps: counts.steps,
    bytes: { read: counts.bytesRead, written: counts.bytesWritten },
    directories: counts.directories,
    digest: result.digest,
    differences: counts.differences,
    sourceMoved: result.sourceMoved,
    consistency: result.consistency,
    reconnects: ending.reconnects,
    throttled: ending.throttled,
    survived: { ...counts.survived },
    seconds: Math.round(ending.seconds * 1000) / 1000,
    runId: ending.runId,
    journal: ending.journal,
    undo: ending.undo,
  }
}

function znodeCounts(counts: Counts): Summary['znodes'] {
  return {
    read: counts.read,
    created: counts.created,
    updated: counts.updated,
    unchanged: counts.unchanged,
    deleted: counts.deleted,
    skipped: counts.skipped,
    failed: counts.failed,
  }
}
