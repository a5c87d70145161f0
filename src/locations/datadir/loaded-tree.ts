/** The tree of a data directory at one moment: a table of znodes, their ACLs, their data, the sessions. */
import { isUtf8 } from 'node:buffer'
import { type AclList, aclList, OPEN_ACL } from '../../tree/acl.ts'
import { decodeAcl } from '../../zookeeper/wire/records.ts'
import type { DataStore } from './data-stores.ts'
import { kindOf, type PersistedStat, readPersistedStat, StatAt, type ZnodeKind } from './persisted-stat.ts'
import { OPEN_ACL_ID, type SnapshotNode, type SnapshotReader } from './snapshot-reader.ts'
import { TreeDigest } from './tree-digest.ts'
import { NONE, ROOT, ZnodeTable } from './znode-table.ts'

export class LoadedTree {
  readonly table = new ZnodeTable()
  /** By session id: the timeout in milliseconds. */
  readonly sessions = new Map<bigint, number>()
  /** By session id: the ephemerals. */
  readonly ephemerals = new Map<bigint, Set<number>>()
  readonly digest: TreeDigest | null
  readonly #stores: DataStore[] = []
  readonly #acls: AclList[] = [OPEN_ACL]
  readonly #aclByBytes = new Map<string, number>()

  /** @param digests whether to keep the tree's digest, which costs a checksum for every znode */
  constructor(digests: boolean) {
    this.digest = digests ? new TreeDigest(this.table) : null
  }

  addStore(store: DataStore): number {
    this.#stores.push(store)
    return this.#stores.length - 1
  }

  addAcl(list: AclList): number {
    this.#acls.push(list)
    return this.#acls.length - 1
  }

  /** The number of an ACL that is given as a raw jute vector. */
  aclOf(raw: Buffer): number {
    const key = raw.toString('latin1')
    const known = this.#aclByBytes.get(key)
    if (known !== undefined) return known
    const entries = decodeAcl(raw)
    const open = entries.length === 1 && aclList(entries).canonical.equals(OPEN_ACL.canonical)
    const number = open ? 0 : this.addAcl(aclList(entries))
    this.#aclByBytes.set(key, number)
    return number
  }

  aclList(id: number): AclList {
    return this.#acls[this.table.acl[id] as number] as AclList
  }

  stat(id: number): PersistedStat {
    return readPersistedStat(this.table.statBytes(id), this.table.statAt(id))
  }

  owner(id: number): bigint {
    return this.table.statBytes(id).readBigInt64BE(this.table.statAt(id) + StatAt.ephemeralOwner)
  }

  kind(id: number): ZnodeKind {
    return kindOf(this.owner(id), (session) => this.sessions.has(session))
  }

  /** A copy. @throws Damage */
  data(id: number): Buffer | null {
    const length = this.table.dataLength[id] as number
    if (length <= 0) return length < 0 ? null : Buffer.alloc(0)
    return (this.#stores[this.table.dataStore[id] as number] as DataStore).read(
      this.table.dataAt[id] as number,
      length,
    )
  }

  /** Enters a znode into the ephemerals of its session, when it is one. */
  own(id: number): void {
    const owner = this.owner(id)
    if (owner === 0n || this.kind(id).kind !== 'ephemeral') return
    const known = this.ephemerals.get(owner)
    if (known === undefined) this.ephemerals.set(owner, new Set([id]))
    else known.add(id)
  }

  /** Takes a znode out, and what is below it. */
  remove(id: number): void {
    for (const child of [...this.table.childrenOf(id)]) this.remove(child)
    this.digest?.discount(id)
    this.digest?.leave(id)
    this.ephemerals.get(this.owner(id))?.delete(id)
    this.table.remove(id)
  }

  close(): void {
    for (const store of this.#stores) store.close()
    this.#stores.length = 0
  }
}

/** Fills a tree from a snapshot's znodes, which come in depth-first order from every server. */
export class SnapshotFiller {
  readonly #tree: LoadedTree
  readonly #store: number
  /** Keeps data that cannot be read from the file; null where they can. */
  readonly #keep: ((data: Buffer) => number) | null
  readonly #acls = new Map<number, number>()
  /** The znode before: its path, and for each level where its part ends and which znode it is. */
  #path = Buffer.alloc(256)
  readonly #ends: number[] = [0]
  readonly #ids: number[] = [ROOT]
  /** The highest zxid that a znode carries: what the logs must reach at least. */
  newestZxid = 0n

