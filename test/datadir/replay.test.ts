import { expect, test } from 'vitest'
import { open, readAll } from './fuzz/open.ts'
import { type LivedOptions, liveAndDie } from './lived.ts'

const servers: LivedOptions[] = [
  { version: '3.4.14' },
  { version: '3.4.14', snapCount: 200, restart: true },
  { version: '3.5.10', snapCount: 200 },
  { version: '3.9.5', snapCount: 200 },
  { version: '3.9.5', compression: 'gz', snapCount: 200 },
  { version: '3.9.5', compression: 'snappy', restart: true },
]

test.each(servers)('what a server showed is what its files tell: %j', async (options) => {
  const lived = await liveAndDie(options)
  try {
    const { source, notes } = await open(lived.directory)
    const tree = await readAll(source)
    expect([...tree.keys()].sort()).toEqual([...lived.tree.keys()].sort())
    for (const [path, { mode, ...znode }] of tree) {
      expect({ path, ...znode }).toEqual({ path, ...lived.tree.get(path) })
      const kind = lived.kinds.get(path)
      expect(mode).toEqual(kind === undefined ? 'persistent' : kind === 'container' ? kind : { ttlMs: kind })
    }
    // A 3.4 server writes no snapshot before it is started a second time.
    expect(notes.filter((note) => !note.startsWith('There is no snapshot to begin with'))).toEqual([])
    expect(source.losses).toEqual([])
    await source.close()
  } finally {
    await lived.remove()
  }
})
