/** Reads jute primitives from one frame. It knows no record and does no I/O. */

/** The bytes do not hold the record that they should. */
export class MalformedRecordError extends Error {
  override name = 'MalformedRecordError'
}

const EMPTY = Buffer.alloc(0)

export class JuteReader {
  #bytes: Buffer
  #at: number

  constructor(bytes: Buffer = EMPTY) {
    this.#bytes = bytes
    this.#at = 0
  }

  /** Starts anew on other bytes: one reader serves a whole connection. */
  reset(bytes: Buffer): this {
    this.#bytes = bytes
    this.#at = 0
    return this
  }

  get remaining(): number {
    return this.#bytes.length - this.#at
  }

  bool(): boolean {
    this.#need(1)
    return this.#bytes[this.#at++] !== 0
  }

  int(): number {
    this.#need(4)
    const value = this.#bytes.readInt32BE(this.#at)
    this.#at += 4
    return value
  }

  long(): bigint {
    this.#need(8)
    const value = this.#bytes.readBigInt64BE(this.#at)
    this.#at += 8
    return value
  }

  /** A view into the frame, not a copy; `null` for length −1. */
  buffer(): Buffer | null {
    const length = this.int()
    if (length === -1) return null
    return this.raw(this.#checkedLength(length))
  }

  /** `null` for length −1. */
  nullableString(): string | null {
    const length = this.int()
    if (length === -1) return null
    const start = this.#at
    this.#at += this.#checkedLength(length)
    return this.#bytes.toString('utf8', start, this.#at)
  }

  string(): string {
    const value = this.nullableString()
    if (value === null) throw new MalformedRecordError('a string is null')
    return value
  }

  /**
   * The count of a vector; a null vector counts as empty.
   * A count that the rest of the frame cannot hold is refused before anyone allocates for it.
   * @param bytesEach the least that one element takes
   */
  count(bytesEach: number): number {
    const count = this.int()
    if (count === -1) return 0
    if (count < 0 || count * bytesEach > this.remaining) {
      throw new MalformedRecordError(`a vector of ${count} elements in ${this.remaining} bytes`)
    }
    return count
  }

  strings(): string[] {
    const count = this.count(4)
    const values = new Array<string>(count)
    for (let i = 0; i < count; i++) values[i] = this.string()
    return values
  }

  /** The next `length` bytes as a view. */
  raw(length: number): Buffer {
    this.#need(length)
    const start = this.#at
    this.#at += length
    return this.#bytes.subarray(start, this.#at)
  }

  skip(bytes: number): void {
    this.#need(bytes)
    this.#at += bytes
  }

  /** Passes over a buffer or string, and returns its length; −1 for null. */
  skipBuffer(): number {
    const length = this.int()
    if (length !== -1) this.skip(this.#checkedLength(length))
    return length
  }

  /** A view of all that `pass` reads. */
  span(pass: () => void): Buffer {
    const start = this.#at
    pass()
    return this.#bytes.subarray(start, this.#at)
  }

  #checkedLength(length: number): number {
    if (length < 0) throw new MalformedRecordError(`a length of ${length}`)
    this.#need(length)
    return length
  }

  #need(length: number): void {
    if (this.#at + length > this.#bytes.length) {
      throw new MalformedRecordError(`${length} bytes wanted where ${this.remaining} are left`)
    }
  }
}
