/** Lets a server live and die, and holds what it showed against what its files tell. */
import { expect } from 'vitest'
import { open, readAll } from './fuzz/open.ts'
import { type LivedOptions, liveAndDie } from './lived.ts'

export async function showsTheSame(options: LivedOptions): Promise<void> {
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
    const told = notes.filter((note) => !note.startsWith('There is no snapshot to begin with'))
    const unknown =
      options.charset === 'IBM850' ? [expect.stringContaining('no character set that is known')] : []
    expect(told).toEqual(unknown)
    expect(source.losses).toEqual([])
    await source.close()
  } finally {
    await lived.remove()
  }
}
