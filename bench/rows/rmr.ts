/** Removing a tree, beside ZooKeeper's own deleteall. */
import { delimiter, join } from 'node:path'
import { hasJars, installedZooKeeper, jarFolder, javaCommand } from '../../test/servers/jars.mjs'
import type { Sample } from '../bench.ts'
import { leftOut, type Row, timesFaster } from '../row.ts'
import { pathsOf } from '../trees.ts'
import { flatTree } from './copy.ts'

const VERSION = '3.9.5'

export const rmr: Row = {
  name: 'rmr',
  about: 'rmr on 3.9: beside ZooKeeper’s own deleteall',
  byDefault: true,
  async run(bench) {
    const target = await bench.stage.target(VERSION)
    const tree = flatTree(bench)
    const znodes = pathsOf(tree).length
    const filled = async (work: (root: string) => Promise<Sample>) => {
      const root = await target.tree(tree)
      const sample = await bench.withServers(() => work(root))
      target.forget(root)
      return { ...sample, znodes }
    }
    const best = await bench.best({
      rmr: () => filled((root) => bench.zkferry(['rmr', '--yes', `${target.connect}${root}`])),
    })
    const classpath = hasJars(VERSION) ? [join(jarFolder(VERSION), '*')] : installedZooKeeper()?.classpath
    if (!bench.options.peers) return [leftOut('rmr, against deleteall', 'no peers were wanted')]
    if (classpath === undefined)
      return [leftOut('rmr, against deleteall', 'its jars are in a container only')]
    const shell = [
      '-cp',
      classpath.join(delimiter),
      'org.apache.zookeeper.ZooKeeperMain',
      '-server',
      target.connect,
    ]
    const peer = await filled((root) =>
      bench.program('deleteall', javaCommand(), [...shell, 'deleteall', root]),
    )
    bench.say(`deleteall ${peer.seconds.toFixed(2)} s`)
    return [timesFaster('rmr', best.rmr, 'deleteall', peer, 5)]
  },
}
