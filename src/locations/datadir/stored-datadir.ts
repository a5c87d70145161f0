/** A loaded tree as a stored tree: what a client of the server would see, and of what kind each znode is. */
import { ZnodeError } from '../../tree/contracts.ts'
import type { CreateMode } from '../../tree/create-mode.ts'
import type { Data } from '../../tree/znode.ts'
import type { StoredTree, StoredZnode } from '../stored/stored-tree.ts'
import { Damage } from './damage.ts'
import type { LoadedTree } from './loaded-tree.ts'
import { NONE } from './znode-table.ts'

export class StoredDatadir implements StoredTree {
  readonly zxid: bigint
  readonly losses: readonly string[]
  readonly #tree: LoadedTree

  constructor(tree: LoadedTree, zxid: bigint, losses: readonly string[]) {
    this.#tree = tree
    this.zxid = zxid
    this.losses = losses
  }

  names(paths: readonly string[]): (readonly string[] | null)[] {
    const { table } = this.#tree
    return paths.map((path) => {
      const id = table.find(path)
      return id === NONE ? null : table.namesOf(id)
    })
  }

  znodes(paths: readonly string[]): (StoredZnode | null)[] {
    return paths.map((path) => {
      const id = this.#tree.table.find(path)
      return id === NONE ? null : this.#znode(id)
    })
  }

  data(paths: readonly string[]): (Data | undefined | ZnodeError)[] {
    return paths.map((path) => {
      const id = this.#tree.table.find(path)
      if (id === NONE) return undefined
      try {
        return this.#tree.data(id)
      } catch (error) {
        if (!(error instanceof Damage)) throw error
        return new ZnodeError('UNREADABLE', error.message)
      }
    })
  }

  close(): void {
    this.#tree.close()
  }

  #znode(id: number): StoredZnode {
    const { table } = this.#tree
    const stat = this.#tree.stat(id)
    const kind = this.#tree.kind(id)
    const numChildren = table.children[id] as number
    const mode: CreateMode =
      kind.kind === 'container' ? 'container' : kind.kind === 'ttl' ? { ttlMs: kind.ttlMs } : 'persistent'
    return {
      // Field by field: all of them alike, which makes whoever reads a million of them much faster.
      stat: {
        czxid: stat.czxid,
        mzxid: stat.mzxid,
        ctime: stat.ctime,
        mtime: stat.mtime,
        version: stat.version,
        cversion: (stat.cversion * 2 - numChildren) | 0,
        aversion: stat.aversion,
        ephemeralOwner: kind.kind === 'ephemeral' ? kind.session : 0n,
        dataLength: Math.max(0, table.dataLength[id] as number),
        numChildren,
        pzxid: stat.pzxid,
      },
      acl: this.#tree.aclList(id),
      mode,
    }
  }
}
