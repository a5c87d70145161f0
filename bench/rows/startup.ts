/** What zkferry costs before it has done anything. */
import { type Row, withinLimit } from '../row.ts'
import type { TreeSpec } from '../trees.ts'

/** One znode, and the root. */
const EMPTY: TreeSpec = { shape: 'wide', znodes: 1, bytes: 0 }

export const startup: Row = {
  name: 'startup',
  about: 'zkferry --version; verify of an empty tree',
  byDefault: true,
  async run(bench) {
    const [source, target] = [await bench.stage.source('3.9.5'), await bench.stage.target('3.9.5')]
    const locations = [
      `${source.connect}${await source.tree(EMPTY)}`,
      `${target.connect}${await target.tree(EMPTY)}`,
    ]
    const best = await bench.best({
      version: () => bench.version(),
      verify: () => bench.zkferry(['verify', ...locations]),
    })
    const cpu = (best.verify.cpuSeconds ?? 0) * 1000
    return [
      withinLimit('zkferry --version', best.version, 'it takes', best.version.seconds * 1000, 100, 'ms'),
      withinLimit('verify of an empty tree', best.verify, 'CPU', cpu, 250, 'ms'),
    ]
  },
}
