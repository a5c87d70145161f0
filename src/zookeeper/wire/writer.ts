/**
 * Writes jute primitives and frames into one growing buffer. It knows no record and does no I/O.
 *
 * What was taken is never written to again, so it can go to a socket without being copied;
 * the rest of the same buffer serves the next frames.
 */

const INITIAL = 16 * 1024
const CHUNK = 256 * 1024

export class JuteWriter {
  #bytes = Buffer.allocUnsafe(INITIAL)
  #start = 0
  #at = 0
  #frameStart = -1

  /** Bytes written and not yet taken. */
  get length(): number {
    return this.#at - this.#start
  }

  bool(value: boolean): this {
    this.#reserve(1)
    this.#bytes[this.#at++] = value ? 1 : 0
    return this
  }

  int(value: number): this {
    this.#reserve(4)
    this.#at = this.#bytes.writeInt32BE(value, this.#at)
    return this
  }

  long(value: bigint): this {
    this.#reserve(8)
    this.#at = this.#bytes.writeBigInt64BE(value, this.#at)
    return this
  }

  buffer(value: Buffer | null): this {
    if (value === null) return this.int(-1)
    return this.int(value.length).raw(value)
  }

  string(value: string): this {
    // UTF-8 takes at most three bytes for each UTF-16 unit.
    this.#reserve(4 + value.length * 3)
    const written = this.#bytes.write(value, this.#at + 4, 'utf8')
    this.#bytes.writeInt32BE(written, this.#at)
    this.#at += 4 + written
    return this
  }

  strings(values: Iterable<string> & { readonly length: number }): this {
    this.int(values.length)
    for (const value of values) this.string(value)
    return this
  }

  raw(value: Buffer): this {
    this.#reserve(value.length)
    this.#at += value.copy(this.#bytes, this.#at)
    return this
  }

  /** Leaves room for the length that `endFrame` puts in. */
  beginFrame(): this {
    this.#reserve(4)
    this.#frameStart = this.#at
    this.#at += 4
    return this
  }

  /** Returns the size of the frame in bytes, its length field included. */
  endFrame(): number {
    const size = this.#at - this.#frameStart
    this.#bytes.writeInt32BE(size - 4, this.#frameStart)
    this.#frameStart = -1
    return size
  }

  /** Forgets a frame that was begun. */
  dropFrame(): void {
    this.#at = this.#frameStart
    this.#frameStart = -1
  }

  /** What was written since the last call. */
  take(): Buffer {
    const taken = this.#bytes.subarray(this.#start, this.#at)
    this.#start = this.#at
    return taken
  }

  #reserve(length: number): void {
    if (this.#at + length <= this.#bytes.length) return
    const pending = this.#at - this.#start
    const bytes = Buffer.allocUnsafe(Math.max(CHUNK, (pending + length) * 2))
    this.#bytes.copy(bytes, 0, this.#start, this.#at)
    if (this.#frameStart >= 0) this.#frameStart -= this.#start
    this.#bytes = bytes
    this.#start = 0
    this.#at = pending
  }
}

/** The bytes of one record on its own. */
export function encode(write: (out: JuteWriter) => void): Buffer {
  const out = new JuteWriter()
  write(out)
  return out.take()
}
