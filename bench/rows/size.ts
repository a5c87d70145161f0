/** What must not grow with the tree: memory, and the time a znode. */
import type { ServerOptions } from '../../test/servers/index.ts'
import type { Bench, FerrySample } from '../bench.ts'
import { type Line, type Row, rateAtLeast, withinLimit } from '../row.ts'
import type { TreeSpec } from '../trees.ts'
import { flatTree } from './copy.ts'

const BIG_SERVER: ServerOptions = { version: '3.9.5', jvm: ['-Xmx6g'] }
const MEGABYTE = 1e6

export const million: Row = {
  name: 'million',
  about:
    'copy of five and ten times the flat tree (1,000,000 and 2,000,000 with --znodes 200000): memory and rate',
  byDefault: false,
  async run(bench) {
    const small = flatTree(bench)
    const lines: Line[] = []
    const base = await copyOnce(bench, small)
    for (const times of [5, 10]) {
      const sample = await copyOnce(bench, { ...small, znodes: small.znodes * times })
      const work = `copy, ${(small.znodes * times).toLocaleString('en')} znodes`
      lines.push(withinLimit(work, sample, 'peak RSS', (sample.maxRssBytes ?? 0) / MEGABYTE, 200, 'MB'))
      lines.push(rateAtLeast(work, sample, `${small.znodes.toLocaleString('en')} znodes`, base, 0.9))
    }
    return lines
  },
}

export const wide: Row = {
  name: 'wide',
  about: 'one directory with five times as many children (1,000,000 with --znodes 200000): memory',
  byDefault: false,
  async run(bench) {
    const tree: TreeSpec = { shape: 'wide', znodes: bench.options.znodes * 5, bytes: 100 }
    const sample = await copyOnce(bench, tree)
    const work = `copy, one directory of ${tree.znodes.toLocaleString('en')}`
    return [withinLimit(work, sample, 'peak RSS', (sample.maxRssBytes ?? 0) / MEGABYTE, 400, 'MB')]
  },
}

/** One counted run: these are long. */
async function copyOnce(bench: Bench, tree: TreeSpec): Promise<FerrySample> {
  const source = await bench.stage.place('source', BIG_SERVER)
  const target = await bench.stage.place('target', BIG_SERVER)
  const root = await source.tree(tree)
  const path = target.freeRoot()
  const sample = await bench.zkferry([
    'copy',
    `${source.connect}${root}`,
    `${target.connect}${path}`,
    '--no-verify',
  ])
  bench.say(
    `${tree.znodes} znodes: ${sample.seconds.toFixed(2)} s, ${Math.round((sample.maxRssBytes ?? 0) / MEGABYTE)} MB`,
  )
  await target.remove(path, tree)
  await source.remove(root, tree)
  return sample
}
