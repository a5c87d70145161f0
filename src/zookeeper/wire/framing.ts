/**
 * Cuts a stream of bytes into frames: `i32 length, payload`.
 *
 * A frame that lies within one chunk comes out as a view of it. One that spans chunks is put together once,
 * in a buffer that grows with the bytes that really arrive: a length field alone never makes it allocate.
 */
import { MalformedRecordError } from './reader.ts'

const EMPTY = Buffer.alloc(0)

/** Up to this size a frame's buffer is made at once; beyond it doubles as bytes come in. */
const TRUSTED_LENGTH = 1024 * 1024

export class FrameAssembler {
  readonly #maxFrameBytes: number
  #chunk: Buffer = EMPTY
  #at = 0
  readonly #header = Buffer.alloc(4)
  #headerFilled = 0
  /** The length of the frame being put together, −1 when none is. */
  #length = -1
  #body: Buffer = EMPTY
  #filled = 0

  /** @param maxFrameBytes a longer frame is refused */
  constructor(maxFrameBytes: number) {
    this.#maxFrameBytes = maxFrameBytes
  }

  /** How much of the frame that is not complete yet is there. */
  get filled(): number {
    return this.#length < 0 ? 0 : this.#filled
  }

  /** Gives it the next bytes. Only after `next` has returned `null`. */
  push(chunk: Buffer): void {
    this.#chunk = chunk
    this.#at = 0
  }

  /**
   * The next complete frame, or `null` when more bytes are needed.
   * @throws MalformedRecordError for a length that is negative or above the limit
   */
  next(): Buffer | null {
    if (this.#length >= 0) return this.#fillBody()
    if (this.#headerFilled > 0) return this.#fillHeader()
    const available = this.#chunk.length - this.#at
    if (available < 4) return this.#fillHeader()
    const length = this.#checked(this.#chunk.readInt32BE(this.#at))
    this.#at += 4
    return this.#begin(length)
  }

  #begin(length: number): Buffer | null {
    const end = this.#at + length
    if (end <= this.#chunk.length) {
      const frame = this.#chunk.subarray(this.#at, end)
      this.#at = end
      return frame
    }
    this.#length = length
    this.#body = Buffer.allocUnsafe(Math.min(length, TRUSTED_LENGTH))
    this.#filled = 0
    return this.#fillBody()
  }

  #fillHeader(): Buffer | null {
    const copied = this.#chunk.copy(this.#header, this.#headerFilled, this.#at)
    this.#headerFilled += copied
    this.#at += copied
    if (this.#headerFilled < 4) return this.#release()
    this.#headerFilled = 0
    return this.#begin(this.#checked(this.#header.readInt32BE(0)))
  }

  #fillBody(): Buffer | null {
    const wanted = Math.min(this.#length - this.#filled, this.#chunk.length - this.#at)
    if (this.#filled + wanted > this.#body.length) this.#grow(this.#filled + wanted)
    this.#chunk.copy(this.#body, this.#filled, this.#at, this.#at + wanted)
    this.#filled += wanted
    this.#at += wanted
    if (this.#filled < this.#length) return this.#release()
    const frame = this.#body
    this.#body = EMPTY
    this.#length = -1
    return frame
  }

  #grow(least: number): void {
    const body = Buffer.allocUnsafe(Math.min(this.#length, Math.max(least, this.#body.length * 2)))
    this.#body.copy(body, 0, 0, this.#filled)
    this.#body = body
  }

  /** A chunk that is used up must not be kept alive until the next one comes. */
  #release(): null {
    this.#chunk = EMPTY
    this.#at = 0
    return null
  }

  #checked(length: number): number {
    if (length < 0 || length > this.#maxFrameBytes) {
      throw new MalformedRecordError(
        `a frame of ${length} bytes, where at most ${this.#maxFrameBytes} are taken`,
      )
    }
    return length
  }
}
