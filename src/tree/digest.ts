/**
 * The digest, version 1, as `docs/digest.md` has it: SHA-256 for one znode, the sum modulo 2^256 for many.
 * A sum needs no order, adds up along the tree, and follows a change by one subtraction and one addition.
 * It detects accidents; it is no defence against someone who chooses the data.
 */
import { createHash, hash } from 'node:crypto'
import type { AclList } from './acl.ts'
import type { Data } from './znode.ts'

/** Stands for the entries where ACLs are left out. */
export const NO_ACL = Buffer.from([0xff, 0xff, 0xff, 0xff])
const SCRATCH_BYTES = 16 * 1024
const scratch = Buffer.allocUnsafe(SCRATCH_BYTES)

/** 32 bytes. `acl` is `null` where ACLs are left out. */
export function znodeDigest(path: string, data: Data, acl: AclList | null): Buffer {
  const entries = acl === null ? NO_ACL : acl.canonical
  const dataLength = data === null ? 0 : data.length
  // A path's UTF-8 is at most three bytes a UTF-16 unit; one copy into a scratch buffer is cheaper than three updates.
  if (8 + path.length * 3 + dataLength + entries.length <= SCRATCH_BYTES) {
    const pathLength = scratch.write(path, 4)
    scratch.writeUInt32BE(pathLength, 0)
    let at = scratch.writeInt32BE(data === null ? -1 : dataLength, 4 + pathLength)
    if (data !== null) at += data.copy(scratch, at)
    at += entries.copy(scratch, at)
    return hash('sha256', scratch.subarray(0, at), 'buffer')
  }
  const encoded = Buffer.from(path)
  const lengths = Buffer.alloc(8)
  lengths.writeUInt32BE(encoded.length, 0)
  lengths.writeInt32BE(data === null ? -1 : dataLength, 4)
  const sha = createHash('sha256').update(lengths.subarray(0, 4)).update(encoded).update(lengths.subarray(4))
  if (data !== null) sha.update(data)
  return sha.update(entries).digest()
}

/** A sum of digests modulo 2^256. */
export class DigestSum {
  /** Eight 32-bit words, the least significant first. */
  readonly #words = new Uint32Array(8)

  static from(bytes: Uint8Array): DigestSum {
    const sum = new DigestSum()
    sum.add(bytes)
    return sum
  }

  /** `digest` is 32 bytes, big-endian. */
  add(digest: Uint8Array): this {
    let carry = 0
    for (let word = 0; word < 8; word++) {
      const total = (this.#words[word] as number) + wordOf(digest, word) + carry
      this.#words[word] = total
      carry = total > 0xffffffff ? 1 : 0
    }
    return this
  }

  /**
   * Adds the digest of a znode that is encoded already, as `docs/digest.md` has it. Half as dear as a digest of its
   * own: where only the sum counts, no buffer is made for it.
   */
  addEncoded(znode: Uint8Array): this {
    const digest = hash('sha256', znode, 'binary')
    let carry = 0
    for (let word = 0; word < 8; word++) {
      const total = (this.#words[word] as number) + binaryWordOf(digest, word) + carry
      this.#words[word] = total
      carry = total > 0xffffffff ? 1 : 0
    }
    return this
  }

  subtract(digest: Uint8Array): this {
    let borrow = 0
    for (let word = 0; word < 8; word++) {
      const total = (this.#words[word] as number) - wordOf(digest, word) - borrow
      this.#words[word] = total
      borrow = total < 0 ? 1 : 0
    }
    return this
  }

  addSum(other: DigestSum): this {
    return this.add(other.bytes())
  }

  bytes(): Buffer {
    const out = Buffer.alloc(32)
    for (let word = 0; word < 8; word++) out.writeUInt32BE(this.#words[word] as number, 28 - word * 4)
    return out
  }

  /** 64 hex digits. */
  hex(): string {
    return this.bytes().toString('hex')
  }
}

function wordOf(digest: Uint8Array, word: number): number {
  const at = 28 - word * 4
  return (
    (((digest[at] as number) << 24) |
      ((digest[at + 1] as number) << 16) |
      ((digest[at + 2] as number) << 8) |
      (digest[at + 3] as number)) >>>
    0
  )
}

/** The same of a digest in a string, a character a byte. */
function binaryWordOf(digest: string, word: number): number {
  const at = 28 - word * 4
  return (
    ((digest.charCodeAt(at) << 24) |
      (digest.charCodeAt(at + 1) << 16) |
      (digest.charCodeAt(at + 2) << 8) |
      digest.charCodeAt(at + 3)) >>>
    0
  )
}
