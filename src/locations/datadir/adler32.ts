/** Adler-32, ZooKeeper's checksum of snapshots and transactions. Node's zlib computes it, and does not give it out. */

const MODULUS = 65521
/** Bytes after which the sums still fit into 32 bits: zlib's NMAX, made a multiple of eight. */
const BLOCK = 5552

/** Of no bytes. */
export const ADLER_START = 1

/** The checksum of what `sum` is of, with `bytes` from `from` to `to` after it; an unsigned 32-bit number. */
export function adler32(sum: number, bytes: Uint8Array, from: number, to: number): number {
  let a = sum & 0xffff
  let b = sum >>> 16
  let at = from
  while (at < to) {
    const end = Math.min(at + BLOCK, to)
    const unrolled = end - ((end - at) & 7)
    for (; at < unrolled; at += 8) {
      a += bytes[at] as number
      b += a
      a += bytes[at + 1] as number
      b += a
      a += bytes[at + 2] as number
      b += a
      a += bytes[at + 3] as number
      b += a
      a += bytes[at + 4] as number
      b += a
      a += bytes[at + 5] as number
      b += a
      a += bytes[at + 6] as number
      b += a
      a += bytes[at + 7] as number
      b += a
    }
    for (; at < end; at++) {
      a += bytes[at] as number
      b += a
    }
    a %= MODULUS
    b %= MODULUS
  }
  return ((b << 16) | a) >>> 0
}
