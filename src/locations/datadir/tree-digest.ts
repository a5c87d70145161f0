/**
 * ZooKeeper's own digest of a tree (3.6 and later, version 2): the sum modulo 2^64 of each znode's
 * CRC-32(path, data, Stat), without what is below `/zookeeper`. Its logs carry it after every transaction.
 *
 * The path is in it as the server's JVM encodes text, which is UTF-8, ASCII or Latin-1 as its locale has it (seen with
 * 3.9.5 on JDK 17; from JDK 18 on always UTF-8): a server that was started without a locale writes "?" for what is no
 * ASCII. So there is a digest for each, and they differ only where there are such paths.
 */
import { crc32 } from 'node:zlib'
import { PERSISTED_STAT_BYTES, StatAt } from './persisted-stat.ts'
import type { ZnodeTable } from './znode-table.ts'

export const DIGEST_VERSION = 2
const TWO_32 = 2 ** 32
const HIDDEN = Buffer.from('/zookeeper/')
/** Stands for "counts nothing": a path below `/zookeeper`. */
const NOT_COUNTED = 0

/** What a JVM may make of a path; what the character set lacks becomes "?". */
const ENCODINGS = {
  ascii: (path: string) => Buffer.from(path.replace(/[^\0-\x7f]/g, '?'), 'latin1'),
  latin1: (path: string) => Buffer.from(path.replace(/[^\0-\xff]/g, '?'), 'latin1'),
}
type Encoding = keyof typeof ENCODINGS
const OTHERS = Object.keys(ENCODINGS) as Encoding[]

export class TreeDigest {
  readonly #table: ZnodeTable
  readonly #hidden = new Set<number>()
  /** The sum, in two halves: that of less than 2^32 znodes fits into 64 bits. */
  #high = 0
  #low = 0
  readonly #stat = Buffer.alloc(PERSISTED_STAT_BYTES)
  /** Of znodes whose path is no ASCII: CRC-32(path, data) in the other encodings, as `checksum` has it in UTF-8. */
  readonly #foreign = new Map<number, Record<Encoding, number>>()
  /** What each of the other digests is above this one, modulo 2^64. */
  readonly #above: Record<Encoding, bigint> = { ascii: 0n, latin1: 0n }

  constructor(table: ZnodeTable) {
    this.#table = table
  }

  get value(): bigint {
    return (BigInt(this.#high) << 32n) | BigInt(this.#low)
  }

  /** Whether a server with this tree may have written this digest. */
  is(digest: bigint): boolean {
    const { value } = this
    return (
      value === digest ||
      OTHERS.some((encoding) => BigInt.asUintN(64, value + this.#above[encoding]) === digest)
    )
  }

  /** Whether some paths are no ASCII: then yet another character set of the server's would make another digest. */
  get dependsOnEncoding(): boolean {
    return this.#foreign.size > 0
  }

  /** A znode has its data: what only changes with them is kept in the table. `path` is "" for the root. */
  enter(id: number, path: Buffer, data: Buffer | null): void {
    if (path.length > HIDDEN.length && HIDDEN.compare(path, 0, HIDDEN.length) === 0) {
      this.#hidden.add(id)
      this.#table.checksum[id] = NOT_COUNTED
      return
    }
    const ofPath = crc32(path)
    const withData = (crc: number) => (data === null || data.length === 0 ? crc : crc32(data, crc))
    this.#table.checksum[id] = withData(ofPath)
    if (path.some((byte) => byte > 0x7f)) {
      const text = path.toString()
      const of = (encoding: Encoding) => withData(crc32(ENCODINGS[encoding](text)))
      this.#foreign.set(id, { ascii: of('ascii'), latin1: of('latin1') })
    }
    this.count(id)
  }

  /** After its Stat changed; `discount` before. */
  count(id: number): void {
    if (this.#hidden.has(id)) return
    this.#low += this.#of(id)
    this.#shift(id, 1n)
    if (this.#low >= TWO_32) {
      this.#low -= TWO_32
      this.#high++
    }
  }

  discount(id: number): void {
    if (this.#hidden.has(id)) return
    this.#low -= this.#of(id)
    this.#shift(id, -1n)
    if (this.#low < 0) {
      this.#low += TWO_32
      this.#high--
    }
  }

  /** A znode, already discounted, is gone. */
  leave(id: number): void {
    this.#hidden.delete(id)
    this.#foreign.delete(id)
  }

  #shift(id: number, sign: bigint): void {
    const foreign = this.#foreign.get(id)
    if (foreign === undefined) return
    const own = this.#of(id)
    for (const encoding of OTHERS) {
      const above = BigInt(this.#of(id, foreign[encoding]) - own)
      this.#above[encoding] = BigInt.asUintN(64, this.#above[encoding] + sign * above)
    }
  }

  #of(id: number, checksum = this.#table.checksum[id] as number): number {
    const bytes = this.#table.statBytes(id)
    const at = this.#table.statAt(id)
    bytes.copy(this.#stat, 0, at, at + StatAt.ctime)
    bytes.copy(this.#stat, 16, at + StatAt.pzxid, at + PERSISTED_STAT_BYTES)
    bytes.copy(this.#stat, 24, at + StatAt.ctime, at + StatAt.pzxid)
    return crc32(this.#stat, checksum)
  }
}
