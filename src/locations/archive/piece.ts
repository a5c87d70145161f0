/**
 * A piece of a tree: znodes that follow each other, siblings together in the order of their names. Its head has all but
 * the data, its body the data, so that child lists and Stats can be read without them.
 *
 *     head: groups, then for each: parent, znodes in it
 *           ACLs, then each as ZooKeeper writes it
 *           names, NUL between them
 *           records, RECORD bytes each, the first bytes of all, then the second bytes of all, …; 64-bit numbers as
 *           differences, modulo 2⁶⁴
 *     body: the data of all, one after the other
 */
import type { AclList } from '../../tree/acl.ts'
import type { Data, Stat } from '../../tree/znode.ts'
import { type AclCache, rawAcl } from '../acl-cache.ts'
import { clientCversion } from '../stored/staged-tree.ts'
import type { StoredZnode } from '../stored/stored-tree.ts'
import { ttlToMode } from '../stored/ttl.ts'
import { ByteReader, ByteWriter } from './bytes.ts'

/** A znode on its way into a piece; `parent` is below the root, the root itself is ('', ''). */
export interface PlacedZnode {
  parent: string
  name: string
  /** As `packStat` has it. */
  stat: Buffer
  acl: AclList
  ttl: number
  /** The number that the next sequential child gets. */
  sequence: number
  children: number
  data: Data
}

/**
 * Big-endian: czxid, mzxid, pzxid, ctime, mtime, TTL (64 bits each); version, aversion, sequence, children, ACL (its
 * place in the head's list), length of the data (-1 for null) (32 bits each). czxid and ctime are the difference to the
 * record before, mzxid and pzxid that to czxid, mtime that to ctime: mostly small, and often all alike.
 */
const RECORD = 72
const [CZXID, MZXID, PZXID, CTIME, MTIME, TTL] = [0, 8, 16, 24, 32, 40]
const [VERSION, AVERSION, SEQUENCE, CHILDREN, ACL, LENGTH] = [48, 52, 56, 60, 64, 68]

export function encodePiece(znodes: readonly PlacedZnode[]): { head: Buffer; body: Buffer } {
  const acls = new Map<AclList, number>()
  const records = Buffer.allocUnsafe(znodes.length * RECORD)
  const body: Buffer[] = []
  for (const [at, znode] of znodes.entries()) {
    let acl = acls.get(znode.acl)
    if (acl === undefined) {
      acl = acls.size
      acls.set(znode.acl, acl)
    }
    writeRecord(records, at * RECORD, znode, acl)
    if (znode.data !== null) body.push(znode.data)
  }
  const out = new ByteWriter()
  const groups = groupsOf(znodes)
  out.number(groups.length)
  for (const { parent, znodes: many } of groups) out.text(parent).number(many)
  out.number(acls.size)
  for (const acl of acls.keys()) out.bytes(rawAcl(acl))
  out.text(znodes.map(({ name }) => name).join('\0'))
  differences(records, znodes.length)
  out.raw(transposed(records, znodes.length, RECORD))
  return { head: out.take(), body: Buffer.concat(body) }
}

/** Where one parent's children begin and end in a piece. */
export type Group = readonly [from: number, to: number]

/** A head, decoded. */
export class Piece {
  readonly size: number
  /** Length of the body. */
  readonly bytes: number
  readonly #names: string[]
  /** For each parent, where its children begin and end. */
  readonly #groups = new Map<string, Group>()
  readonly #acls: AclList[] = []
  readonly #records: DataView
  /** Where each znode's data begin in the body. */
  readonly #offsets: Float64Array
  /** Siblings are asked for in the order of their names. */
  #next = 0

