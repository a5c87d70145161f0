import { expect } from 'vitest'
import type { Place } from './places.ts'
import { readTree } from './read-tree.ts'

/** Every znode was made once and not touched again. */
export async function expectWrittenOnce(where: Pick<Place, 'client' | 'root'>): Promise<void> {
  for (const [path, { stat }] of await readTree(where)) {
    const { version, aversion, cversion, numChildren } = stat
    if (version !== 0 || aversion !== 0 || cversion !== numChildren) {
      expect.fail(
        `${path} was written again: version ${version}, cversion ${cversion}, ${numChildren} children`,
      )
    }
  }
}
