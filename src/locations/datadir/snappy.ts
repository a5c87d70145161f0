/**
 * Snappy as ZooKeeper writes it: not the framing format of Snappy's own specification, but snappy-java's
 * `SnappyOutputStream`: an 8-byte magic, two versions, then blocks `i32 length, raw snappy`.
 *
 * The raw decompression is our own: packages for it trust lengths that a damaged file makes up, or compile C.
 */
import type { ByteFeed } from './byte-window.ts'
import { Damage } from './damage.ts'

const MAGIC = Buffer.from('\x82SNAPPY\0', 'latin1')
const HEADER_BYTES = 16
/** What a stream that was appended to has where a length would be. */
const MAGIC_AS_LENGTH = MAGIC.readInt32BE(0)
/** Writers make blocks of 32 KiB unless told otherwise. */
const MOST_BLOCK_BYTES = 64 * 1024 * 1024

export class SnappyFeed implements ByteFeed {
  readonly size = null
  readonly #file: string
  readonly #compressed: ByteFeed
  #bytes = Buffer.allocUnsafe(64 * 1024)
  #at = 0
  #end = 0
  #begun = false
  #block: Buffer = Buffer.alloc(0)
  #position = 0

  constructor(file: string, compressed: ByteFeed) {
    this.#file = file
    this.#compressed = compressed
  }

  async read(into: Buffer, from: number): Promise<number> {
    while (this.#block.length === 0) {
      const next = await this.#nextBlock()
      if (next === null) return 0
      this.#block = next
    }
    const copied = this.#block.copy(into, from)
    this.#block = this.#block.subarray(copied)
    this.#position += copied
    return copied
  }

  close(): Promise<void> {
    return this.#compressed.close()
  }

  async #nextBlock(): Promise<Buffer | null> {
    if (!this.#begun) await this.#header()
    this.#begun = true
    let length = await this.#length()
    while (length === MAGIC_AS_LENGTH) {
      this.#at -= 4
      await this.#header()
      length = await this.#length()
    }
    if (length === null) return null
    if (length < 0 || length > MOST_BLOCK_BYTES) {
      throw this.#damage('malformed', `holds a snappy block of ${length} bytes, which cannot be`)
    }
    if (!(await this.#need(length))) throw this.#damage('truncated', 'ends in the middle of a snappy block')
    const raw = this.#bytes.subarray(this.#at, this.#at + length)
    this.#at += length
    const block = uncompress(raw)
    if (block === null) throw this.#damage('malformed', 'holds a snappy block that cannot be decompressed')
    return block
  }

  async #header(): Promise<void> {
    if (!(await this.#need(HEADER_BYTES))) throw this.#damage('truncated', 'ends within its snappy header')
    if (this.#bytes.compare(MAGIC, 0, 8, this.#at, this.#at + 8) !== 0) {
      throw this.#damage('malformed', 'does not begin as a snappy stream does')
    }
    this.#at += HEADER_BYTES
  }

  /** Null at the end of the file. */
  async #length(): Promise<number | null> {
    if (!(await this.#need(4))) {
      if (this.#end > this.#at) throw this.#damage('truncated', 'ends in the middle of a snappy block')
      return null
    }
    this.#at += 4
    return this.#bytes.readInt32BE(this.#at - 4)
  }

  async #need(length: number): Promise<boolean> {
    while (this.#end - this.#at < length) {
      if (this.#at > 0) {
        this.#bytes.copy(this.#bytes, 0, this.#at, this.#end)
        this.#end -= this.#at
        this.#at = 0
      }
      if (this.#end === this.#bytes.length) {
        const larger = Buffer.allocUnsafe(this.#bytes.length * 2)
        this.#bytes.copy(larger, 0, 0, this.#end)
        this.#bytes = larger
      }
      const read = await this.#compressed.read(this.#bytes, this.#end)
      if (read === 0) return false
      this.#end += read
    }
    return true
  }

  #damage(kind: 'truncated' | 'malformed', what: string): Damage {
    return new Damage(kind, this.#file, this.#position, what)
  }
}

/** One raw block; null when it is damaged. Writes nowhere but into the length that it says of itself. */
function uncompress(raw: Buffer): Buffer | null {
  const preamble = readLength(raw)
  if (preamble === null) return null
  // No element makes more than 64 bytes out of two.
  if (preamble.length > raw.length * 32 || preamble.length > MOST_BLOCK_BYTES) return null
  const out = Buffer.allocUnsafe(preamble.length)
  let to = 0
  let at = preamble.bytes
  while (at < raw.length) {
    const tag = raw[at++] as number
    const kind = tag & 3
    let length = (tag >>> 2) + 1
    if (kind === 0) {
      if (length > 60) {
        const bytes = length - 60
        if (at + bytes > raw.length) return null
        length = raw.readUIntLE(at, bytes) + 1
        at += bytes
      }
      if (at + length > raw.length || to + length > out.length) return null
      raw.copy(out, to, at, at + length)
      at += length
      to += length
      continue
    }
    const bytes = kind === 3 ? 4 : kind
    if (at + bytes > raw.length) return null
    let offset = raw.readUIntLE(at, bytes)
    at += bytes
    if (kind === 1) {
      length = ((tag >>> 2) & 7) + 4
      offset |= (tag >>> 5) << 8
    }
    if (offset === 0 || offset > to || to + length > out.length) return null
    if (offset >= length) {
      out.copyWithin(to, to - offset, to - offset + length)
      to += length
    } else {
      // What is copied overlaps what is written: byte by byte, it repeats.
      for (const end = to + length; to < end; to++) out[to] = out[to - offset] as number
    }
  }
  return to === out.length ? out : null
}

/** The varint in front of a block. */
function readLength(raw: Buffer): { length: number; bytes: number } | null {
  let length = 0
  for (let bytes = 0; bytes < 5 && bytes < raw.length; bytes++) {
    const byte = raw[bytes] as number
    length += (byte & 0x7f) * 2 ** (7 * bytes)
    if (byte < 0x80) return { length, bytes: bytes + 1 }
  }
  return null
}
