/**
 * Applies transactions to a tree as a server does when it starts. The first ones may be in the snapshot already, which
 * is written while the server goes on: each is applied so that doing it again changes nothing.
 */
import { Damage } from './damage.ts'
import type { LoadedTree } from './loaded-tree.ts'
import { containerOwner, StatAt, ttlOwner } from './persisted-stat.ts'
import type { DecodedTransaction, Operation, Transaction } from './transaction.ts'
import { DIGEST_VERSION } from './tree-digest.ts'
import { NONE, ROOT } from './znode-table.ts'

type Create = Extract<Operation, { op: 'create' }>

export class Replay {
  readonly #tree: LoadedTree
  /** Up to here the snapshot may hold more than the transactions so far have made: nothing can be checked. */
  readonly #blurredTo: bigint
  /** Transactions whose digest was compared, and equal. */
  checked = 0
  /** The digests in the logs were made with a character set that is not known here, so none was compared. */
  unknownEncoding = false

  /** Whether the tree's digest is to be compared with those in the logs. */
  #compares: boolean
  /** A digest that depends on the server's character set was equal. */
  #encodingKnown = false

  constructor(tree: LoadedTree, { blurredTo, compares }: { blurredTo: bigint; compares: boolean }) {
    this.#tree = tree
    this.#blurredTo = blurredTo
    this.#compares = compares && tree.digest !== null
  }

  /**
   * @param store where the data of this log's transactions are found
   * @throws Damage when it cannot follow what was there, or the tree is not what the server had after it
   */
  apply(txn: Transaction, store: number): void {
    const decoded = txn.decode()
    const { zxid } = txn
    if (!decoded.failed) {
      for (const operation of decoded.operations) this.#apply(operation, txn, zxid, store)
    }
    this.#compare(txn, zxid, decoded)
  }

