/**
 * What a location must be able to do so that a tree can be read from it or written to it.
 *
 * Paths are below the location's root: `""` is the root itself, then `"a"`, `"a/b"`.
 * Calls work on many znodes at once, because one round trip per znode is what makes a copy slow.
 */
import type { AclEntry, AclList } from './acl.ts'
import type { CreateMode } from './create-mode.ts'
import type { Verdict } from './filter.ts'
import type { QuotaReader, QuotaWriter } from './quota.ts'
import type { ZnodeStream } from './stream.ts'
import type { Data, Stat } from './znode.ts'
import type { ZxidRanges } from './zxid-ranges.ts'

export type Side = 'source' | 'target'

/** Why one znode could not be read or written. It belongs to a path and never stops the rest. */
export class ZnodeError {
  /** The server's name for it (`NONODE`, `NOAUTH`, …), or one of ours in the same style. */
  readonly code: string
  /** One sentence for a person. */
  readonly message: string
  constructor(code: string, message: string) {
    this.code = code
    this.message = message
  }
  get gone(): boolean {
    return this.code === 'NONODE'
  }
}

export interface StatReply {
  stat: Stat
  acl: AclList
  /** The zxid of the state that the reply shows. */
  zxid: bigint
  /** What a file tells, and no live server: absent where it is not known. */
  mode?: CreateMode
}

export interface DataReply {
  stat: Stat
  data: Data
  zxid: bigint
  mode?: CreateMode
}

/** What stays the same for as long as a root is the same znode: a journal belongs to it. */
export interface RootIdentity {
  czxid: bigint
  ctime: bigint
}

export interface ListReply {
  /** Sorted. The root's own `zookeeper` is left out when the root is `/`. */
  names: string[]
  zxid: bigint
}

export interface TreeReader {
  /** Child names of each directory. */
  list(paths: readonly string[]): Promise<(ListReply | ZnodeError)[]>
  /** Stat and ACL of each znode, without its data. */
  stat(paths: readonly string[]): Promise<(StatReply | ZnodeError)[]>
  /**
   * Data and Stat of each znode. `sizes` are the lengths to expect, where they are known;
   * without them the location reads in smaller batches, so that no server has to build a huge reply.
   */
  data(paths: readonly string[], sizes?: readonly number[]): Promise<(DataReply | ZnodeError)[]>
}

export interface TreeSource {
  readonly side: Side
  /** As the user wrote it, without secrets. */
  readonly name: string
  /** The root as an absolute path, e.g. `/codis3`. */
  readonly rootPath: string
  /** `null` when the root does not exist. For `/`, its oldest child's. */
  identity(): Promise<RootIdentity | null>
  /** The newest zxid of the place, after a sync: everything at or below it is visible to this reader. */
  position(): Promise<bigint>
  /**
   * A reader for a group of reads that depend on each other: what it shows never goes back in time,
   * and is at least as new as `after`, the zxid of an earlier reply (0n for any).
   * Lanes are spread over the location's sessions.
   */
  lane(after: bigint): TreeReader
  /** Where the place has quotas beside the tree. */
  readonly quotas?: QuotaReader
  /** How often a connection was lost and found again. */
  readonly reconnects: number
  /** Sessions that this location has opened: each is a transaction, and moves the place's position by one. */
  readonly sessionsOpened: number
  /** Groups of znodes that may be read at once now: fewer while the servers take long to answer. */
  readonly groups: number
  /** How often less was asked of the servers, because they took long to answer. */
  readonly throttled: number
  /** What is known to be missing from the place, a sentence each: a damaged file, salvaged. No job on it ends as done. */
  readonly losses?: readonly string[]
  /**
   * A place that holds no more than parts of a tree: what each path is to it. What is `on-the-way` leads to what it
   * holds, and is neither compared nor counted. @default everything is `in`
   */
  readonly holds?: (path: string) => Verdict
  /** Which of the states that the place holds is read, e.g. `generation 3`; known once something was read. */
  readonly moment?: string | undefined
  /** ACLs were left out when it was made, so that what it shows as such is none. @default false */
  readonly lacksAcls?: boolean
  /**
   * The whole of it in one pass, where that can be had for less than by asking. Null: not now, ask. To be called
   * before anything is read. Gives nothing when the root does not exist.
   */
  stream?(): Promise<ZnodeStream | null>
  close(): Promise<void>
}

