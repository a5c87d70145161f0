/** Opens data directories as jobs do, and keeps what was said. */
import {
  type DatadirSetup,
  type DatadirSource,
  openDatadir,
} from '../../../src/locations/datadir/open-datadir.ts'
import { ZnodeError } from '../../../src/tree/contracts.ts'
import { childPath } from '../../../src/tree/path.ts'
import type { Stat } from '../../../src/tree/znode.ts'

export type Opened = { source: DatadirSource; notes: string[] }

export async function open(directory: string, setup: Partial<DatadirSetup> = {}): Promise<Opened> {
  const notes: string[] = []
  const source = await openDatadir({
    side: 'source',
    name: `datadir:${directory}`,
    directory,
    rootPath: '/',
    note: (message) => notes.push(message),
    ...setup,
  })
  return { source, notes }
}

export interface SeenZnode {
  data: string | null
  acl: string[]
  stat: Stat
  mode: unknown
}

/** Everything below its root, as a job would read it; keyed by path. */
export async function readAll(source: DatadirSource): Promise<Map<string, SeenZnode>> {
  const tree = new Map<string, SeenZnode>()
  for (let level = ['']; level.length > 0; ) {
    const [stats, data, lists] = [
      await source.stat(level),
      await source.data(level),
      await source.list(level),
    ]
    const next: string[] = []
    level.forEach((path, at) => {
      const [stat, content, list] = [stats[at], data[at], lists[at]]
      for (const one of [stat, content, list]) {
        if (one === undefined || one instanceof ZnodeError) throw new Error(`${path}: ${one?.message}`)
      }
      if (!stat || !content || !list || 'code' in stat || 'code' in content || 'code' in list) return
      tree.set(path, {
        data: content.data?.toString('base64') ?? null,
        acl: stat.acl.entries.map(({ perms, scheme, id }) => `${perms}:${scheme}:${id}`),
        stat: stat.stat,
        mode: stat.mode,
      })
      for (const name of list.names) next.push(childPath(path, name))
    })
    level = next
  }
  return tree
}
