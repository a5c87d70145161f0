/**
 * A tree of a million znodes in columns instead of objects: about 120 bytes a znode and its name, outside the
 * JavaScript heap. Data stay in the files; a znode keeps where.
 */
import { PERSISTED_STAT_BYTES } from './persisted-stat.ts'

export const ROOT = 0
export const NONE = -1

const CHUNK_BITS = 14
const CHUNK_MASK = (1 << CHUNK_BITS) - 1
const SLASH = 0x2f

export class ZnodeTable {
  /** Znodes that are there. */
  size = 0
  /** Which ACL, by whoever fills the table. */
  acl = new Int32Array(INITIAL)
  /** Which store its data are in, where there, and how many bytes; −1 for null. */
  dataStore = new Uint8Array(INITIAL)
  dataAt = new Float64Array(INITIAL)
  dataLength = new Int32Array(INITIAL)
  /** For whoever computes tree digests. */
  checksum = new Uint32Array(INITIAL)
  children = new Int32Array(INITIAL)
  #parent = new Int32Array(INITIAL)
  #first = new Int32Array(INITIAL)
  #next = new Int32Array(INITIAL)
  #previous = new Int32Array(INITIAL)
  #nameAt = new Float64Array(INITIAL)
  #nameLength = new Int32Array(INITIAL)
  #hash = new Int32Array(INITIAL)
  #names = Buffer.allocUnsafe(INITIAL * 16)
  #namesEnd = 0
  readonly #stats: Buffer[] = []
  /** Open addressing; a slot holds a znode's number plus one, 0 when it was never used, −1 when it was emptied. */
  #slots = new Int32Array(INITIAL * 2)
  #slotsUsed = 0
  #used = 0
  readonly #free: number[] = []
  #scratch = Buffer.allocUnsafe(1024)

  /** The root comes first, with an empty name and no parent. Its fields are for the caller to set. */
  add(parent: number, bytes: Buffer, from: number, to: number): number {
    const id = this.#free.pop() ?? this.#grow()
    const hash = parent === NONE ? 0 : hashOf(parent, bytes, from, to)
    this.#parent[id] = parent
    this.#first[id] = NONE
    this.#previous[id] = NONE
    this.#next[id] = NONE
    this.children[id] = 0
    this.#hash[id] = hash
    this.#keepName(id, bytes, from, to)
    if (parent !== NONE) {
      const first = this.#first[parent] as number
      this.#next[id] = first
      if (first !== NONE) this.#previous[first] = id
      this.#first[parent] = id
      this.children[parent] = (this.children[parent] as number) + 1
      this.#insert(id, hash)
    }
    this.size++
    return id
  }

  addNamed(parent: number, name: string): number {
    const bytes = Buffer.from(name)
    return this.add(parent, bytes, 0, bytes.length)
  }

