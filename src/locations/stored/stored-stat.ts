/** A Stat in 68 bytes, big-endian, in the order of its fields here. `cversion` and `numChildren` as a client sees them. */
import type { Stat } from '../../tree/znode.ts'

export const STAT_BYTES = 68

export function packStat(stat: Stat): Buffer {
  const out = Buffer.allocUnsafe(STAT_BYTES)
  out.writeBigInt64BE(stat.czxid, 0)
  out.writeBigInt64BE(stat.mzxid, 8)
  out.writeBigInt64BE(stat.pzxid, 16)
  out.writeBigInt64BE(stat.ctime, 24)
  out.writeBigInt64BE(stat.mtime, 32)
  out.writeBigInt64BE(stat.ephemeralOwner, 40)
  out.writeInt32BE(stat.version, 48)
  out.writeInt32BE(stat.cversion, 52)
  out.writeInt32BE(stat.aversion, 56)
  out.writeInt32BE(stat.dataLength, 60)
  out.writeInt32BE(stat.numChildren, 64)
  return out
}

export function unpackStat(bytes: Buffer): Stat {
  return {
    czxid: bytes.readBigInt64BE(0),
    mzxid: bytes.readBigInt64BE(8),
    pzxid: bytes.readBigInt64BE(16),
    ctime: bytes.readBigInt64BE(24),
    mtime: bytes.readBigInt64BE(32),
    ephemeralOwner: bytes.readBigInt64BE(40),
    version: bytes.readInt32BE(48),
    cversion: bytes.readInt32BE(52),
    aversion: bytes.readInt32BE(56),
    dataLength: bytes.readInt32BE(60),
    numChildren: bytes.readInt32BE(64),
  }
}
