/**
 * A file as a target: everything is staged first, then put into the file in one go. What is read from it is read from
 * the file itself, so that a verification proves what is on disk.
 */
import { randomBytes } from 'node:crypto'
import { OPEN_ACL, Perms } from '../../tree/acl.ts'
import {
  type Change,
  type ChangeOutcome,
  type EphemeralHolder,
  type KindSupport,
  type Provenance,
  type RootIdentity,
  type Side,
  type TemporaryIdentities,
  type TreeReader,
  type TreeTarget,
  ZnodeError,
} from '../../tree/contracts.ts'
import { LocationProblem, UsageProblem } from '../../tree/errors.ts'
import { absolutePath } from '../../tree/path.ts'
import type { QuotaWriter } from '../../tree/quota.ts'
import { nextSequence, type Stat } from '../../tree/znode.ts'
import { StagedTree } from './staged-tree.ts'
import { Staging } from './staging.ts'
import { StoredSource } from './stored-source.ts'
import type { MaybePromise, StoredTree } from './stored-tree.ts'

/** What becomes of the staged znodes. */
export interface Sealer {
  /** Where the staging may be kept: on the disk of the file that it becomes. */
  readonly folder: string
  /** Makes the file, beside its name, and opens it to be read. Called again when something was staged since. */
  seal(staging: Staging): MaybePromise<StoredTree>
  /** What was sealed last takes its name, synced. */
  publish(provenance: Provenance): MaybePromise<void>
  /** Whatever was not published goes. */
  discard(): MaybePromise<void>
  supports(kind: 'container' | 'ttl'): KindSupport
  /** Whether the file holds the ancestors of its root. */
  readonly keepsAncestors: boolean
}

export interface StagedSetup {
  side: Side
  name: string
  rootPath: string
  sealer: Sealer
}

const EMPTY = Buffer.alloc(0)
const NO_STAT: Stat = {
  czxid: 0n,
  mzxid: 0n,
  ctime: 0n,
  mtime: 0n,
  version: 0,
  cversion: 0,
  aversion: 0,
  ephemeralOwner: 0n,
  dataLength: 0,
  numChildren: 0,
  pzxid: 0n,
}

export class StagedTarget implements TreeTarget {
  readonly side: Side
  readonly name: string
  readonly rootPath: string
  readonly groups = 32
  readonly reconnects = 0
  readonly sessionsOpened = 0
  readonly throttled = 0
  readonly lastWrite = 0n
  readonly quotas: QuotaWriter = {
    list: async () => [],
    read: async () => null,
    set: async () => new ZnodeError('UNSUPPORTED', 'a file keeps no quotas'),
  }
  readonly #sealer: Sealer
  #staging: Staging | null = null
  #sealed: StoredSource | null = null

  constructor({ side, name, rootPath, sealer }: StagedSetup) {
    this.side = side
    this.name = name
    this.rootPath = rootPath
    this.#sealer = sealer
  }

