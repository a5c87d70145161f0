/**
 * A file's bytes, uncompressed, through a window of fixed size: the file is never in memory as a whole.
 * Parsers look at what is there without waiting, and wait only when the window has to move on.
 */
import { ADLER_START, adler32 } from './adler32.ts'

/** Where bytes come from, in order. */
export interface ByteFeed {
  /** Puts at least one byte into `into` from `from` on; 0 at the end. Rejects with `Damage`. */
  read(into: Buffer, from: number): Promise<number>
  /** How many bytes there are in all, where that is known before they are read. */
  readonly size: number | null
  close(): Promise<void>
}

const WINDOW_BYTES = 1024 * 1024

export class ByteWindow {
  bytes = Buffer.allocUnsafe(WINDOW_BYTES)
  /** What has not been consumed yet begins here. */
  at = 0
  end = 0
  readonly #feed: ByteFeed
  /** Position of `bytes[0]` in the stream. */
  #base = 0
  #sum = ADLER_START
  #summedTo = 0

  constructor(feed: ByteFeed) {
    this.#feed = feed
  }

  /** Bytes consumed so far: the position of `at` in the stream. */
  get position(): number {
    return this.#base + this.at
  }

  /** Bytes that are there without waiting. */
  get available(): number {
    return this.end - this.at
  }

  /** Whether `length` more bytes can exist at all. */
  mayHold(length: number): boolean {
    return this.#feed.size === null || this.position + length <= this.#feed.size
  }

  /**
   * Waits until `length` bytes are there from `at` on; false when the stream ends before. Offsets into `bytes` are not
   * valid any more afterwards. The window grows as bytes come in, never by what a length field says.
   */
  async need(length: number): Promise<boolean> {
    while (this.available < length) {
      this.#makeRoom()
      const read = await this.#feed.read(this.bytes, this.end)
      if (read === 0) return false
      this.end += read
    }
    return true
  }

  /** Adler-32 of all bytes before `at`. */
  checksum(): number {
    if (this.#summedTo < this.at) {
      this.#sum = adler32(this.#sum, this.bytes, this.#summedTo, this.at)
      this.#summedTo = this.at
    }
    return this.#sum
  }

  #makeRoom(): void {
    if (this.at > 0) {
      this.checksum()
      this.bytes.copy(this.bytes, 0, this.at, this.end)
      this.#base += this.at
      this.end -= this.at
      this.at = 0
      this.#summedTo = 0
    }
    if (this.end < this.bytes.length) return
    const larger = Buffer.allocUnsafe(this.bytes.length * 2)
    this.bytes.copy(larger, 0, 0, this.end)
    this.bytes = larger
  }
}
