/**
 * What jobs say while they run and at their end. Jobs know no terminal and no exit code:
 * `report/` prints these, `cli/` turns the status into a code.
 */
import type { Side } from './contracts.ts'

export type DifferenceKind =
  | 'data'
  | 'acl'
  | 'missing-in-target'
  | 'missing-in-source'
  | 'ephemeral'
  | 'sequence'
  | 'version'
  /** Container, TTL or neither: only where both places tell. */
  | 'kind'

export type Phase = 'connect' | 'plan' | 'copy' | 'verify' | 'delete' | 'count' | 'digest' | 'settle' | 'hold'

export type JobEvent =
  | {
      type: 'run'
      command: string
      runId: string | null
      journal: string | null
      source: string
      target: string | null
      resumed: boolean
      version: string
    }
  /** `says`: for people, what is being waited for, in the place of counts that stand still. */
  | { type: 'phase'; phase: Phase; says?: string }
  | { type: 'difference'; path: string; what: DifferenceKind[] }
  | { type: 'skipped'; path: string; reason: string }
  | { type: 'failed'; path: string; side: Side; code: string; message: string }
  /** `atMostSeconds`: when it is given up. */
  | { type: 'waiting'; side: Side; reason: string; seconds: number; atMostSeconds: number }
  /** Less is asked of a side's servers, which take `answerMs` where it was `usualMs`; 0 when they refused a request. */
  | { type: 'slowed'; side: Side; answerMs: number; usualMs: number }
  /** `copy --ephemeral hold`: how many are held now and how many cannot be; the others count since holding began. */
  | {
      type: 'holding'
      held: number
      failed: number
      made: number
      updated: number
      dropped: number
      /** Sessions that expired and were replaced. */
      renewed: number
    }
  /** Something that a DBA should know and that is no problem. `loud`: said to people even with --quiet. */
  | { type: 'note'; message: string; loud?: true }
  /** Something went wrong and was got over; it is in the summary and in the journal. */
  | { type: 'survived'; side: Side; what: Exclude<keyof Survived, 'waits'>; amount: number }
  /** A dry run's line: what would be done to a path. `above`: it leads to the target root, and the path is absolute. */
  | {
      type: 'plan'
      path: string
      action: 'create' | 'update' | 'set-acl' | 'delete' | 'advance' | 'hold'
      bytes: number
      steps?: number
      above?: true
    }
  /** `verify --combined`: a mark for every znode. */
  | { type: 'combined'; path: string; mark: '=' | '*' | '+' | '-' | '!' }
  /** `digest`: a directory's, or the root's. */
  | { type: 'digest'; path: string; znodes: number; digest: string }

export type Emit = (event: JobEvent) => void

/** What a job got over: all 0 for a clean run. */
export interface Survived {
  /** Connections lost and found again, expired sessions included. */
  reconnects: number
  /** Sessions that an ensemble ended, and that were replaced. */
  expiredSessions: number
  /** How often there was no server for a second or longer, and for how long in all. */
  waits: number
  waitedSeconds: number
  /** How often less was asked of servers that took long to answer. */
  throttled: number
  /** Directories with znodes that were looked at and written again: a write was refused or lost, or the proof found them different. */
  remarched: number
}

export function nothingSurvived(): Survived {
  return { reconnects: 0, expiredSessions: 0, waits: 0, waitedSeconds: 0, throttled: 0, remarched: 0 }
}

/** Live counts, changed in place on the hot path and polled by the progress display. */
export interface Counts {
  read: number
  created: number
  updated: number
  unchanged: number
  deleted: number
  /** Steps by which sequence counters and data versions were advanced. */
  steps: number
  skipped: number
  failed: number
  bytesRead: number
  bytesWritten: number
  directories: number
  differences: number
  /** Znodes done in the current phase, and how many there are in all where that can be known. */
  phaseDone: number
  phaseBytes: number
  phaseTotal: number | null
  survived: Survived
}

export function newCounts(): Counts {
  return {
    read: 0,
    created: 0,
    updated: 0,
    unchanged: 0,
    deleted: 0,
    steps: 0,
    skipped: 0,
    failed: 0,
    bytesRead: 0,
    bytesWritten: 0,
    directories: 0,
    differences: 0,
    phaseDone: 0,
    phaseBytes: 0,
    phaseTotal: null,
    survived: nothingSurvived(),
  }
}

export type Status = 'done' | 'identical' | 'different' | 'incomplete' | 'refused' | 'interrupted' | 'failed'
export type Consistency = 'quiet' | 'converged' | 'moving' | 'unknown'

/** How a job ended. The JSON summary is made of this. */
export interface JobResult {
  status: Status
  /** One sentence, empty when there is nothing to say beyond the status. */
  message: string
  counts: Counts
  digest: { source: string | null; target: string | null }
  sourceMoved: number
  consistency: Consistency
}

/** What every job is handed besides its locations. */
export interface JobContext {
  emit: Emit
  counts: Counts
  /** Aborted on SIGINT and SIGTERM: start nothing new, finish what is in flight, save. */
  signal: AbortSignal
}
