/** What there is to be told about a data directory. */
import type { AclList } from '../tree/acl.ts'

/** How many znodes of each kind. */
export interface Kinds {
  persistent: number
  ephemeral: number
  container: number
  ttl: number
}

export function noKinds(): Kinds {
  return { persistent: 0, ephemeral: 0, container: 0, ttl: 0 }
}

export interface SnapshotFacts {
  type: 'snapshot'
  file: string
  /** Bytes on disk. */
  size: number
  compression: 'none' | 'gzip' | 'snappy'
  /** When the file was written last. */
  changed: Date
  /** That its name tells: everything up to it is in. */
  zxid: bigint
  /** The newest that a znode in it carries: above `zxid` it was taken while servers went on. */
  newestZxid: bigint
  znodes: number
  kinds: Kinds
  dataBytes: number
  sessions: number
  /** The tree's digest that a server from 3.6 on wrote behind it. */
  digest: { zxid: bigint; version: number; value: bigint } | null
  /** What is wrong with it; the counts are of what comes before. */
  damage: string | null
}

export interface LogFacts {
  type: 'log'
  file: string
  size: number
  changed: Date
  databaseId: bigint
  transactions: number
  first: Moment | null
  last: Moment | null
  /** By the transaction's type, such as `create`, `multi`, `closeSession`. */
  types: Record<string, number>
  /** How it ends; `torn`: in a transaction that was being written when the server stopped; `unborn`: before it began. */
  end: 'padding' | 'end-of-file' | 'torn' | 'unborn' | 'damaged'
  /** Transactions are missing between the log before and this one. */
  gapBefore: boolean
  /** What is wrong with it, a sentence each. */
  damage: string[]
}

export interface Moment {
  zxid: bigint
  /** Milliseconds since the epoch, by the leader's clock. */
  time: bigint
}

export interface TreeFacts {
  type: 'tree'
  /** That the tree is at: the newest that the files tell of. */
  zxid: bigint
  /** The location's root. */
  root: string
  znodes: number
  kinds: Kinds
  dataBytes: number
  nullData: number
  /** Different lists. */
  acls: number
  sessions: number
  /** Levels below the root. */
  depth: number
  /** How many digests in the logs it was compared with, and equal to. */
  digestsChecked: number
}

export interface SessionFacts {
  type: 'session'
  session: bigint
  /** The member that gave it out: its myid, by the session's number. */
  server: number
  timeoutMs: number
  ephemerals: number
}

export interface ZnodeFacts {
  type: 'znode'
  path: string
  bytes: number
  kind: keyof Kinds
  version: number
  mzxid: bigint
  mtime: bigint
}

export interface DirectoryFacts {
  type: 'directory'
  /** Why it is named: for its children, or for all that is below it. */
  by: 'children' | 'bytes-below'
  path: string
  children: number
  /** Of the list of its children, as a server sends it in one reply. */
  listBytes: number
  znodesBelow: number
  bytesBelow: number
}

/** One operation; those of a multi come one by one, with one zxid. */
export interface TransactionFacts {
  type: 'txn'
  zxid: bigint
  time: bigint
  session: bigint
  server: number
  /** The client's number for the request, in its session. */
  cxid: number
  op: 'create' | 'delete' | 'setData' | 'setAcl' | 'check' | 'createSession' | 'closeSession' | 'error'
  path: string | null
  /** The part of a multi, and of how many. */
  part: { number: number; of: number } | null
  /** Refused, and with it all of its multi: nothing changed. */
  failed: boolean
  /** A create's. */
  kind?: keyof Kinds
  ttlMs?: bigint
  /** Length of the data; `null` for null. */
  bytes?: number | null
  data?: Buffer | null
  acl?: AclList['entries']
  /** The znode's version afterwards. */
  version?: number
  /** Who deleted: the client; the server, because a session ended, or a container or TTL znode had no children. */
  by?: 'client' | 'session-end' | 'container-or-ttl'
  timeoutMs?: number
  /** A closeSession's, where they are known. */
  ephemerals?: number | null
  /** An error's. */
  code?: number
}

/** Ends what `--txns` lists. */
export interface TransactionsFacts {
  type: 'txns'
  /** Transactions in the span that was asked for. */
  transactions: number
  /** Operations that were listed. */
  listed: number
  first: Moment | null
  last: Moment | null
}

export type Fact =
  | SnapshotFacts
  | LogFacts
  | TreeFacts
  | SessionFacts
  | ZnodeFacts
  | DirectoryFacts
  | TransactionFacts
  | TransactionsFacts

/** Session ids begin with the id of the member that made them. */
export function serverOf(session: bigint): number {
  return Number(BigInt.asUintN(64, session) >> 56n)
}
