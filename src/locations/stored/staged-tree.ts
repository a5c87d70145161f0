/** What has been staged so far, as a tree. */
import type { Data, Stat } from '../../tree/znode.ts'
import type { StagedZnode, Staging } from './staging.ts'
import type { StoredTree, StoredZnode } from './stored-tree.ts'

export class StagedTree implements StoredTree {
  readonly zxid: bigint
  readonly #staging: Staging

  constructor(staging: Staging, zxid = 0n) {
    this.#staging = staging
    this.zxid = zxid
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

/** As a client would see a znode that has `children` children. */
export function asStored({ stat, acl, mode, data, sequence }: StagedZnode, children: number): StoredZnode {
  return { stat: clientStat(stat, sequence, children, data?.length ?? 0), acl, mode }
}

/** The Stat that a client would see where the znode has `children` children: the counter stays what it is. */
export function clientStat(stat: Stat, sequence: number, children: number, dataLength: number): Stat {
  return { ...stat, cversion: clientCversion(sequence, children), numChildren: children, dataLength }
}

/** Twice the counter less the children: what a client sees of it. */
export function clientCversion(sequence: number, children: number): number {
  return (2 * sequence - children) | 0
}
