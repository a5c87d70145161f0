/** Reads a whole subtree one request a znode, with nothing of the engine: what a test compares with. */
import type { Stat } from '../../src/zookeeper/index.ts'
import type { Place } from './places.ts'

export interface ReadZnode {
  /** Base64, or null. */
  data: string | null
  /** `perms:scheme:id` in the server's order. */
  acl: string[]
  stat: Stat
}

/** Keyed by the path below the root, `''` first; empty when there is no root. */
export async function readTree({
  client,
  root,
}: Pick<Place, 'client' | 'root'>): Promise<Map<string, ReadZnode>> {
  const tree = new Map<string, ReadZnode>()
  const base = root === '/' ? '' : root
  let level = (await client.exists(root)) === null ? [] : ['']
  while (level.length > 0) {
    const next: string[] = []
    for (let from = 0; from < level.length; from += 1000) {
      await Promise.all(
        level.slice(from, from + 1000).map(async (below) => {
          const path = below === '' ? root : `${base}/${below}`
          const [{ data, stat }, { acl }] = await Promise.all([client.getData(path), client.getACL(path)])
          tree.set(below, {
            data: data?.toString('base64') ?? null,
            acl: acl.map(({ perms, scheme, id }) => `${perms}:${scheme}:${id}`),
            stat,
          })
          if (stat.numChildren === 0) return
          const { children } = await client.getChildren(path)
          for (const name of children) {
            if (path === '/' && name === 'zookeeper') continue
            next.push(below === '' ? name : `${below}/${name}`)
          }
        }),
      )
    }
    level = next
  }
  return tree
}

/** What a copy must keep of each persistent znode: data, and the ACL as a set. Sorted by path. */
export function contents(tree: Map<string, ReadZnode>): [string, string | null, string][] {
  return [...tree]
    .filter(([, { stat }]) => stat.ephemeralOwner === 0n)
    .map(([path, { data, acl }]): [string, string | null, string] => [path, data, [...acl].sort().join(' ')])
    .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
}

/** Paths with the zxids of their last change: equal means that nothing was written meanwhile. */
export function zxids(tree: Map<string, ReadZnode>): Record<string, string> {
  return Object.fromEntries(
    [...tree].map(([path, { stat }]) => [
      path,
      `${stat.czxid} ${stat.mzxid} ${stat.pzxid} ${stat.version} ${stat.cversion} ${stat.aversion}`,
    ]),
  )
}
