/**
 * Reads one transaction log, transaction by transaction. Knows no tree.
 *
 *   "ZKLG", i32 2, i64 database id
 *   { i64 Adler-32 of the transaction's bytes, i32 length, the bytes, 0x42 }*
 *   zeros: servers make room ahead
 */
import { ADLER_START, adler32 } from './adler32.ts'
import { ByteWindow } from './byte-window.ts'
import { Damage, type DamageKind } from './damage.ts'
import { FileFeed } from './feeds.ts'
import { findTransaction } from './find-transaction.ts'
import { Transaction, TXN_HEADER_BYTES } from './transaction.ts'

/**
 * How a log ends. `torn`: in the middle of a transaction that was being written when the server stopped; nothing
 * follows it. `unborn`: the file was made, and its header not written.
 */
export interface LogEnd {
  how: 'padding' | 'end-of-file' | 'torn' | 'unborn'
  /** The byte after the last whole transaction. */
  at: number
}

export const ENTRY_BYTES = 12
export const END_OF_RECORD = 0x42
const MAGIC = 0x5a4b4c47
const FORMAT = 2
const HEADER_BYTES = 16
const MOST_BYTES = 256 * 1024 * 1024

/**
 *     const log = await LogReader.open(file)
 *     while (await log.more()) {
 *       for (let txn = log.next(); txn !== null; txn = log.next()) …
 *     }
 *     log.end
 *
 * Rejects with `Damage` where a transaction is not what was written, and also where what looks like the end is none:
 * whole transactions follow.
 */
export class LogReader {
  readonly file: string
  /** Bytes of the file. */
  readonly size: number
  databaseId = 0n
  readonly #feed: FileFeed
  readonly #window: ByteWindow
  readonly #transaction = new Transaction()
  #end: LogEnd | null = null
  #lastZxid = -1n

  private constructor(file: string, feed: FileFeed) {
    this.file = file
    this.size = feed.size
    this.#feed = feed
    this.#window = new ByteWindow(feed)
  }

  static async open(file: string): Promise<LogReader> {
    const log = new LogReader(file, await FileFeed.open(file))
    try {
      await log.#header()
      return log
    } catch (error) {
      await log.close()
      throw error
    }
  }