  constructor(
    tree: LoadedTree,
    reader: SnapshotReader,
    store: number,
    keep: ((data: Buffer) => number) | null,
  ) {
    this.#tree = tree
    this.#store = store
    this.#keep = keep
    for (const [session, timeout] of reader.sessions) tree.sessions.set(session, timeout)
    for (const [id, entries] of reader.acls) this.#acls.set(id, tree.addAcl(aclList(entries)))
    this.#acls.set(OPEN_ACL_ID, 0)
  }

  /** A word about what is wrong with the znode; null when it is in. */
  add(node: SnapshotNode): string | null {
    const acl = this.#acls.get(node.aclId)
    if (acl === undefined) return `${node.path || '/'} has an ACL that the snapshot does not list`
    const { bytes, pathFrom, pathTo } = node
    const { table } = this.#tree
    const id = pathTo === pathFrom ? this.#addRoot(bytes) : this.#addBelow(bytes, pathFrom, pathTo)
    if (typeof id === 'string') return id
    table.acl[id] = acl
    const { data } = node
    table.dataStore[id] = this.#store
    table.dataLength[id] = node.dataLength
    if (data !== null) table.dataAt[id] = this.#keep === null ? node.dataPosition : this.#keep(data)
    bytes.copy(table.statBytes(id), table.statAt(id), node.statFrom, node.statFrom + STAT_BYTES)
    this.#tree.digest?.enter(id, bytes.subarray(pathFrom, pathTo), data)
    this.#tree.own(id)
    this.#watch(bytes, node.statFrom, pathFrom, pathTo)
    return null
  }

  #addRoot(bytes: Buffer): number | string {
    if (this.#tree.table.size > 0) return 'the root is there twice'
    return this.#tree.table.add(NONE, bytes, 0, 0)
  }

  #addBelow(bytes: Buffer, from: number, to: number): number | string {
    const slash = bytes.lastIndexOf(SLASH, to - 1)
    const { table } = this.#tree
    const parent = this.#parentOf(bytes, from, slash)
    const path = () => bytes.toString('utf8', from, to)
    if (parent === NONE) return `${path()} has no parent`
    if (slash + 1 === to || !isText(bytes, slash + 1, to)) return `${path()} has a name that cannot be`
    if (table.child(parent, bytes, slash + 1, to) !== NONE) return `${path()} is there twice`
    const id = table.add(parent, bytes, slash + 1, to)
    this.#ends.push(to - from)
    this.#ids.push(id)
    if (to - from > this.#path.length) this.#path = Buffer.concat([this.#path], (to - from) * 2)
    bytes.copy(this.#path, 0, from, to)
    return id
  }

  /** Usually one of the ancestors of the znode before. */
  #parentOf(bytes: Buffer, from: number, slash: number): number {
    const length = slash - from
    const ends = this.#ends
    while ((ends.at(-1) as number) > length) {
      ends.pop()
      this.#ids.pop()
    }
    if (ends.at(-1) === length && this.#path.compare(bytes, from, slash, 0, length) === 0) {
      return this.#ids.at(-1) as number
    }
    ends.length = 1
    this.#ids.length = 1
    const { table } = this.#tree
    let id = ROOT
    for (let at = from + 1; at <= slash && id !== NONE; ) {
      const next = bytes.indexOf(SLASH, at)
      id = table.child(id, bytes, at, next)
      ends.push(next - from)
      this.#ids.push(id)
      at = next + 1
    }
    bytes.copy(this.#path, 0, from, slash)
    return id
  }

  #watch(bytes: Buffer, statFrom: number, from: number, to: number): void {
    // What is below /zookeeper, servers change without a transaction.
    if (to - from > HIDDEN.length && HIDDEN.compare(bytes, from, from + HIDDEN.length) === 0) return
    for (const field of [StatAt.czxid, StatAt.mzxid, StatAt.pzxid]) {
      const zxid = bytes.readBigInt64BE(statFrom + field)
      if (zxid > this.newestZxid) this.newestZxid = zxid
    }
  }
}

/** Names are UTF-8, and nearly all of them ASCII. */
function isText(bytes: Buffer, from: number, to: number): boolean {
  for (let at = from; at < to; at++) {
    if ((bytes[at] as number) >= 0x80) return isUtf8(bytes.subarray(from, to))
  }
  return true
}

const STAT_BYTES = 60
const SLASH = 0x2f
const HIDDEN = Buffer.from('/zookeeper/')
