/**
 * Reads one snapshot, znode by znode, without keeping it. Knows no tree.
 *
 *   "ZKSN", i32 2, i64 -1
 *   i32 n, n × { i64 session, i32 timeout }
 *   i32 m, m × { i64 aclId, vector<ACL> }
 *   { ustring path, buffer data, i64 aclId, 60 bytes of Stat }*    root "" first, a parent before its children
 *   ustring "/", seal
 *   [3.6: i64 zxid, i32 2, i64 digest, seal]  [3.9: i64 zxid, seal]
 *
 * A seal is { i64 Adler-32 of all that is before it, ustring "/" }. Which of the last two are there is told by length.
 */
import type { Acl } from '../../zookeeper/wire/records.ts'
import { type ByteFeed, ByteWindow } from './byte-window.ts'
import { Damage, type DamageKind } from './damage.ts'
import { openFeed } from './feeds.ts'
import { PERSISTED_STAT_BYTES, type PersistedStat, readPersistedStat, StatAt } from './persisted-stat.ts'

export interface SnapshotTrailer {
  /** Present where the server computed digests (3.6 and later, unless switched off). */
  digest: { zxid: bigint; version: number; value: bigint } | null
  /** Present from 3.9 on. */
  lastProcessedZxid: bigint | null
}

/** An ACL id that stands for world:anyone with all permissions, and is not in the list. */
export const OPEN_ACL_ID = -1

const MAGIC = 0x5a4b534e
const FORMAT = 2
const SEAL_BYTES = 13
const DIGEST_BYTES = 20 + SEAL_BYTES
const LAST_ZXID_BYTES = 8 + SEAL_BYTES
const AFTER_DATA = 8 + PERSISTED_STAT_BYTES
/** No znode is near it: a length beyond is a damaged one. */
const MOST_BYTES = 256 * 1024 * 1024
const SLASH = 0x2f

/** One znode, as a view of the reader's window: valid until the next one is asked for. */
export class SnapshotNode {
  /** The record's parts lie in here. */
  bytes: Buffer = Buffer.alloc(0)
  pathFrom = 0
  pathTo = 0
  dataFrom = 0
  /** −1: null. */
  dataLength = -1
  statFrom = 0
  aclId = OPEN_ACL_ID
  /** Where its data begin in the uncompressed file. */
  dataPosition = 0

  /** Absolute; "" for the root. */
  get path(): string {
    return this.bytes.toString('utf8', this.pathFrom, this.pathTo)
  }

  /** A view. */
  get data(): Buffer | null {
    return this.dataLength < 0 ? null : this.bytes.subarray(this.dataFrom, this.dataFrom + this.dataLength)
  }

  get stat(): PersistedStat {
    return readPersistedStat(this.bytes, this.statFrom)
  }

  get ephemeralOwner(): bigint {
    return this.bytes.readBigInt64BE(this.statFrom + StatAt.ephemeralOwner)
  }
}

/**
 *     const reader = await SnapshotReader.open(file)
 *     while (await reader.more()) {
 *       for (let node = reader.next(); node !== null; node = reader.next()) …
 *     }
 *     reader.trailer
 *
 * Everything rejects with `Damage`. What was read is what was written only once `more` has said false.
 */
export class SnapshotReader {
  readonly file: string
  /** By session id: the timeout in milliseconds. */
  readonly sessions = new Map<bigint, number>()
  readonly acls = new Map<number, Acl[]>()
  /** Znodes read so far. */
  count = 0
  readonly #feed: ByteFeed
  readonly #window: ByteWindow
  readonly #node = new SnapshotNode()
  #trailer: SnapshotTrailer | null = null

  private constructor(file: string, feed: ByteFeed) {
    this.file = file
    this.#feed = feed
    this.#window = new ByteWindow(feed)
  }

  /** Reads up to the first znode. */
  static async open(file: string): Promise<SnapshotReader> {
    const reader = new SnapshotReader(file, await openFeed(file))
    try {
      await reader.#header()
      await reader.#sessions()
      await reader.#acls()
      return reader
    } catch (error) {
      await reader.close()
      throw error
    }
  }

