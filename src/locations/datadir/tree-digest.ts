/**
 * ZooKeeper's own digest of a tree (3.6 and later, version 2): the sum modulo 2^64 of each znode's
 * CRC-32(path, data, Stat), without what is below `/zookeeper`. Its logs carry it after every transaction.
 */
import { crc32 } from 'node:zlib'
import { PERSISTED_STAT_BYTES, StatAt } from './persisted-stat.ts'
import type { ZnodeTable } from './znode-table.ts'

export const DIGEST_VERSION = 2
const TWO_32 = 2 ** 32
const HIDDEN = Buffer.from('/zookeeper/')
/** Stands for "counts nothing": a path below `/zookeeper`. */
const NOT_COUNTED = 0

export class TreeDigest {
  readonly #table: ZnodeTable
  readonly #hidden = new Set<number>()
  /** The sum, in two halves: that of less than 2^32 znodes fits into 64 bits. */
  #high = 0
  #low = 0
  readonly #stat = Buffer.alloc(PERSISTED_STAT_BYTES)

  constructor(table: ZnodeTable) {
    this.#table = table
  }

  get value(): bigint {
    return (BigInt(this.#high) << 32n) | BigInt(this.#low)
  }

  /** A znode has its data: what only changes with them is kept in the table. `path` is "" for the root. */
  enter(id: number, path: Buffer, data: Buffer | null): void {
    if (path.length > HIDDEN.length && HIDDEN.compare(path, 0, HIDDEN.length) === 0) {
      this.#hidden.add(id)
      this.#table.checksum[id] = NOT_COUNTED
      return
    }
    const ofPath = crc32(path)
    this.#table.checksum[id] = data === null || data.length === 0 ? ofPath : crc32(data, ofPath)
    this.count(id)
  }

  /** After its Stat changed; `discount` before. */
  count(id: number): void {
    if (this.#hidden.has(id)) return
    this.#low += this.#of(id)
    if (this.#low >= TWO_32) {
      this.#low -= TWO_32
      this.#high++
    }
  }

  discount(id: number): void {
    if (this.#hidden.has(id)) return
    this.#low -= this.#of(id)
    if (this.#low < 0) {
      this.#low += TWO_32
      this.#high--
    }
  }

  /** A znode, already discounted, is gone. */
  leave(id: number): void {
    this.#hidden.delete(id)
  }

  #of(id: number): number {
    const bytes = this.#table.statBytes(id)
    const at = this.#table.statAt(id)
    bytes.copy(this.#stat, 0, at, at + StatAt.ctime)
    bytes.copy(this.#stat, 16, at + StatAt.pzxid, at + PERSISTED_STAT_BYTES)
    bytes.copy(this.#stat, 24, at + StatAt.ctime, at + StatAt.pzxid)
    return crc32(this.#stat, this.#table.checksum[id] as number)
  }
}
