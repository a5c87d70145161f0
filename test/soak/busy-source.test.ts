/**
 * A million znodes are verified while their source takes a thousand writes a second: it ends, in bounded memory, and
 * names what was written and nothing else. ZKFERRY_BUSY_DIRS for another size, a thousand znodes each.
 */
import { expect, onTestFinished, test } from 'vitest'
import { megabytes, peakOf, TELLS_PEAK } from '../helpers/peak.ts'
import { connect, Place, plantMany } from '../helpers/places.ts'
import { type Outcome, zkferry } from '../helpers/zkferry.ts'
import { startServer } from '../servers/index.ts'
import { SteadyWriter } from './writer.ts'

const DIRS = Number(process.env.ZKFERRY_BUSY_DIRS ?? 1000)
const LEAVES = 999
const WRITES_A_SECOND = 1000
const PEAK_LIMIT_BYTES = 250 * 1000 * 1000
/** Written before the verification begins: seen by it for sure. */
const BEFORE = 2000

async function bigPlace(root: string): Promise<Place> {
  const server = await startServer({ jvm: ['-Xmx3g', '-XX:TieredStopAtLevel=4'] })
  onTestFinished(() => server.stop())
  return new Place(await connect(server.connectString), server.connectString, root)
}

/** `d00001/z000002: data acl` as the pairs of path and one part. */
function parts(differences: string[]): Set<string> {
  return new Set(
    differences.flatMap((line) => {
      const [path, what = ''] = line.split(': ')
      return what.split(' ').map((part) => `${path} ${part}`)
    }),
  )
}

function told(what: string, seconds: number, { code, stderr, summary }: Outcome): string {
  const { znodes, differences, sourceMoved, consistency } = summary
  return (
    `${what}: exit ${code} after ${seconds.toFixed(1)} s, ${znodes.read} znodes, peak RSS ${megabytes(peakOf(stderr))}, ` +
    `${differences} differences, ${sourceMoved} moved, ${consistency}`
  )
}

async function timed(what: string, work: Promise<Outcome>): Promise<Outcome> {
  const begun = performance.now()
  const outcome = await work
  console.log(told(what, (performance.now() - begun) / 1000, outcome))
  return outcome
}

test(`verify of ${DIRS * (LEAVES + 1)} znodes under ${WRITES_A_SECOND} writes a second ends, below 250 MB`, async () => {
  const [from, to] = [await bigPlace('/from'), await bigPlace('/to')]
  await Promise.all([plantMany(from, DIRS, LEAVES), plantMany(to, DIRS, LEAVES)])
  const verify = () => zkferry(['verify', from.location, to.location], { env: TELLS_PEAK })
  const quiet = await timed('quiet', verify())
  expect(quiet.code, quiet.stderr).toBe(0)

  const writer = new SteadyWriter(from, { dirs: DIRS, leaves: LEAVES, perSecond: WRITES_A_SECOND })
  await expect.poll(() => writer.writes, { timeout: 60_000 }).toBeGreaterThan(BEFORE)
  const certain = [...parts(writer.differences())].filter((part) => / data$| sequence$/.test(part))
  // First in, first out: with this reply all of them are acknowledged.
  await from.client.sync(from.root)
  const busy = await timed('busy', verify())
  const rate = await writer.stop()
  console.log(`${writer.writes} writes, ${rate}/s`)

  expect(busy.code, busy.stderr).toBe(1)
  expect(busy.summary).toMatchObject({ status: 'different', consistency: 'moving' })
  expect(peakOf(busy.stderr)).toBeLessThan(PEAK_LIMIT_BYTES)
  const named = parts(busy.differences())
  expect(certain.filter((part) => !named.has(part))).toEqual([])

  // Once it is quiet, every difference is named, and no other.
  const after = await timed('after', verify())
  expect(after.code, after.stderr).toBe(1)
  expect(after.differences()).toEqual(writer.differences())
})