  /** Only after `more` has said false. */
  get trailer(): SnapshotTrailer {
    if (this.#trailer === null) throw new Error('the snapshot has not been read to its end')
    return this.#trailer
  }

  /** Bytes read so far, uncompressed. */
  get position(): number {
    return this.#window.position
  }

  /** Waits for more znodes. False after the last: then all checksums were right. */
  async more(): Promise<boolean> {
    if (this.#trailer !== null) return false
    const window = this.#window
    await this.#need(4, 'between two znodes')
    const pathLength = this.#length(window.at, 'path')
    await this.#need(4 + pathLength, 'within the path of a znode')
    if (this.#isEndMark(pathLength)) {
      await this.#end()
      return false
    }
    await this.#need(8 + pathLength, 'within a znode')
    const dataLength = this.#dataLength(window.at + 4 + pathLength)
    await this.#need(8 + pathLength + Math.max(0, dataLength) + AFTER_DATA, 'within a znode')
    return true
  }

  /** The next of those that are there; null when `more` has to be asked. The same object each time. */
  next(): SnapshotNode | null {
    const window = this.#window
    const { bytes, at, available } = window
    if (available < 9) return null
    const pathLength = bytes.readInt32BE(at)
    if (pathLength < 0 || available < 8 + pathLength || this.#isEndMark(pathLength)) return null
    const dataLength = bytes.readInt32BE(at + 4 + pathLength)
    const length = 8 + pathLength + Math.max(0, dataLength) + AFTER_DATA
    if (dataLength < -1 || available < length) return null
    const node = this.#node
    node.bytes = bytes
    node.pathFrom = at + 4
    node.pathTo = node.pathFrom + pathLength
    node.dataFrom = node.pathTo + 4
    node.dataLength = dataLength
    node.dataPosition = window.position + 8 + pathLength
    node.statFrom = at + length - PERSISTED_STAT_BYTES
    const aclAt = node.statFrom - 8
    node.aclId = bytes.readInt32BE(aclAt) * 2 ** 32 + bytes.readUInt32BE(aclAt + 4)
    if (this.count === 0 ? pathLength !== 0 : bytes[node.pathFrom] !== SLASH) {
      const what = this.count === 0 ? 'does not begin with the root' : 'holds a path without a slash'
      throw this.#damage('malformed', `${what}, at byte ${window.position}`)
    }
    window.at += length
    this.count++
    return node
  }

  close(): Promise<void> {
    return this.#feed.close()
  }

  async #header(): Promise<void> {
    const window = this.#window
    if (!(await window.need(16))) {
      const empty = window.available === 0
      throw this.#damage(empty ? 'empty' : 'truncated', empty ? 'is empty' : 'ends within its header')
    }
    const { bytes, at } = window
    if (bytes.readInt32BE(at) !== MAGIC)
      throw this.#damage('malformed', 'is no snapshot: ZKSN is not at its start')
    const format = bytes.readInt32BE(at + 4)
    if (format !== FORMAT) throw this.#damage('malformed', `is of format ${format}, where 2 is known`)
    window.at += 16
  }

  async #sessions(): Promise<void> {
    const count = await this.#count(12, 'sessions')
    const window = this.#window
    for (let i = 0; i < count; i++) {
      if (window.available < 12) await this.#need(12, 'within its list of sessions')
      this.sessions.set(window.bytes.readBigInt64BE(window.at), window.bytes.readInt32BE(window.at + 8))
      window.at += 12
    }
  }

  async #acls(): Promise<void> {
    const count = await this.#count(12, 'ACLs')
    const window = this.#window
    for (let i = 0; i < count; i++) {
      await this.#need(12, 'within its list of ACLs')
      const id = Number(window.bytes.readBigInt64BE(window.at))
      window.at += 8
      const entries: Acl[] = []
      for (let left = await this.#count(12, 'entries of an ACL'); left > 0; left--) {
        await this.#need(4, 'within an ACL')
        const perms = window.bytes.readInt32BE(window.at)
        window.at += 4
        const scheme = (await this.#buffer('ACL')).toString('utf8')
        entries.push({ perms, scheme, id: await this.#buffer('ACL') })
      }
      this.acls.set(id, entries)
    }
  }

  async #buffer(what: string): Promise<Buffer> {
    const window = this.#window
    await this.#need(4, `within an ${what}`)
    const length = this.#length(window.at, what)
    await this.#need(4 + length, `within an ${what}`)
    window.at += 4 + length
    return Buffer.from(window.bytes.subarray(window.at - length, window.at))
  }

  async #count(bytesEach: number, what: string): Promise<number> {
    const window = this.#window
    await this.#need(4, `before its ${what}`)
    const count = window.bytes.readInt32BE(window.at)
    if (count < 0 || !window.mayHold(4 + count * bytesEach)) {
      throw this.#damage('malformed', `says that it holds ${count} ${what}, at byte ${window.position}`)
    }
    window.at += 4
    return count
  }

  #isEndMark(pathLength: number): boolean {
    const { bytes, at } = this.#window
    return pathLength === 1 && bytes[at + 4] === SLASH
  }

