/** A znode's Stat as snapshots keep it: 60 bytes. The child counter is the raw one, and the owner tells the kind. */

export interface PersistedStat {
  czxid: bigint
  mzxid: bigint
  /** Milliseconds since the epoch. */
  ctime: bigint
  mtime: bigint
  version: number
  /** How many children were ever made; a client sees twice this less the number of children. */
  cversion: number
  aversion: number
  /** A session, or a mark of a container or a TTL: see `kindOf`. */
  ephemeralOwner: bigint
  pzxid: bigint
}

export const PERSISTED_STAT_BYTES = 60

/** Where its fields begin. */
export const StatAt = {
  czxid: 0,
  mzxid: 8,
  ctime: 16,
  mtime: 24,
  version: 32,
  cversion: 36,
  aversion: 40,
  ephemeralOwner: 44,
  pzxid: 52,
} as const

export function readPersistedStat(bytes: Buffer, at: number): PersistedStat {
  return {
    czxid: bytes.readBigInt64BE(at + StatAt.czxid),
    mzxid: bytes.readBigInt64BE(at + StatAt.mzxid),
    ctime: bytes.readBigInt64BE(at + StatAt.ctime),
    mtime: bytes.readBigInt64BE(at + StatAt.mtime),
    version: bytes.readInt32BE(at + StatAt.version),
    cversion: bytes.readInt32BE(at + StatAt.cversion),
    aversion: bytes.readInt32BE(at + StatAt.aversion),
    ephemeralOwner: bytes.readBigInt64BE(at + StatAt.ephemeralOwner),
    pzxid: bytes.readBigInt64BE(at + StatAt.pzxid),
  }
}

export type ZnodeKind =
  | { kind: 'persistent' }
  | { kind: 'ephemeral'; session: bigint }
  | { kind: 'container' }
  | { kind: 'ttl'; ttlMs: number }

const CONTAINER_OWNER = -(1n << 63n)
const TTL_BITS = 40n
const TTL_MASK = (1n << TTL_BITS) - 1n
const TTL_OWNER = 0xff0000n
/** What 3.5.3 wrote. */
const TTL_OWNER_353 = 0x800000n

/**
 * What an owner stands for. Sessions of a server whose id is 255 or 128 can look like a TTL's mark while that server's
 * machine is up for less than a few hours: `isSession` tells which sessions there are.
 */
export function kindOf(ephemeralOwner: bigint, isSession: (id: bigint) => boolean): ZnodeKind {
  if (ephemeralOwner === 0n) return { kind: 'persistent' }
  if (ephemeralOwner === CONTAINER_OWNER) return { kind: 'container' }
  const mark = BigInt.asUintN(64, ephemeralOwner) >> TTL_BITS
  if ((mark === TTL_OWNER || mark === TTL_OWNER_353) && !isSession(ephemeralOwner)) {
    const ttlMs = Number(ephemeralOwner & TTL_MASK)
    if (ttlMs > 0) return { kind: 'ttl', ttlMs }
  }
  return { kind: 'ephemeral', session: ephemeralOwner }
}

export function containerOwner(): bigint {
  return CONTAINER_OWNER
}

export function ttlOwner(ttlMs: bigint): bigint {
  return BigInt.asIntN(64, (TTL_OWNER << TTL_BITS) | (ttlMs & TTL_MASK))
}