  #apply(operation: Operation, txn: Transaction, zxid: bigint, store: number): void {
    switch (operation.op) {
      case 'create':
        return this.#create(operation, txn, zxid, store)
      case 'delete':
        return this.#delete(operation.path, zxid)
      case 'setData':
        return this.#setData(operation, txn, zxid, store)
      case 'setAcl':
        return this.#setAcl(operation)
      case 'createSession':
        this.#tree.sessions.set(txn.session, operation.timeoutMs)
        return
      case 'closeSession':
        return this.#closeSession(txn.session, operation.paths, zxid)
      case 'check':
      case 'error':
        return
    }
  }

  #create(operation: Create, txn: Transaction, zxid: bigint, store: number): void {
    const { table, digest } = this.#tree
    const slash = operation.path.lastIndexOf('/')
    const parent = table.find(operation.path.slice(0, slash))
    if (parent === NONE) return
    const name = Buffer.from(operation.path.slice(slash + 1))
    if (name.length === 0) return
    const acl = this.#tree.aclOf(operation.acl)
    const existing = table.child(parent, name, 0, name.length)
    this.#countChild(parent, operation.parentCversion, zxid, txn)
    if (existing !== NONE) {
      table.acl[existing] = acl
      return
    }
    const id = table.add(parent, name, 0, name.length)
    table.acl[id] = acl
    this.#setPlace(id, operation, store)
    const bytes = table.statBytes(id)
    const at = table.statAt(id)
    bytes.writeBigInt64BE(zxid, at + StatAt.czxid)
    bytes.writeBigInt64BE(zxid, at + StatAt.mzxid)
    bytes.writeBigInt64BE(zxid, at + StatAt.pzxid)
    bytes.writeBigInt64BE(txn.time, at + StatAt.ctime)
    bytes.writeBigInt64BE(txn.time, at + StatAt.mtime)
    bytes.writeInt32BE(0, at + StatAt.version)
    bytes.writeInt32BE(0, at + StatAt.cversion)
    bytes.writeInt32BE(0, at + StatAt.aversion)
    bytes.writeBigInt64BE(ownerOf(operation, txn.session), at + StatAt.ephemeralOwner)
    digest?.enter(id, Buffer.from(operation.path), operation.data)
    this.#tree.own(id)
  }

  /** The parent's counter only grows, and its pzxid with it. */
  #countChild(parent: number, wanted: number, zxid: bigint, txn: Transaction): void {
    const { table, digest } = this.#tree
    const bytes = table.statBytes(parent)
    const at = table.statAt(parent)
    const current = bytes.readInt32BE(at + StatAt.cversion)
    const next = wanted === -1 ? (current + 1) | 0 : wanted
    // The counter may wrap around.
    const steps = (next - current) | 0
    if (steps <= 0) return
    if (steps > 1) this.#refuse(parent, txn, `makes child number ${next} where ${current} were made before`)
    digest?.discount(parent)
    bytes.writeInt32BE(next, at + StatAt.cversion)
    bytes.writeBigInt64BE(zxid, at + StatAt.pzxid)
    digest?.count(parent)
  }

  #delete(path: string, zxid: bigint): void {
    const { table, digest } = this.#tree
    const slash = path.lastIndexOf('/')
    const parent = table.find(path.slice(0, slash))
    if (parent === NONE || path === '/') return
    const bytes = table.statBytes(parent)
    const at = table.statAt(parent) + StatAt.pzxid
    if (bytes.readBigInt64BE(at) < zxid) {
      digest?.discount(parent)
      bytes.writeBigInt64BE(zxid, at)
      digest?.count(parent)
    }
    const id = table.find(path)
    if (id !== NONE && id !== ROOT) this.#tree.remove(id)
  }

  #setData(
    operation: Extract<Operation, { op: 'setData' }>,
    txn: Transaction,
    zxid: bigint,
    store: number,
  ): void {
    const { table, digest } = this.#tree
    const id = table.find(operation.path)
    if (id === NONE) return
    const bytes = table.statBytes(id)
    const at = table.statAt(id)
    const before = bytes.readInt32BE(at + StatAt.version)
    if (((operation.version - before) | 0) > 1) {
      this.#refuse(id, txn, `sets data version ${operation.version} where ${before} was`)
    }
    digest?.discount(id)
    this.#setPlace(id, operation, store)
    bytes.writeBigInt64BE(zxid, at + StatAt.mzxid)
    bytes.writeBigInt64BE(txn.time, at + StatAt.mtime)
    bytes.writeInt32BE(operation.version, at + StatAt.version)
    digest?.enter(id, Buffer.from(operation.path === '/' ? '' : operation.path), operation.data)
  }

  #setAcl(operation: Extract<Operation, { op: 'setAcl' }>): void {
    const { table, digest } = this.#tree
    const id = table.find(operation.path)
    if (id === NONE) return
    digest?.discount(id)
    table.acl[id] = this.#tree.aclOf(operation.acl)
    table.statBytes(id).writeInt32BE(operation.version, table.statAt(id) + StatAt.aversion)
    digest?.count(id)
  }

  #closeSession(session: bigint, paths: string[] | null, zxid: bigint): void {
    for (const path of paths ?? []) this.#delete(path, zxid)
    const left = this.#tree.ephemerals.get(session)
    if (left !== undefined) {
      for (const path of [...left].map((id) => this.#tree.table.pathOf(id))) this.#delete(path, zxid)
      this.#tree.ephemerals.delete(session)
    }
    this.#tree.sessions.delete(session)
  }

  #setPlace(
    id: number,
    { data, dataPosition }: { data: Buffer | null; dataPosition: number },
    store: number,
  ): void {
    const { table } = this.#tree
    table.dataStore[id] = store
    table.dataAt[id] = dataPosition
    table.dataLength[id] = data === null ? -1 : data.length
  }

  #compare(txn: Transaction, zxid: bigint, { digest }: DecodedTransaction): void {
    const own = this.#tree.digest
    if (own === null || !this.#compares || digest?.version !== DIGEST_VERSION || zxid < this.#blurredTo)
      return
    if (!own.is(digest.value)) {
      // None was ever equal since such a path came, and the server's character set may be one that we do not know.
      if (own.dependsOnEncoding && !this.#encodingKnown) {
        this.#compares = false
        this.unknownEncoding = true
        return
      }
      throw new Damage(
        'malformed',
        txn.file,
        txn.position,
        `and what was read before it do not fit together: after zxid 0x${hex(zxid)} the tree is not the one whose digest the server wrote down`,
      )
    }
    this.#encodingKnown ||= own.dependsOnEncoding
    this.checked++
  }

  /** Transactions come one after another, so a step that is left out means that some are missing. */
  #refuse(id: number, txn: Transaction, what: string): void {
    if (txn.zxid <= this.#blurredTo) return
    const path = this.#tree.table.pathOf(id)
    // Servers change what is below /zookeeper by themselves.
    if (path.startsWith('/zookeeper/')) return
    throw new Damage(
      'malformed',
      txn.file,
      txn.position,
      `does not go on from what was read before it: zxid 0x${hex(txn.zxid)} ${what} (${path})`,
    )
  }
}

function ownerOf({ kind, ttlMs }: Create, session: bigint): bigint {
  if (kind === 'ephemeral') return session
  if (kind === 'container') return containerOwner()
  return kind === 'ttl' ? ttlOwner(ttlMs) : 0n
}

function hex(zxid: bigint): string {
  return BigInt.asUintN(64, zxid).toString(16)
}
