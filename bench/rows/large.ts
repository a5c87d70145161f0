/** Znodes of a megabyte: servers with a heap of 1 GB must live through it. */
import type { ServerOptions } from '../../test/servers/index.ts'
import type { Line, Row } from '../row.ts'
import { done } from '../row.ts'
import type { TreeSpec } from '../trees.ts'

// The server itself keeps each znode twice for a while (in the tree, and among the last 500 proposals for its
// followers): only a collector that moves its boundaries fits that into a gigabyte.
const SMALL_HEAP: ServerOptions = { version: '3.9.5', jvm: ['-Xmx1g', '-XX:+UseG1GC'] }
const TREES: [name: string, tree: TreeSpec][] = [
  ['400 znodes of 1 MB', { shape: 'large', znodes: 400, bytes: 0 }],
  ['the same among 100,000 small ones', { shape: 'mixed', znodes: 100_000, bytes: 300 }],
]

export const large: Row = {
  name: 'large',
  about: '400 znodes of 1 MB, alone and among 100,000 small ones, heaps of 1 GB: copied, verified, digested',
  byDefault: false,
  async run(bench) {
    const lines: Line[] = []
    for (const [name, tree] of TREES) {
      // New servers for each: half a gigabyte is all that a heap of one holds.
      const source = await bench.stage.place(`large source ${name}`, SMALL_HEAP)
      const target = await bench.stage.place(`large target ${name}`, SMALL_HEAP)
      const from = `${source.connect}${await source.tree(tree)}`
      for (const options of [[], ['--no-acl']]) {
        const path = target.freeRoot()
        const to = `${target.connect}${path}`
        const work = [name, ...options].join(', ')
        lines.push(done(`copy and verify, ${work}`, await bench.zkferry(['copy', from, to, ...options])))
        const ignore = options.length > 0 ? ['--ignore', 'acl'] : []
        lines.push(done(`digest, ${work}`, await bench.zkferry(['digest', to, ...ignore])))
        await target.remove(path, tree)
      }
    }
    return lines
  },
}