  /** @throws RangeError when this is no head. */
  constructor(head: Buffer, acls: AclCache) {
    const input = new ByteReader(head)
    let size = 0
    for (let groups = input.number(); groups > 0; groups--) {
      const parent = input.text()
      const many = input.number()
      this.#groups.set(parent, [size, size + many])
      size += many
    }
    for (let lists = input.number(); lists > 0; lists--) this.#acls.push(acls.list(input.bytes()))
    this.#names = input.text().split('\0')
    if (this.#names.length !== size) throw new RangeError('it has other names than znodes')
    const records = transposed(input.raw(size * RECORD), RECORD, size)
    input.end()
    sums(records, size)
    this.size = size
    this.#records = new DataView(records.buffer, records.byteOffset, records.length)
    this.#offsets = new Float64Array(size + 1)
    for (let at = 0; at < size; at++)
      this.#offsets[at + 1] = (this.#offsets[at] as number) + Math.max(0, this.#int(at, LENGTH))
    this.bytes = this.#offsets[size] as number
    for (let at = 0; at < size; at++)
      if (this.#acls[this.#int(at, ACL)] === undefined) throw new RangeError('an ACL is not there')
  }

  /** Names of `parent`'s children that are in this piece. */
  namesIn(parent: string): readonly string[] {
    const group = this.#groups.get(parent)
    return group === undefined ? [] : this.#names.slice(...group)
  }

  /** Where in the piece a znode is; −1 where it is not. */
  find(parent: string, name: string): number {
    const group = this.groupOf(parent)
    return group === null ? -1 : this.findIn(group, name)
  }

  groupOf(parent: string): Group | null {
    return this.#groups.get(parent) ?? null
  }

  findIn(group: Group, name: string): number {
    const next = this.#next
    if (next >= group[0] && next < group[1] && this.#names[next] === name) {
      this.#next++
      return next
    }
    const at = this.#names.indexOf(name, group[0])
    if (at < 0 || at >= group[1]) return -1
    this.#next = at + 1
    return at
  }

  znode(at: number): StoredZnode {
    const numChildren = this.#int(at, CHILDREN)
    const sequence = this.#records.getUint32(at * RECORD + SEQUENCE)
    const stat: Stat = {
      czxid: this.#long(at, CZXID),
      mzxid: this.#long(at, MZXID),
      ctime: this.#long(at, CTIME),
      mtime: this.#long(at, MTIME),
      version: this.#int(at, VERSION),
      cversion: clientCversion(sequence, numChildren),
      aversion: this.#int(at, AVERSION),
      ephemeralOwner: 0n,
      dataLength: Math.max(0, this.#int(at, LENGTH)),
      numChildren,
      pzxid: this.#long(at, PZXID),
    }
    const acl = this.#acls[this.#int(at, ACL)] as AclList
    return { stat, acl, mode: ttlToMode(Number(this.#long(at, TTL))) }
  }

  /** A view of `body`. */
  data(at: number, body: Buffer): Data {
    if (this.#int(at, LENGTH) < 0) return null
    return body.subarray(this.#offsets[at], this.#offsets[at + 1])
  }

  #int(at: number, field: number): number {
    return this.#records.getInt32(at * RECORD + field)
  }

  #long(at: number, field: number): bigint {
    return this.#records.getBigInt64(at * RECORD + field)
  }
}

function groupsOf(znodes: readonly PlacedZnode[]): { parent: string; znodes: number }[] {
  const groups: { parent: string; znodes: number }[] = []
  for (const { parent } of znodes) {
    const last = groups.at(-1)
    if (last?.parent === parent) last.znodes++
    else groups.push({ parent, znodes: 1 })
  }
  return groups
}

/** `packStat` has the same five numbers first. */
const COPIED = 40
const [STAT_VERSION, STAT_AVERSION] = [48, 56]

function writeRecord(out: Buffer, at: number, znode: PlacedZnode, acl: number): void {
  const { stat, ttl, sequence, children, data } = znode
  stat.copy(out, at, 0, COPIED)
  out.writeInt32BE(Math.floor(ttl / 2 ** 32), at + TTL)
  out.writeUInt32BE(ttl >>> 0, at + TTL + 4)
  out.writeInt32BE(stat.readInt32BE(STAT_VERSION), at + VERSION)
  out.writeInt32BE(stat.readInt32BE(STAT_AVERSION), at + AVERSION)
  out.writeUInt32BE(sequence, at + SEQUENCE)
  out.writeInt32BE(children, at + CHILDREN)
  out.writeInt32BE(acl, at + ACL)
  out.writeInt32BE(data === null ? -1 : data.length, at + LENGTH)
}

/** From the last record to the first, and czxid and ctime last, so that what is subtracted is still there. */
function differences(records: Buffer, size: number): void {
  for (let at = (size - 1) * RECORD; at >= 0; at -= RECORD) {
    subtract(records, at + MZXID, at + CZXID)
    subtract(records, at + PZXID, at + CZXID)
    subtract(records, at + MTIME, at + CTIME)
    if (at === 0) return
    subtract(records, at + CZXID, at - RECORD + CZXID)
    subtract(records, at + CTIME, at - RECORD + CTIME)
  }
}

function sums(records: Buffer, size: number): void {
  for (let at = 0; at < size * RECORD; at += RECORD) {
    if (at > 0) {
      add(records, at + CZXID, at - RECORD + CZXID)
      add(records, at + CTIME, at - RECORD + CTIME)
    }
    add(records, at + MZXID, at + CZXID)
    add(records, at + PZXID, at + CZXID)
    add(records, at + MTIME, at + CTIME)
  }
}

/** What stands at `at` less what stands at `other`; 64 bits in two halves, because bigints are slow. */
function subtract(bytes: Buffer, at: number, other: number): void {
  const [low, by] = [bytes.readUInt32BE(at + 4), bytes.readUInt32BE(other + 4)]
  const high = bytes.readUInt32BE(at) - bytes.readUInt32BE(other) - (low < by ? 1 : 0)
  bytes.writeUInt32BE(high >>> 0, at)
  bytes.writeUInt32BE((low - by) >>> 0, at + 4)
}

function add(bytes: Buffer, at: number, other: number): void {
  const low = bytes.readUInt32BE(at + 4) + bytes.readUInt32BE(other + 4)
  const high = bytes.readUInt32BE(at) + bytes.readUInt32BE(other) + (low > 0xffffffff ? 1 : 0)
  bytes.writeUInt32BE(high >>> 0, at)
  bytes.writeUInt32BE(low >>> 0, at + 4)
}

/** Rows become columns: what is alike in neighbours comes together, and compresses well. */
function transposed(bytes: Buffer, rows: number, columns: number): Buffer {
  const out = Buffer.allocUnsafe(bytes.length)
  for (let row = 0, at = 0; row < rows; row++) {
    for (let column = 0, to = row; column < columns; column++, to += rows) out[to] = bytes[at++] as number
  }
  return out
}