/** What a znode is before a write changes or removes it. */
export interface Former {
  stat: Stat
  acl: AclList
  data: Data
  mode?: CreateMode
}

/** Keeps what is about to be overwritten or deleted, so that it can be brought back. */
export interface UndoRecord {
  /**
   * Takes these in. A znode stays as it was kept first; false for one that was kept before. Paths are below the
   * location's root. @throws JournalProblem
   */
  keep(znodes: readonly { path: string; former: Former }[]): boolean[]
  /** Resolves once all that was kept is on disk, synced: only then may it be changed. @throws JournalProblem */
  synced(): Promise<void>
  /** It is certain that these were not changed after all: the next `keep` takes what they are then. */
  release(paths: readonly string[]): void
  /** It is certain that nothing at all was changed: nothing has to stay on disk. */
  forget(): void
}

/**
 * `version` and `aversion` are what was read; −1 for any. `former` is what is overwritten or deleted by it, as it was
 * read with that version; `kept`: nothing of it has to be kept any more.
 */
export type Change =
  /** Persistent, unless a `mode` is given: ask `supports` before. `origin` is the source's Stat, for targets that can keep it. */
  | { kind: 'create'; path: string; data: Data; acl: AclList; mode?: CreateMode; origin?: Stat }
  | { kind: 'setData'; path: string; data: Data; version: number; origin?: Stat; former: Former | 'kept' }
  | { kind: 'setAcl'; path: string; acl: AclList; aversion: number; former: Former | 'kept' }
  | { kind: 'delete'; path: string; version: number; former: Former | 'kept' }
  /** Moves the sequence counter on: a child is made and removed, so often, and never seen by anyone. */
  | { kind: 'advance'; path: string; steps: number }
  /** Raises the data version: the same data are set, so often, from `version` on. */
  | { kind: 'touch'; path: string; data: Data; version: number; times: number }

/**
 * `done`: acknowledged. A `ZnodeError`: refused, nothing was changed.
 * `unsettled`: not applied because a neighbour in its batch was refused, or unknown because the connection was lost.
 */
export type ChangeOutcome = 'done' | 'unsettled' | ZnodeError

/** A digest user that exists only for one run; `password` is a secret. */
export interface TemporaryIdentity {
  user: string
  password: string
  /** What the servers hash digests with, by OpenSSL's name. */
  algorithm: string
}

/** `other-digest`: the servers hash otherwise; `no-digest`: they take no digest identities. */
export type IdentityProbe = 'works' | 'other-digest' | 'no-digest' | ZnodeError

/** An ACL as it is without our entries, and the version of what was read. */
export interface Carried {
  acl: AclList
  aversion: number
}

export interface TemporaryIdentities {
  /** Algorithms that a server may have been set to, the usual one first. */
  readonly algorithms: readonly string[]
  /** Whether the servers take digest identities at all. One that does not would close the session that tries. */
  accepted(): Promise<boolean>
  /** The tool is this identity, too, from now on. Its entries are left out of all ACLs that are read. */
  assume(identity: TemporaryIdentity): Promise<void>
  /** The entry that grants an identity everything. */
  entryOf(identity: TemporaryIdentity): AclEntry
  /** For each znode, its ACL without the entries of identities that were assumed; `null` where it has none of them. */
  carried(paths: readonly string[]): Promise<(Carried | null | ZnodeError)[]>
  /** Whether children could be made under `path`, which does not exist yet, with this ACL. Makes nothing. */
  probe(path: string, acl: AclList): Promise<IdentityProbe>
}

/** `off`: known, and switched off (`zookeeper.extendedTypesEnabled`); `unknown`: the servers are too old for it. */
export type KindSupport = 'yes' | 'off' | 'unknown'

/** What stands at a path: nothing, a znode of the holding session, another session's ephemeral, or a persistent one. */
export type Occupant =
  | { is: 'free' }
  | { is: 'ours'; version: number }
  | { is: 'ephemeral' }
  | { is: 'persistent' }
  | ZnodeError

/** `version` is what was seen; −1 for any. `replace` drops and makes in one step, so that nobody sees it missing. */
export type HoldChange =
  | { kind: 'make'; path: string; data: Data; acl: AclList }
  | { kind: 'set'; path: string; data: Data; version: number }
  | { kind: 'replace'; path: string; data: Data; acl: AclList; version: number }
  | { kind: 'drop'; path: string; version: number }

