/** Rows as SQLite has them, and as the rest of the program has them. */
import type { RootIdentity } from '../tree/contracts.ts'
import type { DirectoryRow, DirectoryState, Holder, RunInfo } from './types.ts'

const STATES: readonly DirectoryState[] = ['pending', 'partial', 'done']
const NO_HASH = new Uint8Array(32)

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
  return {
    path: row.path,
    state: STATES[row.state] as DirectoryState,
    watermark: row.watermark,
    childHash: row.child_hash ?? NO_HASH.slice(),
    children: row.children,
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
  has_secret: number
}

export function loadRun(row: StoredRun): RunInfo {
  return {
    id: row.id,
    command: row.command,
    version: row.version,
    source: row.source,
    target: row.target,
    sourceIdentity: loadIdentity(row.source_identity),
    targetIdentity: row.target_identity === null ? null : loadIdentity(row.target_identity),
    options: JSON.parse(row.options) as Record<string, unknown>,
    state: row.state,
    status: row.status,
    verified: row.verified === 1,
    counts: JSON.parse(row.counts) as Record<string, unknown>,
    started: new Date(row.started),
    ended: row.ended === null ? null : new Date(row.ended),
    lastWrite: row.last_write === null ? null : BigInt(row.last_write),
    sourceDigest: row.source_digest,
    targetDigest: row.target_digest,
    consistency: row.consistency,
    message: row.message,
    rootDigest: row.root_digest,
    undo: row.undo,
    hasTemporaryIdentity: row.has_secret === 1,
  }
}

export function storeIdentity(identity: RootIdentity): string {
  return `${identity.czxid} ${identity.ctime}`
}

function loadIdentity(text: string): RootIdentity {
  const [czxid = '0', ctime = '0'] = text.split(' ')
  return { czxid: BigInt(czxid), ctime: BigInt(ctime) }
}

export interface StoredHolder {
  pid: number
  host: string
  command: string
  since: number
}

export function loadHolder(row: StoredHolder): Holder {
  return {
    pid: row.pid,
    host: row.host,
    command: row.command,
    since: new Date(row.since),
  }
}
