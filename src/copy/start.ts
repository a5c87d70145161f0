/** Where the march of a copy begins: at the root, or with the directories that a broken-off run left. */
import type { Run } from '../journal/index.ts'
import { Directory } from '../tree/directory.ts'
import type { MarchStart } from '../tree/march.ts'
import type { Beginning } from './begin.ts'
import type { CopyOptions } from './options.ts'

const PAGE = 1000

export function startOf(
  run: Run,
  { resumed, targetExists }: Beginning,
  { keepExisting, made }: CopyOptions,
): MarchStart {
  // Its row comes with the acknowledgement of the root itself; without it there is nothing to go on with.
  if (!resumed || run.directory('') === null) return { from: 'root', target: targetExists }
  const directories: Directory[] = []
  for (let last: string | undefined; ; ) {
    const page = run.pending(PAGE, last)
    for (const { path, watermark, childHash, children, emptyTarget } of page) {
      // The sums are of what was settled; of a directory that a proof found to differ, that is nothing.
      const settled = watermark === null ? {} : { watermark, childHash, children }
      const directory = new Directory(path, null, { inSource: true, inTarget: true, ...settled })
      // It was there already, and keeps its counter.
      if (keepExisting && !emptyTarget && made?.byUs(path) !== true) directory.sequence = 0
      directories.push(directory)
    }
    last = page.at(-1)?.path
    if (page.length < PAGE) break
  }
  return { from: 'directories', directories: directories.reverse() }
}
