/** A copy that is killed half-way and run again, beside one that is left in peace. */
import { setTimeout as sleep } from 'node:timers/promises'
import { atMost, type Row } from '../row.ts'
import { flatTree } from './copy.ts'

export const resume: Row = {
  name: 'resume',
  about: 'copy killed at about 50 % and resumed: both runs together beside one whole run',
  byDefault: false,
  async run(bench) {
    const [source, target] = [await bench.stage.source('3.9.5'), await bench.stage.target('3.9.5')]
    const tree = flatTree(bench)
    const root = await source.tree(tree)
    const copyTo = (path: string) => [
      'copy',
      `${source.connect}${root}`,
      `${target.connect}${path}`,
      '--no-verify',
    ]
    let wholeSeconds = 0
    const best = await bench.best({
      whole: async () => {
        const path = target.freeRoot()
        const sample = await bench.zkferry(copyTo(path))
        await target.remove(path, tree)
        wholeSeconds = sample.seconds
        return sample
      },
      resumed: async () => {
        const path = target.freeRoot()
        const stateFolder = bench.newStateFolder()
        const killWhen = sleep((wholeSeconds / 2) * 1000)
        const first = await bench.zkferry(copyTo(path), { stateFolder, killWhen, exitCodes: [KILLED] })
        const second = await bench.zkferry(copyTo(path), { stateFolder })
        bench.say(`killed after ${first.seconds.toFixed(2)} s; ${second.znodes} znodes were left to read`)
        await target.remove(path, tree)
        return { ...second, seconds: first.seconds + second.seconds, znodes: tree.znodes }
      },
    })
    return [atMost('copy, killed and resumed', best.resumed, 'one whole run', best.whole.seconds, 1.1)]
  },
}

const KILLED = 137