  /** Only after `more` has said false. */
  get end(): LogEnd {
    if (this.#end === null) throw new Error('the log has not been read to its end')
    return this.#end
  }

  /** Waits for more transactions; false at the end. */
  async more(): Promise<boolean> {
    if (this.#end !== null) return false
    const window = this.#window
    const { position } = window
    if (!(await window.need(ENTRY_BYTES))) {
      return window.available === 0
        ? this.#finish('end-of-file', position)
        : this.#irregular('truncated', 'ends')
    }
    const length = window.bytes.readInt32BE(window.at + 8)
    if (length === 0) return this.#padding()
    if (length < TXN_HEADER_BYTES || length > MOST_BYTES) {
      return this.#irregular('malformed', `holds a transaction of ${length} bytes`)
    }
    const whole = ENTRY_BYTES + length + 1
    if (!window.mayHold(whole) || !(await window.need(whole))) return this.#irregular('truncated', 'ends')
    const { bytes, at } = window
    if (bytes[at + whole - 1] !== END_OF_RECORD) return this.#irregular('truncated', 'stops')
    if (!this.#sound(bytes, at, length)) {
      const found = await this.#following()
      throw this.#damage('checksum', `has a wrong checksum on the transaction at byte ${position}`, found)
    }
    return true
  }

  /** The next of those that are there; null when `more` has to be asked. The same object each time. */
  next(): Transaction | null {
    const window = this.#window
    const { bytes, at, available } = window
    if (available < ENTRY_BYTES) return null
    const length = bytes.readInt32BE(at + 8)
    const whole = ENTRY_BYTES + length + 1
    if (length < TXN_HEADER_BYTES || available < whole || bytes[at + whole - 1] !== END_OF_RECORD) return null
    if (!this.#sound(bytes, at, length)) return null
    const transaction = this.#transaction
    const from = at + ENTRY_BYTES
    transaction.set(this.file, bytes.subarray(from, from + length), window.position + ENTRY_BYTES)
    this.#lastZxid = transaction.zxid
    window.at += whole
    return transaction
  }

  /** Goes on at a transaction that lies at `position`, at or after where it stands. */
  async skipTo(position: number): Promise<void> {
    const window = this.#window
    while (window.position < position) {
      if (window.available === 0 && !(await window.need(1))) break
      window.at += Math.min(window.available, position - window.position)
    }
  }

  close(): Promise<void> {
    return this.#feed.close()
  }

  async #header(): Promise<void> {
    const window = this.#window
    if (!(await window.need(HEADER_BYTES)) || window.bytes.readInt32BE(window.at) === 0) {
      const begun = window.bytes.subarray(window.at, window.end).some((byte) => byte !== 0)
      if (begun) throw this.#damage('malformed', 'is no transaction log: ZKLG is not at its start')
      this.#finish('unborn', 0)
      if (await this.#following()) throw this.#damage('malformed', 'is a log without its header')
      return
    }
    const { bytes, at } = window
    if (bytes.readInt32BE(at) !== MAGIC) {
      throw this.#damage('malformed', 'is no transaction log: ZKLG is not at its start')
    }
    const format = bytes.readInt32BE(at + 4)
    if (format !== FORMAT) throw this.#damage('malformed', `is of format ${format}, where 2 is known`)
    this.databaseId = bytes.readBigInt64BE(at + 8)
    window.at += HEADER_BYTES
  }

  async #padding(): Promise<boolean> {
    const at = this.#window.position
    if (!(await this.#bytesFollow(at))) return this.#finish('padding', at)
    return this.#irregular('malformed', 'holds zeros')
  }

  /** Torn, when no whole transaction follows; damaged otherwise. */
  async #irregular(kind: DamageKind, what: string): Promise<boolean> {
    const at = this.#window.position
    const found = await this.#following()
    if (found === null) return this.#finish('torn', at)
    throw this.#damage(kind, `${what} where a transaction should be, at byte ${at}`, found)
  }

  #finish(how: LogEnd['how'], at: number): boolean {
    this.#end = { how, at }
    return false
  }

  #sound(bytes: Buffer, at: number, length: number): boolean {
    if (bytes.readInt32BE(at) !== 0) return false
    const from = at + ENTRY_BYTES
    return bytes.readUInt32BE(at + 4) === adler32(ADLER_START, bytes, from, from + length)
  }

  /** The first whole transaction after where it stands. */
  #following(): Promise<Following | null> {
    return findTransaction(this.#feed, this.#window.position + 1, this.#lastZxid)
  }

  async #bytesFollow(position: number): Promise<boolean> {
    for (let at = position; at < this.size; ) {
      const bytes = await this.#feed.readAt(at, 1024 * 1024)
      if (bytes.length === 0) return false
      if (!isZero(bytes)) return true
      at += bytes.length
    }
    return false
  }

  #damage(kind: DamageKind, what: string, following: Following | null = null): LogDamage {
    const tail = following === null ? '' : `, and whole transactions follow at byte ${following.at}`
    return new LogDamage(kind, this.file, this.#window.position, what + tail, following)
  }
}

export interface Following {
  at: number
  zxid: bigint
}

export class LogDamage extends Damage {
  /** The first whole transaction after the damage; null where none was found. */
  readonly following: Following | null

  constructor(kind: DamageKind, file: string, at: number, what: string, following: Following | null) {
    super(kind, file, at, what)
    this.following = following
  }
}

const ZEROS = Buffer.alloc(64 * 1024)

function isZero(bytes: Buffer): boolean {
  for (let at = 0; at < bytes.length; at += ZEROS.length) {
    const to = Math.min(bytes.length, at + ZEROS.length)
    if (ZEROS.compare(bytes, at, to, 0, to - at) !== 0) return false
  }
  return true
}
