/** What is said between the job and the process that holds the `zookeeper` package. Bytes cross as they are. */

export type NativeRead = 'list' | 'stat' | 'data' | 'blind-data'

export type NativeRequest =
  | { id: number; ask: 'open'; connect: string; timeoutMs: number; auth: { scheme: string; auth: string }[] }
  /** Absolute paths. */
  | { id: number; ask: NativeRead; paths: string[] }
  | { id: number; ask: 'sync' }

/** A Stat as the package gives it: 64-bit numbers as doubles, times as dates, the owner in hexadecimal. */
export interface NativeStat {
  czxid: number
  mzxid: number
  pzxid: number
  ctime: Date
  mtime: Date
  version: number
  cversion: number
  aversion: number
  ephemeralOwner: string
  dataLength: number
  numChildren: number
}

export interface NativeAclEntry {
  perms: number
  scheme: string
  auth: string
}

/** `rc` is ZooKeeper's number; what goes with it is there when that is 0. */
export interface NativeOutcome {
  rc: number
  names?: string[]
  stat?: NativeStat
  acl?: NativeAclEntry[]
  data?: Uint8Array | null
}

export type NativeReply =
  | { id: number; outcomes: NativeOutcome[] }
  /** The package is not there, its binary is not, or an identity was refused. */
  | { id: number; refused: 'not-installed' | 'no-binary' | 'auth'; why: string }
  | { connected: boolean }
