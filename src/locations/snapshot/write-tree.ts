/** Turns what was staged into a snapshot file, with what every ensemble has beside it, and looks at what is in it. */
import { setImmediate as turn } from 'node:timers/promises'
import { type AclList, OPEN_ACL, Perms, sameAcl } from '../../tree/acl.ts'
import type { CreateMode } from '../../tree/create-mode.ts'
import { newestZxid } from '../../tree/znode.ts'
import { containerOwner, type PersistedStat, ttlOwner } from '../datadir/persisted-stat.ts'
import type { StagedZnode, Staging } from '../stored/staging.ts'
import { SnapshotWriter } from './snapshot-writer.ts'

export interface WrittenTree {
  /** Without what every ensemble has in /zookeeper. */
  znodes: number
  bytes: number
  /** The newest that a znode carries. */
  newestZxid: bigint
  /** Znodes with a TTL. */
  ttls: number
  /** Containers that a server deletes soon, since they have had children and have none. */
  emptyContainers: number
  firstEmptyContainer: string | null
  /** Of the longest data, path or ACL part. */
  longest: number
}

export interface TreeToWrite {
  staging: Staging
  file: string
  /** The copied root. */
  rootPath: string
  /** Whether /zookeeper/config is in the tree. */
  config: boolean
}

/** Znodes after which others may work: sessions are kept alive meanwhile. */
const TURN = 2_000
/** Stands for world:anyone with all permissions. */
const OPEN_ACL_ID = -1
const NEVER: PersistedStat = {
  czxid: 0n,
  mzxid: 0n,
  ctime: 0n,
  mtime: 0n,
  version: 0,
  cversion: 0,
  aversion: 0,
  ephemeralOwner: 0n,
  pzxid: 0n,
}
const EMPTY = Buffer.alloc(0)
const READ_ONLY: AclList['entries'] = [{ perms: Perms.read, scheme: 'world', id: Buffer.from('anyone') }]

/** Rejects with the file system's error. */
export async function writeTree(tree: TreeToWrite): Promise<WrittenTree> {
  const { staging } = tree
  const lists = [...staging.acls, { entries: READ_ONLY } as AclList]
  const ids = new Map(
    lists.map((acl, at) => [acl, at < staging.acls.length && sameAcl(acl, OPEN_ACL) ? OPEN_ACL_ID : at + 1]),
  )
  const writer = new SnapshotWriter(tree.file, lists)
  const seen: WrittenTree = {
    znodes: 0,
    bytes: 0,
    newestZxid: 0n,
    ttls: 0,
    emptyContainers: 0,
    firstEmptyContainer: null,
    longest: 0,
  }
  try {
    const isAncestor = ancestorsOf(tree.rootPath)
    const copied = staging.get(tree.rootPath)
    let begun = false
    for (const znode of staging.all()) {
      if (!begun && znode.path !== '/') writer.add('/', EMPTY, OPEN_ACL_ID, NEVER)
      const stat = isAncestor(znode.path) ? ancestorStat(znode.path, copied) : persisted(znode)
      writer.add(znode.path, znode.data, ids.get(znode.acl) as number, stat)
      if (!begun) writeOwn(writer, tree.config, lists.length)
      begun = true
      look(seen, znode, staging)
      if (seen.znodes % TURN === 0) await turn()
    }
    for (const { entries } of staging.acls)
      for (const { id } of entries) seen.longest = Math.max(seen.longest, id.length)
    await writer.finish()
    return { ...seen, bytes: writer.length }
  } finally {
    writer.close()
  }
}

/** What every ensemble keeps for itself. */
function writeOwn(writer: SnapshotWriter, config: boolean, readOnlyId: number): void {
  writer.add('/zookeeper', EMPTY, OPEN_ACL_ID, NEVER)
  if (config) writer.add('/zookeeper/config', EMPTY, readOnlyId, { ...NEVER, aversion: -1 })
  writer.add('/zookeeper/quota', EMPTY, OPEN_ACL_ID, NEVER)
}

function look(seen: WrittenTree, { path, data, mode, stat, sequence }: StagedZnode, staging: Staging): void {
  seen.znodes++
  const newest = newestZxid(stat)
  if (newest > seen.newestZxid) seen.newestZxid = newest
  // Three bytes a unit at most: who is near the limit is told, and nobody is told too late.
  seen.longest = Math.max(seen.longest, data?.length ?? 0, path.length)
  if (mode === 'container') {
    if (sequence === 0 || staging.children(path) > 0) return
    seen.emptyContainers++
    seen.firstEmptyContainer ??= path
  } else if (mode !== 'persistent') seen.ttls++
}

function persisted({ stat, sequence, mode }: StagedZnode): PersistedStat {
  const { czxid, mzxid, ctime, mtime, version, aversion, pzxid } = stat
  const ephemeralOwner = ownerOf(mode)
  return { czxid, mzxid, ctime, mtime, version, cversion: sequence | 0, aversion, ephemeralOwner, pzxid }
}

function ownerOf(mode: CreateMode): bigint {
  if (mode === 'persistent') return 0n
  return mode === 'container' ? containerOwner() : ttlOwner(BigInt(mode.ttlMs))
}

function ancestorsOf(rootPath: string): (path: string) => boolean {
  const ancestors = new Set<string>()
  for (let path = rootPath; path !== '/'; ) {
    path = path.slice(0, path.lastIndexOf('/')) || '/'
    ancestors.add(path)
  }
  return (path) => ancestors.has(path)
}

/** As old as the znode that they lead to, and with one child made. */
function ancestorStat(path: string, copied: StagedZnode | null): PersistedStat {
  if (copied === null) return NEVER
  const { czxid, ctime } = copied.stat
  const made = { ...NEVER, cversion: 1, pzxid: czxid }
  return path === '/' ? made : { ...made, czxid, mzxid: czxid, ctime, mtime: ctime }
}
