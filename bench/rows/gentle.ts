/** What other clients feel of a copy: the servers' own latency figures, with and without it. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { ZooKeeperClient } from '../../src/zookeeper/index.ts'
import type { Sample } from '../bench.ts'
import { type Line, leftOut, NO_ZKCOPY, type Row, timesFaster } from '../row.ts'
import type { Place } from '../stage.ts'
import { pathsOf } from '../trees.ts'
import { flatTree } from './copy.ts'

const REQUESTS_A_SECOND = 200
const WITHOUT_MS = 5_000
const MOST = 3

export const gentle: Row = {
  name: 'gentle',
  about: 'copy --gentle beside a client with 200 small reads and writes a second on each side: their latency',
  byDefault: true,
  async run(bench) {
    const [source, target] = [await bench.stage.source('3.9.5'), await bench.stage.target('3.9.5')]
    const tree = flatTree(bench)
    const root = await source.tree(tree)
    const path = target.freeRoot()
    const places = [source, target]
    const alone = await beside(places, async () => {
      await sleep(WITHOUT_MS)
    })
    let sample: Sample | null = null
    const during = await beside(places, async () => {
      sample = await bench.zkferry([
        'copy',
        '--gentle',
        '--no-verify',
        `${source.connect}${root}`,
        `${target.connect}${path}`,
      ])
    })
    await target.remove(path, tree)
    const copied = sample as Sample | null
    if (copied === null) throw new Error('the copy did not run')
    const lines = ['source', 'target'].map((side, at): Line => {
      const [before, now] = [alone[at] as Felt, during[at] as Felt]
      const ratio = now.averageMs / before.averageMs
      return {
        work: `copy --gentle, latency at the ${side}`,
        sample: copied,
        against: `mntr ${before.averageMs.toFixed(2)} → ${now.averageMs.toFixed(2)} ms; client p99 ${before.p99Ms.toFixed(1)} → ${now.p99Ms.toFixed(1)} ms`,
        ratio,
        goal: `≤ ${MOST}`,
        met: ratio <= MOST,
      }
    })
    const jar = bench.zkcopyJar
    if (jar === null) return [...lines, leftOut('copy --gentle, against zkcopy', NO_ZKCOPY)]
    const znodes = pathsOf(tree).length
    const peer = await bench.zkcopy(jar, `${source.connect}${root}`, `${target.connect}${path}`, znodes)
    await target.remove(path, tree)
    return [...lines, timesFaster('copy --gentle', copied, 'zkcopy', peer, 5)]
  },
}

interface Felt {
  /** Of all requests, by the server's own figures. */
  averageMs: number
  /** Of the small reads and writes, as their client sees them. */
  p99Ms: number
}

/** Runs `work` beside a client with small reads and writes on each place. */
async function beside(places: readonly Place[], work: () => Promise<void>): Promise<Felt[]> {
  const stop = new AbortController()
  for (const { server } of places) await server.fourLetter('srst')
  const clients = places.map(({ client }) => foreground(client, stop.signal))
  try {
    await work()
  } finally {
    stop.abort()
  }
  const times = await Promise.all(clients)
  return Promise.all(
    places.map(async ({ server }, at) => ({
      averageMs: Number(/^zk_avg_latency\t([\d.]+)/m.exec(await server.fourLetter('mntr'))?.[1]),
      p99Ms: percentile(times[at] as number[], 0.99),
    })),
  )
}

/** At a steady pace, whether or not answers come. Returns the milliseconds of each. */
async function foreground(client: ZooKeeperClient, signal: AbortSignal): Promise<number[]> {
  const times: number[] = []
  const asked: Promise<void>[] = []
  const began = performance.now()
  for (let at = 0; !signal.aborted; at++) {
    const wait = began + (at * 1000) / REQUESTS_A_SECOND - performance.now()
    if (wait > 0) await sleep(wait)
    const sent = performance.now()
    const request = at % 2 === 0 ? client.getData('/bench') : client.setData('/bench', Buffer.alloc(100))
    asked.push(request.then(() => void times.push(performance.now() - sent)))
  }
  await Promise.all(asked)
  return times
}

function percentile(times: number[], share: number): number {
  return times.toSorted((a, b) => a - b)[Math.floor(times.length * share)] ?? 0
}
