/** Numbers and texts in bytes: unsigned LEB128, and UTF-8 after its length. */

export class ByteWriter {
  readonly #parts: Buffer[] = []

  number(value: number): this {
    const bytes: number[] = []
    let rest = value
    for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80)
    bytes.push(rest)
    return this.raw(Buffer.from(bytes))
  }

  bytes(value: Buffer): this {
    return this.number(value.length).raw(value)
  }

  text(value: string): this {
    return this.bytes(Buffer.from(value))
  }

  raw(value: Buffer): this {
    this.#parts.push(value)
    return this
  }

  take(): Buffer {
    return Buffer.concat(this.#parts)
  }
}

/** @throws RangeError for what ends too early, or goes on after its end. */
export class ByteReader {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  number(): number {
    let value = 0
    for (let factor = 1; ; factor *= 0x80) {
      const byte = this.#bytes[this.#at++]
      if (byte === undefined || factor > 2 ** 49) throw new RangeError('a number does not end')
      value += (byte & 0x7f) * factor
      if (byte < 0x80) return value
    }
  }

  bytes(): Buffer {
    return this.raw(this.number())
  }

  text(): string {
    return this.bytes().toString()
  }

  raw(length: number): Buffer {
    const end = this.#at + length
    if (end > this.#bytes.length) throw new RangeError('it ends too early')
    const value = this.#bytes.subarray(this.#at, end)
    this.#at = end
    return value
  }

  end(): void {
    if (this.#at !== this.#bytes.length) throw new RangeError('it goes on after its end')
  }
}
