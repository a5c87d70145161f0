/** Narrow and deep, as Kafka keeps its topics: a round trip a directory would show here. */
import { type Row, rateAtLeast } from '../row.ts'
import type { TreeSpec } from '../trees.ts'
import { flatTree } from './copy.ts'

export const kafka: Row = {
  name: 'kafka',
  about: 'topics × 10 partitions × 1 state, copy 3.9 → 3.9: beside the flat tree',
  byDefault: true,
  async run(bench) {
    const [source, target] = [await bench.stage.source('3.9.5'), await bench.stage.target('3.9.5')]
    const flat = flatTree(bench)
    const narrow: TreeSpec = { shape: 'kafka', znodes: Math.ceil(flat.znodes * 0.55), bytes: 300 }
    const ferry = async (tree: TreeSpec) => {
      const root = await source.tree(tree)
      const path = target.freeRoot()
      const sample = await bench.zkferry([
        'copy',
        `${source.connect}${root}`,
        `${target.connect}${path}`,
        '--no-verify',
      ])
      await target.remove(path, tree)
      return sample
    }
    const best = await bench.best({ flat: () => ferry(flat), narrow: () => ferry(narrow) })
    return [rateAtLeast('copy, narrow and deep', best.narrow, 'flat tree', best.flat, 0.5)]
  },
}