  async #end(): Promise<void> {
    const window = this.#window
    if (this.count === 0) throw this.#damage('malformed', 'holds no znode, not even the root')
    window.at += 5
    await this.#seal('its znodes')
    await window.need(DIGEST_BYTES + LAST_ZXID_BYTES + 1)
    const trailer: SnapshotTrailer = { digest: null, lastProcessedZxid: null }
    const left = window.available
    const lengths = [0, DIGEST_BYTES, LAST_ZXID_BYTES, DIGEST_BYTES + LAST_ZXID_BYTES]
    if (!lengths.includes(left)) {
      const [kind, what] =
        left > DIGEST_BYTES + LAST_ZXID_BYTES
          ? (['malformed', 'holds more bytes after its end than any version writes'] as const)
          : (['truncated', `ends within what follows its znodes, at byte ${window.position + left}`] as const)
      throw this.#damage(kind, what)
    }
    if (left === DIGEST_BYTES || left === DIGEST_BYTES + LAST_ZXID_BYTES) {
      const { bytes, at } = window
      trailer.digest = {
        zxid: bytes.readBigInt64BE(at),
        version: bytes.readInt32BE(at + 8),
        value: bytes.readBigUInt64BE(at + 12),
      }
      window.at += 20
      await this.#seal('its digest')
    }
    if (window.available > 0) {
      trailer.lastProcessedZxid = window.bytes.readBigInt64BE(window.at)
      window.at += 8
      await this.#seal('its last zxid')
    }
    this.#trailer = trailer
  }

  async #seal(of: string): Promise<void> {
    const window = this.#window
    const computed = window.checksum()
    await this.#need(SEAL_BYTES, `before the checksum of ${of}`)
    const { bytes, at } = window
    const stored = bytes.readBigInt64BE(at)
    if (bytes.readInt32BE(at + 8) !== 1 || bytes[at + 12] !== SLASH) {
      throw this.#damage('malformed', `has no seal after ${of}, at byte ${window.position}`)
    }
    if (stored !== BigInt(computed)) {
      throw this.#damage('checksum', `is not what was written: the checksum of ${of} is wrong`)
    }
    window.at += SEAL_BYTES
  }

  /** The length at `at` of something that the file can hold. */
  #length(at: number, what: string): number {
    const window = this.#window
    const length = window.bytes.readInt32BE(at)
    if (length < 0 || length > MOST_BYTES) {
      throw this.#damage('malformed', `holds ${article(what)} of ${length} bytes, at byte ${window.position}`)
    }
    return length
  }

  #dataLength(at: number): number {
    return this.#window.bytes.readInt32BE(at) === -1 ? -1 : this.#length(at, 'znode')
  }

  async #need(length: number, where: string): Promise<void> {
    const window = this.#window
    if (window.available >= length) return
    if (window.mayHold(length) && (await window.need(length))) return
    throw this.#damage('truncated', `ends ${where}, at byte ${window.position + window.available}`)
  }

  #damage(kind: DamageKind, what: string): Damage {
    return new Damage(kind, this.file, this.#window.position, what)
  }
}

function article(what: string): string {
  return /^[aeiouAEIOU]/.test(what) ? `an ${what}` : `a ${what}`
}