  readonly staging = { publish: (provenance: Provenance) => this.#publish(provenance) }

  async identity(): Promise<RootIdentity | null> {
    const root = this.#staging?.get(this.rootPath) ?? null
    return root === null ? null : { czxid: root.stat.czxid, ctime: root.stat.ctime }
  }

  async position(): Promise<bigint> {
    return 0n
  }

  /** Reads what is in the file, once everything is. */
  lane(): TreeReader {
    return {
      list: async (paths) => (await this.#read()).list(paths),
      stat: async (paths) => (await this.#read()).stat(paths),
      data: async (paths) => (await this.#read()).data(paths),
    }
  }

  /** Reads what was staged, which may not be in the file yet. */
  get settled(): TreeReader {
    const { side, name, rootPath } = this
    return new StoredSource({ side, name, rootPath, tree: new StagedTree(this.#stage) })
  }

  async settle(): Promise<void> {}

  async write(changes: readonly Change[]): Promise<ChangeOutcome[]> {
    return this.#telling(async () => {
      await this.#unseal()
      return changes.map((change) => this.#apply(change))
    })
  }

  writeEach(changes: readonly Change[]): Promise<ChangeOutcome[]> {
    return this.write(changes)
  }

  async takesAcl(): Promise<boolean> {
    return true
  }

  async createAncestors(): Promise<number> {
    if (!this.#sealer.keepsAncestors || this.rootPath === '/') return 0
    let made = 0
    for (let slash = 0; slash >= 0; slash = this.rootPath.indexOf('/', slash + 1)) {
      const path = slash === 0 ? '/' : this.rootPath.slice(0, slash)
      this.#stage.put({ path, data: EMPTY, acl: OPEN_ACL, mode: 'persistent', stat: NO_STAT, sequence: 0 })
      if (slash > 0) made++
    }
    return made
  }

  holder(): EphemeralHolder {
    throw new UsageProblem(
      `${this.name} is a file, and no session lives in it: --ephemeral hold needs an ensemble.`,
    )
  }

  async supports(kind: 'container' | 'ttl'): Promise<KindSupport> {
    return this.#sealer.supports(kind)
  }

  permissionsUnder(): number {
    return Perms.all
  }

  /** Nobody has to be let in: whoever makes the file may make everything in it. */
  readonly temporary: TemporaryIdentities = {
    algorithms: [],
    accepted: async () => false,
    assume: async () => {},
    entryOf: () => {
      throw new Error('a file needs no temporary identity')
    },
    carried: async (paths) => paths.map(() => null),
    probe: async () => 'no-digest',
  }

  async close(): Promise<void> {
    await this.#unseal()
    this.#staging?.close()
    this.#staging = null
    await this.#sealer.discard()
  }

  get #stage(): Staging {
    this.#staging ??= new Staging(`${this.#sealer.folder}/.zkferry-${randomBytes(6).toString('hex')}.staging`)
    return this.#staging
  }

  async #read(): Promise<StoredSource> {
    if (this.#sealed === null) {
      const { side, name, rootPath } = this
      const tree = await this.#telling(() => this.#sealer.seal(this.#stage))
      this.#sealed = new StoredSource({ side, name, rootPath, tree })
    }
    return this.#sealed
  }

  /** What is in the file is not all any more. */
  async #unseal(): Promise<void> {
    const sealed = this.#sealed
    this.#sealed = null
    await sealed?.close()
  }

  async #publish(provenance: Provenance): Promise<void> {
    await this.#read()
    await this.#telling(() => this.#sealer.publish(provenance))
  }

  #apply(change: Change): ChangeOutcome {
    const path = absolutePath(this.rootPath, change.path)
    const stage = this.#stage
    if (change.kind === 'create') {
      const { data, acl, mode = 'persistent', origin = NO_STAT } = change
      stage.put({ path, data, acl, mode, stat: origin, sequence: nextSequence(origin) })
      return 'done'
    }
    const there = stage.get(path)
    if (there === null)
      return change.kind === 'delete' ? 'done' : new ZnodeError('NONODE', `${path} was not staged`)
    const { stat, sequence } = there
    if (change.kind === 'delete') {
      if (stage.children(path) > 0) return new ZnodeError('NOTEMPTY', `${path} has children`)
      stage.remove(path)
    } else if (change.kind === 'setAcl') stage.put({ ...there, acl: change.acl })
    else if (change.kind === 'setData')
      stage.put({
        ...there,
        data: change.data,
        stat: change.origin ?? stat,
        sequence: nextSequence(change.origin ?? stat),
      })
    else if (change.kind === 'advance') stage.put({ ...there, sequence: sequence + change.steps })
    else stage.put({ ...there, stat: { ...stat, version: stat.version + change.times } })
    return 'done'
  }

  /** A full disk, or a folder without rights, is the target's own trouble. */
  async #telling<T>(work: () => MaybePromise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      if (error instanceof LocationProblem || error instanceof UsageProblem) throw error
      const why = (error as Error).message
      throw new LocationProblem(this.side, `${this.name} cannot be written: ${why}.`, { cause: error })
    }
  }
}
