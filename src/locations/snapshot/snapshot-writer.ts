/**
 * Writes one snapshot, znode by znode, in memory of fixed size: header, no sessions, ACLs, znodes, one seal. The
 * grammar is in `../datadir/snapshot-reader.ts`; what 3.6 and 3.9 add behind the seal is left out, and every version
 * boots without it.
 */
import { closeSync, fsync, openSync, writeSync } from 'node:fs'
import { promisify } from 'node:util'
import type { AclList } from '../../tree/acl.ts'
import type { Data } from '../../tree/znode.ts'
import { ADLER_START, adler32 } from '../datadir/adler32.ts'
import { PERSISTED_STAT_BYTES, type PersistedStat, StatAt } from '../datadir/persisted-stat.ts'
import { PRIVATE_FILE } from './landing.ts'

const synced = promisify(fsync)

const MAGIC = 0x5a4b534e
const FORMAT = 2
const NO_DATABASE = -1n
const BUFFER_BYTES = 1024 * 1024
/** Of UTF-8 for one unit of a JavaScript string. */
const MOST_BYTES_A_UNIT = 3

export class SnapshotWriter {
  readonly #descriptor: number
  readonly #buffer = Buffer.allocUnsafe(BUFFER_BYTES)
  #used = 0
  #sum = ADLER_START
  #written = 0
  #open = true

  /** Makes `file`, which must not be there, and begins it. `acls[0]` gets the id 1. */
  constructor(file: string, acls: readonly AclList[]) {
    this.#descriptor = openSync(file, 'wx', PRIVATE_FILE)
    this.#int(MAGIC)
    this.#int(FORMAT)
    this.#long(NO_DATABASE)
    this.#int(0)
    this.#int(acls.length)
    for (const [at, { entries }] of acls.entries()) {
      this.#long(BigInt(at + 1))
      this.#int(entries.length)
      for (const { perms, scheme, id } of entries) {
        this.#int(perms)
        this.#string(scheme)
        this.#bytes(id)
      }
    }
  }

  /** Bytes so far. */
  get length(): number {
    return this.#written + this.#used
  }

  /** The root first, a parent before its children. `path` is absolute. */
  add(path: string, data: Data, aclId: number, stat: PersistedStat): void {
    this.#string(path === '/' ? '' : path)
    this.#bytes(data)
    this.#room(8 + PERSISTED_STAT_BYTES)
    this.#used = this.#buffer.writeBigInt64BE(BigInt(aclId), this.#used)
    putStat(this.#buffer, this.#used, stat)
    this.#used += PERSISTED_STAT_BYTES
  }

  /** Puts the seal, and everything onto the disk. */
  async finish(): Promise<void> {
    this.#string('/')
    this.#flush()
    const sum = this.#sum
    this.#long(BigInt(sum))
    this.#string('/')
    this.#flush()
    // A disk may take long for it, and others have to go on meanwhile.
    await synced(this.#descriptor)
    this.close()
  }

  /** Without `finish`, what was written is no snapshot. */
  close(): void {
    if (this.#open) closeSync(this.#descriptor)
    this.#open = false
  }

  #int(value: number): void {
    this.#room(4)
    this.#used = this.#buffer.writeInt32BE(value, this.#used)
  }

  #long(value: bigint): void {
    this.#room(8)
    this.#used = this.#buffer.writeBigInt64BE(value, this.#used)
  }

  #string(text: string): void {
    const most = text.length * MOST_BYTES_A_UNIT
    if (most > BUFFER_BYTES / 2) return this.#bytes(Buffer.from(text))
    this.#room(4 + most)
    const length = this.#buffer.write(text, this.#used + 4, 'utf8')
    this.#buffer.writeInt32BE(length, this.#used)
    this.#used += 4 + length
  }

  #bytes(bytes: Data): void {
    if (bytes === null) return this.#int(-1)
    this.#int(bytes.length)
    if (bytes.length > BUFFER_BYTES / 2) {
      this.#flush()
      this.#write(bytes)
    } else {
      this.#room(bytes.length)
      this.#used += bytes.copy(this.#buffer, this.#used)
    }
  }

  #room(bytes: number): void {
    if (this.#used + bytes > BUFFER_BYTES) this.#flush()
  }

  #flush(): void {
    this.#write(this.#buffer.subarray(0, this.#used))
    this.#used = 0
  }

  #write(bytes: Buffer): void {
    this.#sum = adler32(this.#sum, bytes, 0, bytes.length)
    for (let at = 0; at < bytes.length; ) at += writeSync(this.#descriptor, bytes, at)
    this.#written += bytes.length
  }
}

function putStat(buffer: Buffer, at: number, stat: PersistedStat): void {
  buffer.writeBigInt64BE(stat.czxid, at + StatAt.czxid)
  buffer.writeBigInt64BE(stat.mzxid, at + StatAt.mzxid)
  buffer.writeBigInt64BE(stat.ctime, at + StatAt.ctime)
  buffer.writeBigInt64BE(stat.mtime, at + StatAt.mtime)
  buffer.writeInt32BE(stat.version, at + StatAt.version)
  buffer.writeInt32BE(stat.cversion, at + StatAt.cversion)
  buffer.writeInt32BE(stat.aversion, at + StatAt.aversion)
  buffer.writeBigInt64BE(stat.ephemeralOwner, at + StatAt.ephemeralOwner)
  buffer.writeBigInt64BE(stat.pzxid, at + StatAt.pzxid)
}
