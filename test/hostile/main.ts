/**
 * npm run test:fuzz-wire -- --frames 1000000 --seed 1 --peers 300
 *
 * Frames in memory, then hostile peers behind real sockets, for the client and for the command line.
 */
import { pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { startServer } from '../servers/index.ts'
import { campaign } from './campaign.ts'
import { siege } from './siege.ts'

const { values } = parseArgs({
  options: {
    frames: { type: 'string', default: '1000000' },
    peers: { type: 'string', default: '300' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
  },
})
const seed = Number(values.seed)
const folder = pathToFileURL(`${process.cwd()}/fixtures/conversations/`)
console.log(`seed ${seed}`)

const begun = performance.now()
const report = await campaign({ frames: Number(values.frames), seed, folder })
const seconds = (performance.now() - begun) / 1000
console.log(
  `${report.frames} frames in ${seconds.toFixed(1)} s (${Math.round(report.frames / seconds)}/s): no crash; the longest attack took ${report.longestMs.toFixed(0)} ms, memory grew by ${Math.round(report.grown / 1e6)} MB at most`,
)

const peers = Number(values.peers)
if (peers > 0) {
  const server = await startServer()
  try {
    const outcomes = await siege({ peers, seed, folder, server: server.connectString })
    for (const [what, count] of outcomes) console.log(`${String(count).padStart(6)}  ${what}`)
  } finally {
    await server.stop()
  }
}
