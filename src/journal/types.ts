/** What the journal remembers, and what can be asked of it. */
import type { RootIdentity, Side } from '../tree/contracts.ts'
import type { Consistency, Status } from '../tree/events.ts'
import type { ZxidRanges } from '../tree/zxid-ranges.ts'
import type { Run } from './run.ts'

/** What a run is told at its beginning, and what makes another command another job. */
export interface RunSetup {
  command: string
  /** The locations as the user wrote them, without secrets. */
  source: string
  target: string
  sourceIdentity: RootIdentity
  /** `null` when the target root does not exist yet; see `Run.setTargetIdentity`. */
  targetIdentity: RootIdentity | null
  /** Filters and everything else that changes the outcome. Plain JSON values; the order of keys does not matter. */
  options: Record<string, unknown>
  version: string
}

/** `running` only while its process lives; a killed one shows as `interrupted`. */
export type RunState = 'running' | 'interrupted' | 'finished' | 'abandoned'

export interface RunInfo extends RunSetup {
  id: string
  state: RunState
  /** How a finished run ended; `null` for all others. */
  status: Status | null
  verified: boolean
  /** Of all processes that worked on it. */
  counts: Record<string, unknown>
  started: Date
  ended: Date | null
  /** Whether anything of it may be on the target: false until its first write is about to be sent. */
  wrote: boolean
  /**
   * What is newer than this zxid on the target is not the run's: that of its last acknowledged write that left one
   * there (an ACL leaves none), or of the moment when the proof of a run that was done began.
   */
  lastWrite: bigint | null
  /** But for these, which it wrote after that moment. */
  lateWrites: ZxidRanges
  /** Places on the target that it saw to be unlike the source, and left (for `--no-verify`, where nobody looks again). */
  unlike: number
  /** 64 hex digits. */
  sourceDigest: string | null
  targetDigest: string | null
  consistency: Consistency | null
  message: string
  /** The root znode's own digest, 32 bytes. */
  rootDigest: Uint8Array | null
  /** The file that keeps what the run overwrote or deleted; `null` when it has not, or kept nothing. */
  undo: string | null
  /** The secret of the run's temporary identity is still in the journal. */
  hasTemporaryIdentity: boolean
}

export type DirectoryState = 'pending' | 'partial' | 'done'

export interface DirectoryRow {
  /** Below the root; `""` is the root. */
  path: string
  state: DirectoryState
  /** The last child, in sort order, up to which all children are acknowledged. */
  watermark: string | null
  /** Sum modulo 2^256 of the acknowledged children's digests: 32 bytes, big-endian. */
  childHash: Uint8Array
  children: number
  /** This run made the directory: nothing of the target needs to be read for it. */
  emptyTarget: boolean
}

export interface IssueRow {
  kind: 'skipped' | 'failed'
  path: string
  side: Side | null
  code: string | null
  reason: string
}

/** What one batch of acknowledged work changes in the journal: all of it, or nothing. */
export interface RecordBatch {
  /** Inserted, or replaced where the path is known already. */
  directories?: readonly DirectoryRow[]
  /** Inserted as pending where the path is not known yet. */
  discovered?: readonly DirectoryRow[]
  issues?: readonly IssueRow[]
  /** This process's own; the journal adds those before it. */
  counts?: object
  lastWrite?: bigint
  /** This process's own, too. */
  unlike?: number
}

export interface RunEnd {
  message: string
  verified: boolean
  sourceDigest: string | null
  targetDigest: string | null
  lastWrite: bigint | null
  lateWrites: ZxidRanges | null
  counts: object
  consistency: Consistency
}

/** What is about to be written: its path, and the digest of its data. */
export interface Intent {
  path: string
  digest: Uint8Array
}

/** A directory that stands under its temporary ACL, and the ACL it shall get (encoded by whoever wrote it). */
export interface TemporaryAcl {
  path: string
  finalAcl: Buffer
}

export interface Holder {
  pid: number
  host: string
  command: string
  since: Date
}

export interface JournalReader {
  readonly file: string
  /** Oldest first. */
  runs(): RunInfo[]
  run(id: string): RunInfo | null
  latest(): RunInfo | null
  /** But for those that were refused before they wrote anything. */
  latestFinished(): RunInfo | null
  /** In path order, streamed in pages. Kept for unfinished runs, and of the finished for those that `Run.finish` names. */
  directories(id: string): Iterable<DirectoryRow>
  directory(id: string, path: string): DirectoryRow | null
  /** Skipped first, each kind in path order. */
  issues(id: string, options?: { limit?: number }): Iterable<IssueRow>
  temporaryAcls(id: string): TemporaryAcl[]
  /**
   * Whether a run has written this there, or was about to, and none has ended as done since. Without a digest:
   * anything; without a run: any of them.
   */
  intended(path: string, digest?: Uint8Array, run?: string): boolean
  /** The process that works with the journal now, if any. */
  holder(): Holder | null
  close(): void
}

export interface Journal extends JournalReader {
  begin(setup: RunSetup): Run
  /** Goes on with an interrupted run. @throws JournalProblem when there is no such run, or it has ended. */
  resume(id: string): Run
  /** A run of any state, its state left as it is: to take back what an abandoned run left on the target. */
  open(id: string): Run
  /** `--restart`: unfinished runs become `abandoned` and lose their directories; temporary ACL entries stay known. */
  discard(): void
  /** What was made below another target root is nothing of this one's. `null`: there is none. */
  forgetIntentsElsewhere(target: RootIdentity | null): void
}
