/** What is in a loaded tree: counts, and the largest of everything. Data stay where they are, in the files. */
import type { LoadedTree } from '../locations/datadir/loaded-tree.ts'
import { NONE } from '../locations/datadir/znode-table.ts'
import {
  type DirectoryFacts,
  type Kinds,
  noKinds,
  type SessionFacts,
  serverOf,
  type TreeFacts,
  type ZnodeFacts,
} from './facts.ts'
import { Top } from './top.ts'

export interface TreeReport {
  tree: Omit<TreeFacts, 'type' | 'zxid' | 'digestsChecked'>
  /** Those with the most ephemerals first. */
  sessions: SessionFacts[]
  biggest: ZnodeFacts[]
  widest: DirectoryFacts[]
  heaviest: DirectoryFacts[]
}

/** `null` when there is no such root. */
export function reportOn(tree: LoadedTree, root: string, top: number): TreeReport | null {
  const start = tree.table.find(root)
  return start === NONE ? null : new Report(tree, start, top).make(root)
}

class Report {
  readonly #tree: LoadedTree
  readonly #start: number
  readonly #top: number
  /** Parents before their children. */
  readonly #order: Int32Array
  #count = 0
  readonly #depth: Int32Array

  constructor(tree: LoadedTree, start: number, top: number) {
    this.#tree = tree
    this.#start = start
    this.#top = top
    this.#order = new Int32Array(tree.table.size)
    this.#depth = new Int32Array(tree.table.acl.length)
    this.#walk()
  }

  make(root: string): TreeReport {
    const { table } = this.#tree
    const kinds: Kinds = noKinds()
    const acls = new Set<number>()
    let [dataBytes, nullData, depth] = [0, 0, 0]
    const biggest = new Top<number>(this.#top)
    for (const id of this.#ids()) {
      const length = table.dataLength[id] as number
      if (length < 0) nullData++
      else dataBytes += length
      kinds[this.#tree.kind(id).kind]++
      acls.add(table.acl[id] as number)
      depth = Math.max(depth, this.#depth[id] as number)
      if (length > 0) biggest.offer(length, id)
    }
    const { widest, heaviest } = this.#directories()
    const { sessions } = this.#tree
    return {
      tree: {
        root,
        znodes: this.#count,
        kinds,
        dataBytes,
        nullData,
        acls: acls.size,
        sessions: sessions.size,
        depth,
      },
      sessions: this.#sessions(),
      biggest: biggest.items().map((id) => this.#znode(id)),
      widest,
      heaviest,
    }
  }

  *#ids(): Generator<number> {
    for (let at = 0; at < this.#count; at++) yield this.#order[at] as number
  }

  #walk(): void {
    const { table } = this.#tree
    const open = [this.#start]
    for (let id = open.pop(); id !== undefined; id = open.pop()) {
      this.#order[this.#count++] = id
      const below = (this.#depth[id] as number) + 1
      for (const child of table.childrenOf(id)) {
        this.#depth[child] = below
        open.push(child)
      }
    }
  }

  #directories(): { widest: DirectoryFacts[]; heaviest: DirectoryFacts[] } {
    const { table } = this.#tree
    const bytes = new Float64Array(table.acl.length)
    const znodes = new Int32Array(table.acl.length)
    for (let at = this.#count - 1; at > 0; at--) {
      const id = this.#order[at] as number
      const parent = table.parentOf(id)
      bytes[parent] =
        (bytes[parent] as number) + (bytes[id] as number) + Math.max(0, table.dataLength[id] as number)
      znodes[parent] = (znodes[parent] as number) + (znodes[id] as number) + 1
    }
    const widest = new Top<number>(this.#top)
    const heaviest = new Top<number>(this.#top)
    for (const id of this.#ids()) {
      const children = table.children[id] as number
      if (children === 0) continue
      widest.offer(children, id)
      heaviest.offer(bytes[id] as number, id)
    }
    const facts = (by: DirectoryFacts['by']) => (id: number) => ({
      type: 'directory' as const,
      by,
      path: table.pathOf(id),
      children: table.children[id] as number,
      listBytes: this.#listBytes(id),
      znodesBelow: znodes[id] as number,
      bytesBelow: bytes[id] as number,
    })
    return {
      widest: widest.items().map(facts('children')),
      heaviest: heaviest.items().map(facts('bytes-below')),
    }
  }

  #listBytes(id: number): number {
    let bytes = 4
    for (const name of this.#tree.table.namesOf(id)) bytes += 4 + Buffer.byteLength(name)
    return bytes
  }

  #znode(id: number): ZnodeFacts {
    const { table } = this.#tree
    const { version, mzxid, mtime } = this.#tree.stat(id)
    const { kind } = this.#tree.kind(id)
    const bytes = table.dataLength[id] as number
    return { type: 'znode', path: table.pathOf(id), bytes, kind, version, mzxid, mtime }
  }

  #sessions(): SessionFacts[] {
    const { sessions, ephemerals } = this.#tree
    return [...sessions]
      .map(([session, timeoutMs]) => ({
        type: 'session' as const,
        session,
        server: serverOf(session),
        timeoutMs,
        ephemerals: ephemerals.get(session)?.size ?? 0,
      }))
      .sort((a, b) => b.ephemerals - a.ephemerals || (a.session < b.session ? -1 : 1))
  }
}
