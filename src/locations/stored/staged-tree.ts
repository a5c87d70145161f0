/** What has been staged so far, as a tree. */
import type { Data } from '../../tree/znode.ts'
import type { StagedZnode, Staging } from './staging.ts'
import type { StoredTree, StoredZnode } from './stored-tree.ts'

export class StagedTree implements StoredTree {
  readonly zxid = 0n
  readonly #staging: Staging

  constructor(staging: Staging) {
    this.#staging = staging
  }

  names(paths: readonly string[]): (readonly string[] | null)[] {
    return paths.map((path) => (this.#staging.get(path) === null ? null : this.#staging.names(path)))
  }

  znodes(paths: readonly string[]): (StoredZnode | null)[] {
    return paths.map((path) => {
      const znode = this.#staging.get(path)
      return znode === null ? null : asStored(znode, this.#staging.children(path))
    })
  }

  data(paths: readonly string[]): (Data | undefined)[] {
    return paths.map((path) => this.#staging.get(path)?.data)
  }

  close(): void {}
}

/** The Stat that a client would see where the znode has `children` children: the counter stays what it is. */
export function asStored({ stat, acl, mode, data, sequence }: StagedZnode, children: number): StoredZnode {
  const cversion = (2 * sequence - children) | 0
  return { stat: { ...stat, cversion, numChildren: children, dataLength: data?.length ?? 0 }, acl, mode }
}
