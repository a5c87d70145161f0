/** Somebody who writes to a source while the tool reads it, and remembers what that makes of it. */
import { setTimeout as sleep } from 'node:timers/promises'
import { RandomStream } from '../../fixtures/random.ts'
import { OPEN_ACL, type ZooKeeperClient } from '../../src/zookeeper/index.ts'
import type { Place } from '../helpers/places.ts'

const MORE = [...OPEN_ACL, { perms: 1, scheme: 'ip', id: Buffer.from('127.0.0.1') }]
/** What of its own it leaves before it begins to delete. */
const KEEPS = 100

/** Creates, deletes, sets data and ACLs in a tree of `plantMany`, `perSecond` in all, until it is stopped. */
export class SteadyWriter {
  writes = 0
  readonly #client: ZooKeeperClient
  readonly #root: string
  readonly #tree: { dirs: number; leaves: number; perSecond: number }
  readonly #random: RandomStream
  /** Leaves that have other data than they were planted with, and those with another ACL. */
  readonly #data = new Set<string>()
  readonly #acls = new Set<string>()
  /** Directories in which it has created, and what of it is still there. */
  readonly #advanced = new Set<string>()
  readonly #made: string[] = []
  readonly #begun = performance.now()
  #stopping = false
  readonly #writing: Promise<void>

  constructor(
    { client, root }: Pick<Place, 'client' | 'root'>,
    tree: { dirs: number; leaves: number; perSecond: number },
  ) {
    this.#client = client
    this.#root = root
    this.#tree = tree
    this.#random = new RandomStream(root)
    this.#writing = this.#write()
  }

  /** Resolves with the writes a second that it came to, once all of them are acknowledged. */
  async stop(): Promise<number> {
    this.#stopping = true
    await this.#writing
    return Math.round(this.writes / ((performance.now() - this.#begun) / 1000))
  }

  /** How the tree differs from what was planted, as `Outcome.differences()` tells it. */
  differences(): string[] {
    const leaves = new Set([...this.#data, ...this.#acls])
    const what = (path: string) =>
      [...(this.#data.has(path) ? ['data'] : []), ...(this.#acls.has(path) ? ['acl'] : [])].join(' ')
    return [
      ...[...leaves].map((path) => `${path}: ${what(path)}`),
      ...[...this.#advanced].map((path) => `${path}: sequence`),
      ...this.#made.map((path) => `${path}: missing-in-target`),
    ].sort()
  }

  async #write(): Promise<void> {
    while (!this.#stopping) {
      const due = ((performance.now() - this.#begun) / 1000) * this.#tree.perSecond
      const batch: Promise<unknown>[] = []
      for (; this.writes < due; this.writes++) batch.push(this.#one())
      await Promise.all(batch)
      await sleep(5)
    }
  }

  #one(): Promise<unknown> {
    const { dirs, leaves } = this.#tree
    const random = this.#random
    const directory = `d${String(random.below(dirs)).padStart(5, '0')}`
    const leaf = `${directory}/z${String(random.below(leaves)).padStart(6, '0')}`
    const kind = random.below(4)
    if (kind === 0) {
      const path = `${directory}/new-${this.writes}`
      this.#made.push(path)
      this.#advanced.add(directory)
      return this.#client.create(this.#at(path), Buffer.from(`made as ${this.writes}`))
    }
    if (kind === 1 && this.#made.length > KEEPS) {
      const [gone] = this.#made.splice(random.below(this.#made.length), 1)
      return this.#client.delete(this.#at(gone as string))
    }
    if (kind === 2) {
      const opens = random.below(2) === 0
      if (opens) this.#acls.delete(leaf)
      else this.#acls.add(leaf)
      return this.#client.setACL(this.#at(leaf), opens ? OPEN_ACL : MORE)
    }
    this.#data.add(leaf)
    return this.#client.setData(this.#at(leaf), Buffer.from(`set as ${this.writes}`))
  }

  #at(path: string): string {
    return `${this.#root}/${path}`
  }
}
