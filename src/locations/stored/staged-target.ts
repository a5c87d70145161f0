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
import { NO_STAT, nextSequence } from '../../tree/znode.ts'
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
  /** Why a znode of this path (absolute) cannot be in the file; `null` when it can. @default all can */
  refusal?(path: string): ZnodeError | null
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

export class StagedTarget implements TreeTarget {
  readonly side: Side
  readonly name: string
  readonly rootPath: string
  readonly groups = 32
  readonly reconnects = 0
  readonly sessionsOpened = 0
  readonly throttled = 0
  readonly lastWrite = 0n
  readonly lateWrites = null
  readonly quotas: QuotaWriter = {
    list: async () => [],
    read: async () => null,
    set: async () => new ZnodeError('UNSUPPORTED', 'a file keeps no quotas'),
  }
  readonly #sealer: Sealer
  #staging: Staging | null = null
  #sealed: Promise<StoredSource> | null = null
  /** The directory that was last seen to be staged: siblings come together. */
  #knownParent: string | null = null

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
      // Somebody may have asked to read in between.
      while (this.#sealed !== null) await this.#unseal()
      return changes.map((change) => this.#apply(change))
    })
  }

  writeEach(changes: readonly Change[]): Promise<ChangeOutcome[]> {
    return this.write(changes)
  }

  /** A file begins with nothing that could be overwritten. */
  /** A run that is broken off leaves nothing of a file. */
  beforeWrites(): void {}

  markProof(): void {}

  keepUndo(): void {}

  async takesAcl(): Promise<boolean> {
    return true
  }

  async createAncestors(dryRun = false): Promise<number> {
    if (dryRun || !this.#sealer.keepsAncestors || this.rootPath === '/') return 0
    return this.#telling(() => {
      let made = 0
      for (let slash = 0; slash >= 0; slash = this.rootPath.indexOf('/', slash + 1)) {
        const path = slash === 0 ? '/' : this.rootPath.slice(0, slash)
        this.#stage.put({ path, data: EMPTY, acl: OPEN_ACL, mode: 'persistent', stat: NO_STAT, sequence: 0 })
        if (slash > 0) made++
      }
      return made
    })
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

  /** Many ask at once, and the file is made once. */
  #read(): Promise<StoredSource> {
    this.#sealed ??= this.#seal()
    return this.#sealed
  }

  async #seal(): Promise<StoredSource> {
    const { side, name, rootPath } = this
    const tree = await this.#telling(() => this.#sealer.seal(this.#stage))
    return new StoredSource({ side, name, rootPath, tree })
  }

  /** What is in the file is not all any more. */
  async #unseal(): Promise<void> {
    const sealed = this.#sealed
    if (sealed === null) return
    this.#sealed = null
    // Whoever asked for it has been told why there is none.
    const tree = await sealed.catch(() => null)
    await tree?.close()
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
      const refusal = this.#sealer.refusal?.(path) ?? null
      if (refusal !== null) return refusal
      if (path !== this.rootPath && !this.#isStaged(path.slice(0, path.lastIndexOf('/')) || '/'))
        return new ZnodeError('NONODE', `the parent of ${path} was not staged`)
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
      this.#knownParent = null
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

  #isStaged(parent: string): boolean {
    if (parent === this.#knownParent) return true
    if (this.#stage.get(parent) === null) return false
    this.#knownParent = parent
    return true
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
