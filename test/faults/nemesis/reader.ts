/** Reads a tree one request a znode, with nothing of the engine, and tells what two trees differ in. */
import type { ZooKeeperClient } from '../../../src/zookeeper/index.ts'

export interface Seen {
  data: string
  acl: string
  /** The number that the next sequential child gets. */
  next: number
  version: number
  ephemeral: boolean
  /** Changes with every change. */
  zxids: string
}

/** By the path below the root, `''` first, parents before children; empty where there is no root. */
export async function readAll(client: ZooKeeperClient, root: string): Promise<Map<string, Seen>> {
  const tree = new Map<string, Seen>()
  await client.sync('/')
  let level = (await client.exists(root)) === null ? [] : ['']
  while (level.length > 0) {
    const next: string[] = []
    const seen = await Promise.all(
      level.map((below) => readOne(client, `${root}${below === '' ? '' : `/${below}`}`)),
    )
    for (const [at, one] of seen.entries()) {
      const below = level[at] as string
      tree.set(below, one.seen)
      for (const name of one.children) next.push(below === '' ? name : `${below}/${name}`)
    }
    level = next
  }
  return tree
}

async function readOne(client: ZooKeeperClient, path: string): Promise<{ seen: Seen; children: string[] }> {
  const [{ data, stat }, { acl }, { children }] = await Promise.all([
    client.getData(path),
    client.getACL(path),
    client.getChildren(path),
  ])
  const seen = {
    data: data === null ? 'null' : data.toString('base64'),
    acl: acl
      .map(({ perms, scheme, id }) => `${perms}:${scheme}:${id}`)
      .sort()
      .join(' '),
    next: ((stat.cversion + stat.numChildren) & 0xffff_ffff) >>> 1,
    version: stat.version,
    ephemeral: stat.ephemeralOwner !== 0n,
    zxids: `${stat.czxid} ${stat.mzxid} ${stat.pzxid} ${stat.aversion}`,
  }
  return { seen, children: children.sort() }
}

export interface Rules {
  /** Counters of the target may be ahead. */
  mayBeAhead: boolean
  /** Data that no counter hides in were written once: the copy is the first one, and nothing was corrupted. */
  writtenOnce: boolean
}

/** What is wrong with a target that shall be as the source. */
export function unlike(source: Map<string, Seen>, target: Map<string, Seen>, rules: Rules): string[] {
  const wrong: string[] = []
  for (const [path, there] of source) {
    const here = target.get(path)
    const name = path === '' ? '(the root)' : path
    if (there.ephemeral) {
      if (here !== undefined) wrong.push(`${name}: an ephemeral of the source is on the target`)
      continue
    }
    if (here === undefined) {
      wrong.push(`${name}: missing`)
      continue
    }
    if (here.ephemeral) wrong.push(`${name}: ephemeral on the target`)
    if (here.data !== there.data) wrong.push(`${name}: other data`)
    if (here.acl !== there.acl) wrong.push(`${name}: ACL ${here.acl}, not ${there.acl}`)
    if (here.next < there.next) wrong.push(`${name}: sequence counter ${here.next}, behind ${there.next}`)
    if (here.next > there.next && !rules.mayBeAhead)
      wrong.push(`${name}: sequence counter ${here.next}, ahead of ${there.next}`)
    const counts = there.data === ''
    if (counts && here.version < there.version)
      wrong.push(`${name}: version ${here.version}, behind ${there.version}`)
    if (counts && here.version > there.version && !rules.mayBeAhead)
      wrong.push(`${name}: version ${here.version}, ahead of ${there.version}`)
    if (!counts && rules.writtenOnce && here.version !== 0)
      wrong.push(`${name}: written ${here.version + 1} times`)
  }
  for (const path of target.keys()) if (!source.has(path)) wrong.push(`${path}: only on the target`)
  return wrong
}
