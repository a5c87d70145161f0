/** A stored tree, or a subtree of it, as a source. */
import {
  type DataReply,
  type ListReply,
  type RootIdentity,
  type Side,
  type StatReply,
  type TreeReader,
  type TreeSource,
  ZnodeError,
} from '../../tree/contracts.ts'
import type { Verdict } from '../../tree/filter.ts'
import { absolutePath } from '../../tree/path.ts'
import { breathe } from './breathe.ts'
import type { StoredTree, StoredZnode } from './stored-tree.ts'

export interface StoredSetup {
  side: Side
  /** As the user wrote it. */
  name: string
  /** Absolute in the tree. */
  rootPath: string
  tree: StoredTree
  /** What is known to be missing besides what the tree says. */
  losses?: readonly string[]
  /** See `TreeSource.holds`. */
  holds?: (path: string) => Verdict
  /** See `TreeSource.moment`. */
  moment?: string
  /** See `TreeSource.lacksAcls`. */
  lacksAcls?: boolean
  /** Its `/` stands for another root: a child `zookeeper` is like any other. */
  rootless?: boolean
}

/** As many as an ensemble's: what is in flight there on the other side must not wait for a file. */
const GROUPS = 32

export class StoredSource implements TreeSource, TreeReader {
  readonly side: Side
  readonly name: string
  readonly rootPath: string
  readonly groups = GROUPS
  readonly reconnects = 0
  readonly sessionsOpened = 0
  readonly throttled = 0
  readonly holds?: (path: string) => Verdict
  readonly moment: string | undefined
  readonly lacksAcls: boolean
  readonly #rootless: boolean
  readonly #tree: StoredTree
  readonly #losses: readonly string[]

  constructor(setup: StoredSetup) {
    const { side, name, rootPath, tree, losses = [], holds } = setup
    this.side = side
    this.name = name
    this.rootPath = rootPath
    this.#tree = tree
    this.#losses = losses
    this.moment = setup.moment
    this.lacksAcls = setup.lacksAcls === true
    this.#rootless = setup.rootless === true
    if (holds !== undefined) this.holds = holds
  }

  get losses(): readonly string[] {
    return [...(this.#tree.losses ?? []), ...this.#losses]
  }

  async identity(): Promise<RootIdentity | null> {
    const [root] = await this.#tree.znodes([this.rootPath])
    if (root === null || root === undefined || root instanceof ZnodeError) return null
    return { czxid: root.stat.czxid, ctime: root.stat.ctime }
  }

  async position(): Promise<bigint> {
    return this.#tree.zxid
  }

  lane(): TreeReader {
    return this
  }

  async list(paths: readonly string[]): Promise<(ListReply | ZnodeError)[]> {
    await breathe()
    const { zxid } = this.#tree
    const found = await this.#tree.names(this.#absolute(paths))
    return found.map((names, at) => {
      if (names === null) return gone
      if (names instanceof ZnodeError) return names
      const own = this.rootPath === '/' && paths[at] === '' && !this.#rootless
      return { names: (own ? names.filter((name) => name !== 'zookeeper') : [...names]).sort(), zxid }
    })
  }

  async stat(paths: readonly string[]): Promise<(StatReply | ZnodeError)[]> {
    await breathe()
    const { zxid } = this.#tree
    const found = await this.#tree.znodes(this.#absolute(paths))
    return found.map((znode) => (isMissing(znode) ? (znode ?? gone) : { ...znode, zxid }))
  }

  async data(paths: readonly string[]): Promise<(DataReply | ZnodeError)[]> {
    await breathe()
    const { zxid } = this.#tree
    const absolute = this.#absolute(paths)
    const [znodes, found] = await Promise.all([this.#tree.znodes(absolute), this.#tree.data(absolute)])
    return found.map((data, at) => {
      const znode = znodes[at] as StoredZnode | null | ZnodeError
      if (isMissing(znode)) return znode ?? gone
      if (data instanceof ZnodeError) return data
      return data === undefined ? gone : { stat: znode.stat, mode: znode.mode, data, zxid }
    })
  }

  async close(): Promise<void> {
    await this.#tree.close()
  }

  #absolute(paths: readonly string[]): string[] {
    return paths.map((path) => absolutePath(this.rootPath, path))
  }
}

const gone = new ZnodeError('NONODE', 'there is no such znode')

function isMissing(znode: StoredZnode | null | ZnodeError): znode is null | ZnodeError {
  return znode === null || znode instanceof ZnodeError
}