  /** Takes one znode out. It must have no children. */
  remove(id: number): void {
    const parent = this.#parent[id] as number
    const [previous, next] = [this.#previous[id] as number, this.#next[id] as number]
    if (previous === NONE) this.#first[parent] = next
    else this.#next[previous] = next
    if (next !== NONE) this.#previous[next] = previous
    this.children[parent] = (this.children[parent] as number) - 1
    this.#slots[this.#slotOf(id)] = -1
    this.#free.push(id)
    this.size--
  }

  parentOf(id: number): number {
    return this.#parent[id] as number
  }

  /** The number of a child; `NONE` when there is none. */
  child(parent: number, bytes: Buffer, from: number, to: number): number {
    const hash = hashOf(parent, bytes, from, to)
    const mask = this.#slots.length - 1
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const held = this.#slots[slot] as number
      if (held === 0) return NONE
      if (held < 0) continue
      const id = held - 1
      if (this.#hash[id] === hash && this.#parent[id] === parent && this.#isName(id, bytes, from, to))
        return id
    }
  }

  /** Absolute; `/` and "" are the root. */
  find(path: string): number {
    if (this.size === 0) return NONE
    if (path.length * 3 > this.#scratch.length) this.#scratch = Buffer.allocUnsafe(path.length * 3)
    const end = this.#scratch.write(path)
    return this.findIn(this.#scratch, 0, end)
  }

  findIn(bytes: Buffer, from: number, to: number): number {
    let id = ROOT
    for (let at = from + 1; at < to && id !== NONE; ) {
      const slash = bytes.indexOf(SLASH, at)
      const end = slash < 0 || slash > to ? to : slash
      id = this.child(id, bytes, at, end)
      at = end + 1
    }
    return id
  }

  nameOf(id: number): string {
    const at = this.#nameAt[id] as number
    return this.#names.toString('utf8', at, at + (this.#nameLength[id] as number))
  }

  pathOf(id: number): string {
    if (id === ROOT) return '/'
    let path = ''
    for (let at = id; at !== ROOT; at = this.#parent[at] as number) path = `/${this.nameOf(at)}${path}`
    return path
  }

  *childrenOf(id: number): Generator<number> {
    for (let child = this.#first[id] as number; child !== NONE; child = this.#next[child] as number)
      yield child
  }

  namesOf(id: number): string[] {
    const names: string[] = []
    for (const child of this.childrenOf(id)) names.push(this.nameOf(child))
    return names
  }

  /** Where its 60 bytes of Stat lie: in `statBytes(id)`, from here on. */
  statAt(id: number): number {
    return (id & CHUNK_MASK) * PERSISTED_STAT_BYTES
  }

  statBytes(id: number): Buffer {
    return this.#stats[id >>> CHUNK_BITS] as Buffer
  }

  #grow(): number {
    const id = this.#used++
    if (id >> CHUNK_BITS === this.#stats.length) {
      this.#stats.push(Buffer.allocUnsafe(PERSISTED_STAT_BYTES << CHUNK_BITS))
    }
    if (id < this.acl.length) return id
    const length = this.acl.length * 2
    this.acl = longer(this.acl, new Int32Array(length))
    this.dataStore = longer(this.dataStore, new Uint8Array(length))
    this.dataAt = longer(this.dataAt, new Float64Array(length))
    this.dataLength = longer(this.dataLength, new Int32Array(length))
    this.checksum = longer(this.checksum, new Uint32Array(length))
    this.children = longer(this.children, new Int32Array(length))
    this.#parent = longer(this.#parent, new Int32Array(length))
    this.#first = longer(this.#first, new Int32Array(length))
    this.#next = longer(this.#next, new Int32Array(length))
    this.#previous = longer(this.#previous, new Int32Array(length))
    this.#nameAt = longer(this.#nameAt, new Float64Array(length))
    this.#nameLength = longer(this.#nameLength, new Int32Array(length))
    this.#hash = longer(this.#hash, new Int32Array(length))
    return id
  }

  #keepName(id: number, bytes: Buffer, from: number, to: number): void {
    const length = to - from
    // A znode that was removed leaves its place to the next with its number: logs make and remove many.
    if (length > (this.#nameLength[id] as number)) {
      if (this.#namesEnd + length > this.#names.length) {
        const larger = Buffer.allocUnsafe(Math.max(this.#names.length * 2, this.#namesEnd + length))
        this.#names.copy(larger, 0, 0, this.#namesEnd)
        this.#names = larger
      }
      this.#nameAt[id] = this.#namesEnd
      this.#namesEnd += length
    }
    this.#nameLength[id] = length
    const own = this.#nameAt[id] as number
    // Names are short: a loop is cheaper than a call.
    for (let at = 0; at < length; at++) this.#names[own + at] = bytes[from + at] as number
  }

  #isName(id: number, bytes: Buffer, from: number, to: number): boolean {
    const length = to - from
    if (this.#nameLength[id] !== length) return false
    const own = this.#nameAt[id] as number
    for (let at = 0; at < length; at++) {
      if (this.#names[own + at] !== bytes[from + at]) return false
    }
    return true
  }

  #insert(id: number, hash: number): void {
    if (this.#slotsUsed * 2 >= this.#slots.length) this.#rehash()
    const mask = this.#slots.length - 1
    let slot = hash & mask
    while ((this.#slots[slot] as number) > 0) slot = (slot + 1) & mask
    if (this.#slots[slot] === 0) this.#slotsUsed++
    this.#slots[slot] = id + 1
  }

  #slotOf(id: number): number {
    const mask = this.#slots.length - 1
    let slot = (this.#hash[id] as number) & mask
    while (this.#slots[slot] !== id + 1) slot = (slot + 1) & mask
    return slot
  }

  /** Emptied slots are given up on the way. */
  #rehash(): void {
    const old = this.#slots
    this.#slots = new Int32Array(this.size * 2 >= old.length ? old.length * 2 : old.length)
    if (this.size * 3 >= this.#slots.length) this.#slots = new Int32Array(this.#slots.length * 2)
    this.#slotsUsed = 0
    const mask = this.#slots.length - 1
    for (const held of old) {
      if (held <= 0) continue
      let slot = (this.#hash[held - 1] as number) & mask
      while (this.#slots[slot] !== 0) slot = (slot + 1) & mask
      this.#slots[slot] = held
      this.#slotsUsed++
    }
  }
}

const INITIAL = 1024

function longer<T extends Int32Array | Uint8Array | Uint32Array | Float64Array>(from: T, to: T): T {
  to.set(from)
  return to
}

/** FNV-1a over the name, begun with the parent, and mixed at the end: names of one directory differ in few bits. */
function hashOf(parent: number, bytes: Buffer, from: number, to: number): number {
  let hash = (0x811c9dc5 ^ Math.imul(parent, 0x9e3779b1)) | 0
  for (let at = from; at < to; at++) hash = Math.imul(hash ^ (bytes[at] as number), 0x01000193)
  hash ^= hash >>> 15
  return Math.imul(hash, 0x2c1b3c6d) ^ (hash >>> 12)
}
