/**
 * A tree that does not move: in an archive, in a data directory, in memory. Whoever can answer these questions is a
 * location (see `stored-source.ts`). Paths are absolute in the tree: `/`, `/a/b`.
 */
import type { AclList } from '../../tree/acl.ts'
import type { ZnodeError } from '../../tree/contracts.ts'
import type { CreateMode } from '../../tree/create-mode.ts'
import type { Data, Stat } from '../../tree/znode.ts'

export interface StoredZnode {
  /** As a client of a server would see it, with one exception that `mode` tells: `cversion` and `numChildren` agree. */
  stat: Stat
  acl: AclList
  mode: CreateMode
}

/** Answers come in the order of the paths; `null`: there is no such znode. A ZnodeError: damaged, and known to be. */
export interface StoredTree {
  /** Nothing in the tree is newer. */
  readonly zxid: bigint
  /** What is known to be missing, a sentence each; see `TreeSource.losses`. */
  readonly losses?: readonly string[]
  /** Child names, in any order. */
  names(paths: readonly string[]): MaybePromise<(readonly string[] | null | ZnodeError)[]>
  znodes(paths: readonly string[]): MaybePromise<(StoredZnode | null | ZnodeError)[]>
  /** `undefined`: there is no such znode. */
  data(paths: readonly string[]): MaybePromise<(Data | undefined | ZnodeError)[]>
  close(): MaybePromise<void>
}

export type MaybePromise<T> = T | Promise<T>
