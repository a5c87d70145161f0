/** A copy between ensembles that are 20 ms away, both of them. */
import { startDelayProxy } from '../delay-proxy.ts'
import { atMost, leftOut, NO_ZKCOPY, type Row, timesFaster } from '../row.ts'
import { pathsOf, type TreeSpec } from '../trees.ts'
import { flatTree } from './copy.ts'

const ROUND_TRIP_MS = 20
/** zkcopy needs 47 ms a znode there. */
const PEER_TREE: TreeSpec = { shape: 'flat', znodes: 2000, bytes: 300 }

export const latency: Row = {
  name: 'latency',
  about: 'copy 3.9 → 3.9, 20 ms round trip on both sides: beside loopback, and zkcopy on 2,000 znodes',
  byDefault: true,
  async run(bench) {
    const [source, target] = [await bench.stage.source('3.9.5'), await bench.stage.target('3.9.5')]
    const tree = flatTree(bench)
    const root = await source.tree(tree)
    const proxies = await Promise.all(
      [source, target].map(({ server }) => startDelayProxy(server.port, ROUND_TRIP_MS / 2)),
    )
    const [far, farTarget] = proxies.map((proxy) => proxy.connect)
    const ferry = async (from: string | undefined, to: string | undefined) => {
      const path = target.freeRoot()
      const sample = await bench.zkferry(['copy', `${from}${root}`, `${to}${path}`, '--no-verify'])
      await target.remove(path, tree)
      return sample
    }
    try {
      const best = await bench.best({
        loopback: () => ferry(source.connect, target.connect),
        '20 ms': () => ferry(far, farTarget),
      })
      const work = 'copy, 20 ms round trip'
      const lines = [atMost(work, best['20 ms'], 'loopback', best.loopback.seconds, 2)]
      const jar = bench.zkcopyJar
      if (jar === null) return [...lines, leftOut(`${work}, against zkcopy`, NO_ZKCOPY)]
      const small = await source.tree(PEER_TREE)
      const path = target.freeRoot()
      const peer = await bench.zkcopy(jar, `${far}${small}`, `${farTarget}${path}`, pathsOf(PEER_TREE).length)
      await target.remove(path, PEER_TREE)
      return [...lines, timesFaster(work, best['20 ms'], 'zkcopy, 2,000 znodes', peer, 400)]
    } finally {
      await Promise.all(proxies.map((proxy) => proxy.close()))
    }
  },
}
