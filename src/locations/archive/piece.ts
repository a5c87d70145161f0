/**
 * A piece of a tree: znodes that follow each other, siblings together in the order of their names. Its head has all but
 * the data, its body the data, so that child lists and Stats can be read without them.
 *
 *     head: groups, then for each: parent, znodes in it
 *           ACLs, then each as ZooKeeper writes it
 *           names, NUL between them
 *           records, RECORD bytes each, the first bytes of all, then the second bytes of all, …
 *     body: the data of all, one after the other
 */
import type { AclList } from '../../tree/acl.ts'
import type { CreateMode } from '../../tree/create-mode.ts'
import type { Data, Stat } from '../../tree/znode.ts'
import { type AclCache, rawAcl } from '../acl-cache.ts'
import { clientStat } from '../stored/staged-tree.ts'
import type { StoredZnode } from '../stored/stored-tree.ts'
import { modeToTtl, ttlToMode } from '../stored/ttl.ts'
import { ByteReader, ByteWriter } from './bytes.ts'

/** A znode on its way into a piece; `parent` is below the root, the root itself is ('', ''). */
export interface PlacedZnode {
  parent: string
  name: string
  stat: Stat
  acl: AclList
  mode: CreateMode
  /** The number that the next sequential child gets. */
  sequence: number
  children: number
  data: Data
}

/**
 * Big-endian: czxid, mzxid, pzxid, ctime, mtime, TTL (i64 each); version, aversion, sequence, children, ACL (its place
 * in the head's list), length of the data (-1 for null) (32 bits each).
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
  out.raw(transposed(records, znodes.length, RECORD))
  return { head: out.take(), body: Buffer.concat(body) }
}

/** A head, decoded. */
export class Piece {
  readonly size: number
  /** Length of the body. */
  readonly bytes: number
  readonly #names: string[]
  /** For each parent, where its children begin and end. */
  readonly #groups = new Map<string, [from: number, to: number]>()
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
    this.size = size
    this.#records = new DataView(records.buffer, records.byteOffset, records.length)
    this.#offsets = new Float64Array(size + 1)
    for (let at = 0; at < size; at++)
      this.#offsets[at + 1] = (this.#offsets[at] as number) + Math.max(0, this.#int(at, LENGTH))
    this.bytes = this.#offsets[size] as number
  }

  /** Names of `parent`'s children that are in this piece. */
  namesIn(parent: string): readonly string[] {
    const group = this.#groups.get(parent)
    return group === undefined ? [] : this.#names.slice(...group)
  }

  /** Where in the piece a znode is; −1 where it is not. */
  find(parent: string, name: string): number {
    const group = this.#groups.get(parent)
    if (group === undefined) return -1
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
    const length = this.#int(at, LENGTH)
    const stat: Stat = {
      czxid: this.#long(at, CZXID),
      mzxid: this.#long(at, MZXID),
      ctime: this.#long(at, CTIME),
      mtime: this.#long(at, MTIME),
      version: this.#int(at, VERSION),
      cversion: 0,
      aversion: this.#int(at, AVERSION),
      ephemeralOwner: 0n,
      dataLength: 0,
      numChildren: 0,
      pzxid: this.#long(at, PZXID),
    }
    const sequence = this.#records.getUint32(at * RECORD + SEQUENCE)
    const acl = this.#acls[this.#int(at, ACL)]
    if (acl === undefined) throw new RangeError('it names an ACL that is not there')
    return {
      stat: clientStat(stat, sequence, this.#int(at, CHILDREN), Math.max(0, length)),
      acl,
      mode: ttlToMode(Number(this.#long(at, TTL))),
    }
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

function writeRecord(out: Buffer, at: number, znode: PlacedZnode, acl: number): void {
  const { stat, mode, sequence, children, data } = znode
  out.writeBigInt64BE(stat.czxid, at + CZXID)
  out.writeBigInt64BE(stat.mzxid, at + MZXID)
  out.writeBigInt64BE(stat.pzxid, at + PZXID)
  out.writeBigInt64BE(stat.ctime, at + CTIME)
  out.writeBigInt64BE(stat.mtime, at + MTIME)
  out.writeBigInt64BE(BigInt(modeToTtl(mode)), at + TTL)
  out.writeInt32BE(stat.version, at + VERSION)
  out.writeInt32BE(stat.aversion, at + AVERSION)
  out.writeUInt32BE(sequence, at + SEQUENCE)
  out.writeInt32BE(children, at + CHILDREN)
  out.writeInt32BE(acl, at + ACL)
  out.writeInt32BE(data === null ? -1 : data.length, at + LENGTH)
}

/** Rows become columns: what is alike in neighbours comes together, and compresses well. */
function transposed(bytes: Buffer, rows: number, columns: number): Buffer {
  const out = Buffer.allocUnsafe(bytes.length)
  for (let row = 0, at = 0; row < rows; row++) {
    for (let column = 0, to = row; column < columns; column++, to += rows) out[to] = bytes[at++] as number
  }
  return out
}