/** Ephemeral znodes in a session of their own, which is opened when the first is to be held. */
export interface EphemeralHolder {
  /** How many holding sessions have expired so far, each with all that it held. `look` finds out. */
  readonly expired: number
  /** @throws LocationProblem */
  look(paths: readonly string[]): Promise<Occupant[]>
  /** Each change has an outcome of its own. @throws LocationProblem */
  apply(changes: readonly HoldChange[]): Promise<ChangeOutcome[]>
  /**
   * Ends the session, with everything that it holds; takes a few seconds at most. False when the ensemble has not
   * confirmed it: then what was held goes when the session times out.
   */
  close(): Promise<boolean>
}

/** What a file says of the copy that made it. */
export interface Provenance {
  source: string
  /** How the copy ended, and the sentence where it is not `done`. */
  status: string
  message: string
  /** The source's newest zxid at the start. */
  since: bigint
  consistency: string
  digest: { source: string | null; target: string | null }
  /** The copy's filters and ACL option: a digest means nothing without them. */
  options: Record<string, unknown>
  version: string
}

/**
 * A target that is made beside its final name and takes it all at once. A copy to it begins with nothing there, is
 * never resumed, and leaves nothing when it is broken off. It keeps each znode's `origin`, so that sequence counters
 * and data versions need no steps.
 */
export interface Staging {
  /** The file takes its name, synced. @throws LocationProblem */
  publish(provenance: Provenance): Promise<void>
}

/** What is being done to a target, for others who would do something there. */
export interface Work {
  command: string
  /** The journal's name for it, once there is one. */
  run: string | null
}

export interface TreeTarget extends TreeSource {
  /**
   * Tells others who use this tool that the root is being worked on, from now on until the location is closed; called
   * again, it says more of the same work. Where that cannot be told it resolves to a sentence that says so, else to
   * `null`. Absent where nobody else can come near.
   * @throws OccupiedRefusal when somebody works on this root already, on one above it or below it
   */
  occupy?(work: Work): Promise<string | null>
  /** Before `close`: others may come. */
  vacate?(): Promise<void>
  /** Of a file; absent for an ensemble. */
  readonly staging?: Staging
  /**
   * Applies changes in order, and after those of all earlier calls, without waiting for them:
   * a directory and its children may be in flight together. Changes of several calls may share a batch.
   */
  write(changes: readonly Change[]): Promise<ChangeOutcome[]>
  /** The same, each change on its own, so that each has its own outcome. Slower; for recovery. */
  writeEach(changes: readonly Change[]): Promise<ChangeOutcome[]>
  /**
   * Waits until nothing written earlier can still arrive: the writing session is attached again, or proven expired
   * and replaced, and synced. Reads through `settled` afterwards see every write that took place.
   */
  settle(): Promise<void>
  /** Whether the servers would take this ACL: they refuse schemes and ids that they do not know. Makes nothing. */
  takesAcl(acl: AclList): Promise<boolean>
  /** `tell` has returned before any of these changes is sent. */
  beforeWrites(tell: (changes: readonly Change[]) => void): void
  /** From now on nothing is overwritten or deleted before the record has what it was. */
  keepUndo(record: UndoRecord): void
  /** A reader through the writing session. */
  readonly settled: TreeReader
  /** The zxid of the last acknowledged write of this run that left one (setACL leaves none); 0n before the first. */
  readonly lastWrite: bigint
  /** A proof begins: what is written from now on is told apart. */
  markProof(): void
  /** The zxids of the writes since then; `null` where one may have arrived unheard, or none are told apart. */
  readonly lateWrites: ZxidRanges | null
  /**
   * Makes missing ancestors of the root; each takes the ACL of the nearest one that existed. Returns how many. With
   * `dryRun` none is made, and it throws what it would throw.
   * @throws LocationProblem when they cannot be made, or when that ACL is shown masked
   */
  createAncestors(dryRun?: boolean): Promise<number>
  /** Holds nothing yet, and has opened nothing. Whoever asks for it closes it. */
  holder(): EphemeralHolder
  readonly quotas: QuotaWriter
  /** What an identity that exists only for this run is called here, and whether the servers take it. */
  readonly temporary: TemporaryIdentities
  /** Whether znodes of this kind can be made here. Makes nothing, and disturbs no write that is under way. */
  supports(kind: 'container' | 'ttl'): Promise<KindSupport>
  /** The permissions that the tool's own identities have under this ACL, as far as can be known. */
  permissionsUnder(acl: AclList): number
}
