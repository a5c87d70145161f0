/** Verification beside the bare reading of both sides, and a copy that has nothing to do beside a verification. */
import type { Bench } from '../bench.ts'
import { atMost, type Line, type Row } from '../row.ts'
import { flatTree } from './copy.ts'

export const verify: Row = {
  name: 'verify',
  about: 'verify both sides, 3.9 and 3.9: beside both read floods; copy of equal trees beside verify',
  byDefault: true,
  run: (bench) => verifyRow(bench, '3.9.5', '3.9.5'),
}

export const verifyOld: Row = {
  name: 'verify-old',
  about: 'the same, 3.4.14 and 3.9',
  byDefault: true,
  run: (bench) => verifyRow(bench, '3.4.14', '3.9.5'),
}

async function verifyRow(bench: Bench, from: string, to: string): Promise<Line[]> {
  const [source, target] = [await bench.stage.source(from), await bench.stage.target(to)]
  const tree = flatTree(bench)
  const root = await source.tree(tree)
  const copyRoot = await target.tree(tree)
  const locations = [`${source.connect}${root}`, `${target.connect}${copyRoot}`]
  const best = await bench.best({
    'source read flood': () => bench.flood('read', source, root, tree),
    'source ACL flood': () => bench.flood('acl', source, root, tree),
    'target read flood': () => bench.flood('read', target, copyRoot, tree),
    'target ACL flood': () => bench.flood('acl', target, copyRoot, tree),
    verify: () => bench.zkferry(['verify', ...locations]),
    'copy of equal trees': async () => {
      const sample = await bench.zkferry(['copy', '--merge', '--no-verify', ...locations])
      const { created, updated, deleted } = sample.summary.znodes
      if (created + updated + deleted > 0) throw new Error('a copy of equal trees wrote to its target')
      return sample
    },
  })
  const { verify: verified, 'copy of equal trees': nothingToDo, ...floods } = best
  const seconds = Object.values(floods).map((sample) => sample.seconds)
  const sum = seconds.reduce((a, b) => a + b, 0)
  const parts = seconds.map((each) => each.toFixed(2)).join(' + ')
  return [
    atMost(`verify ${from}, ${to}`, verified, `floods ${parts}`, sum, 1.3),
    atMost(`copy ${from} → ${to}, equal trees, --no-verify`, nothingToDo, 'verify', verified.seconds, 1.2),
  ]
}
