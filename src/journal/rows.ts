/** Rows as SQLite has them, and as the rest of the program has them. */
import { getHashes } from 'node:crypto'
import type { RootIdentity, TemporaryIdentity } from '../tree/contracts.ts'
import { ZxidRanges } from '../tree/zxid-ranges.ts'
import { bytes, Damage, date, long, object, oneOf, orNull, text, whole } from './checked.ts'
import type {
  DirectoryRow,
  DirectoryState,
  Holder,
  IssueRow,
  RunInfo,
  RunState,
  TemporaryAcl,
} from './types.ts'

const RUN_STATES: readonly RunState[] = ['running', 'interrupted', 'finished', 'abandoned']
const STATES: readonly DirectoryState[] = ['pending', 'partial', 'done']
const HASH_BYTES = 32
const NO_HASH = new Uint8Array(HASH_BYTES)

export interface StoredDirectory {
  path: string
  state: number
  watermark: string | null
  child_hash: Buffer | null
  children: number
  empty_target: number
}

/** The bindings of a directory, in the order of the table's columns. */
export function storeDirectory(run: number, row: DirectoryRow): unknown[] {
  const state = STATES.indexOf(row.state)
  return [run, row.path, state, row.watermark, row.childHash, row.children, row.emptyTarget ? 1 : 0]
}

export function loadDirectory(row: StoredDirectory): DirectoryRow {
  const state = STATES[row.state]
  if (state === undefined) throw new Damage('the state of a directory')
  return {
    path: text(row.path, 'the path of a directory'),
    state,
    watermark: orNull(row.watermark, 'the watermark of a directory', text),
    childHash: row.child_hash === null ? NO_HASH.slice() : bytes(row.child_hash, 'a child hash', HASH_BYTES),
    children: whole(row.children, 'the number of children of a directory'),
    emptyTarget: row.empty_target === 1,
  }
}

export interface StoredRun {
  number: number
  id: string
  command: string
  version: string
  source: string
  target: string
  source_identity: string
  target_identity: string | null
  options: string
  state: RunInfo['state']
  status: RunInfo['status']
  verified: number
  counts: string
  started: number
  ended: number | null
  last_write: string | null
  source_digest: string | null
  target_digest: string | null
  consistency: RunInfo['consistency']
  message: string
  root_digest: Buffer | null
  undo: string | null
  wrote: number
  unlike: number
  late_writes: string | null
  has_secret: number
}

export function loadRun(row: StoredRun): RunInfo {
  return {
    id: text(row.id, 'the id of a run'),
    command: text(row.command, 'the command of a run'),
    version: text(row.version, 'the version of a run'),
    source: text(row.source, 'the source of a run'),
    target: text(row.target, 'the target of a run'),
    sourceIdentity: loadIdentity(row.source_identity),
    targetIdentity: row.target_identity === null ? null : loadIdentity(row.target_identity),
    options: loadOptions(row.options),
    state: oneOf(row.state, RUN_STATES, 'the state of a run'),
    status: orNull(row.status, 'the status of a run', text) as RunInfo['status'],
    verified: row.verified === 1,
    counts: object(row.counts, 'the counts of a run'),
    started: date(row.started, 'the start of a run'),
    ended: orNull(row.ended, 'the end of a run', date),
    wrote: row.wrote !== 0,
    lastWrite: orNull(row.last_write, 'the last write of a run', long),
    lateWrites: loadRanges(row.late_writes),
    unlike: whole(row.unlike, 'what a run left unlike the source'),
    sourceDigest: orNull(row.source_digest, 'the digest of a source', text),
    targetDigest: orNull(row.target_digest, 'the digest of a target', text),
    consistency: orNull(row.consistency, 'the consistency of a run', text) as RunInfo['consistency'],
    message: text(row.message, 'the message of a run'),
    rootDigest: row.root_digest === null ? null : bytes(row.root_digest, 'a root digest', HASH_BYTES),
    undo: orNull(row.undo, 'the undo file of a run', text),
    hasTemporaryIdentity: row.has_secret === 1,
  }
}

export function storeRanges(ranges: ZxidRanges): string {
  return [...ranges].map(([first, last]) => `${first}-${last}`).join(' ')
}

function loadRanges(stored: unknown): ZxidRanges {
  const what = 'the late writes of a run'
  const words = orNull(stored, what, text)?.split(' ').filter(Boolean) ?? []
  return ZxidRanges.of(
    words.map((word) => {
      const [first, last] = word.split('-').map((zxid) => long(zxid, what))
      if (first === undefined || last === undefined) throw new Damage(what)
      return [first, last] as const
    }),
  )
}

function loadOptions(stored: unknown): Record<string, unknown> {
  const options = object(stored, 'the options of a run')
  for (const name of ['include', 'exclude']) {
    const globs = options[name] ?? []
    if (!Array.isArray(globs) || !globs.every((glob) => typeof glob === 'string'))
      throw new Damage(`the option ${name} of a run`)
  }
  const pairs = options.aclMap ?? []
  if (!Array.isArray(pairs) || !pairs.every(Array.isArray)) throw new Damage('the option aclMap of a run')
  return options
}

export function storeIdentity(identity: RootIdentity): string {
  return `${identity.czxid} ${identity.ctime}`
}

function loadIdentity(stored: unknown): RootIdentity {
  const what = 'the identity of a root'
  const [czxid, ctime] = text(stored, what).split(' ')
  return { czxid: long(czxid, what), ctime: long(ctime, what) }
}

export function loadTemporaryIdentity(stored: unknown): TemporaryIdentity {
  const what = "a run's temporary identity"
  const { user, password, algorithm } = object(bytes(stored, what), what)
  return {
    user: text(user, what),
    password: text(password, what),
    algorithm: oneOf(algorithm, getHashes(), what) as string,
  }
}

export function loadTemporaryAcl(row: TemporaryAcl): TemporaryAcl {
  return {
    path: text(row.path, 'the path of a temporary ACL entry'),
    finalAcl: bytes(row.finalAcl, 'an ACL that is to be set at the end'),
  }
}

export function loadIssue(row: IssueRow): IssueRow {
  text(row.path, 'the path of a znode that was skipped or failed')
  text(row.reason, 'why a znode was skipped or failed')
  orNull(row.side, 'the side of a failure', text)
  orNull(row.code, 'the code of a failure', text)
  return row
}

export interface StoredHolder {
  pid: number
  host: string
  command: string
  since: number
}

export function loadHolder(row: StoredHolder): Holder {
  return {
    pid: whole(row.pid, 'the process that works with it'),
    host: text(row.host, 'the host that works with it'),
    command: text(row.command, 'the command that works with it'),
    since: date(row.since, 'since when it is worked with'),
  }
}
