/**
 * What a znode is, for every room of the house. Nothing here knows where a tree lives.
 */
import type { AclList } from './acl.ts'
import type { CreateMode } from './create-mode.ts'

/** The server's record of a znode, as clients see it. 64-bit fields are exact. */
export interface Stat {
  czxid: bigint
  mzxid: bigint
  /** Milliseconds since the epoch. */
  ctime: bigint
  mtime: bigint
  version: number
  /** Twice the internal child counter less the number of children; see `nextSequence`. */
  cversion: number
  aversion: number
  /** The session that owns an ephemeral znode; 0 for all others. */
  ephemeralOwner: bigint
  dataLength: number
  numChildren: number
  pzxid: bigint
}

/** Of a znode whose history nobody told. */
export const NO_STAT: Stat = {
  czxid: 0n,
  mzxid: 0n,
  ctime: 0n,
  mtime: 0n,
  version: 0,
  cversion: 0,
  aversion: 0,
  ephemeralOwner: 0n,
  dataLength: 0,
  numChildren: 0,
  pzxid: 0n,
}

/** Data as ZooKeeper keeps them: `null` and empty are two different things. */
export type Data = Buffer | null

export interface Znode {
  stat: Stat
  /** `null` when ACLs are left out (`--no-acl`). */
  acl: AclList | null
  data: Data
  /** What kind of znode it is, where the place tells: a file does, a live server does not. */
  mode?: CreateMode
}

/** The highest zxid that a znode carries: its own making or change, or that of its child list. */
export function newestZxid(stat: Stat): bigint {
  let newest = stat.czxid
  if (stat.mzxid > newest) newest = stat.mzxid
  if (stat.pzxid > newest) newest = stat.pzxid
  return newest
}

/** The number that the next sequential child gets. Both fields must come from one Stat. */
export function nextSequence(stat: Pick<Stat, 'cversion' | 'numChildren'>): number {
  return ((stat.cversion + stat.numChildren) & 0xffffffff) >>> 1
}
