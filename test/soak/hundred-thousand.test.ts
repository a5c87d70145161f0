/** 100,000 znodes of 300 bytes, from 3.4.14 to 3.9.5: copied, verified, proved by another client, in little memory. */
import { expect, test } from 'vitest'
import { expectedReading, readIndependently } from '../helpers/native.ts'
import { megabytes, peakOf, TELLS_PEAK } from '../helpers/peak.ts'
import { many, pair, plantMany } from '../helpers/places.ts'
import { freshJournal, zkferry } from '../helpers/zkferry.ts'

/** 100,000 below the root. */
const DIRS = 1000
const LEAVES = 99
const ZNODES = 1 + DIRS * (LEAVES + 1)
const PEAK_LIMIT_BYTES = 150 * 1024 * 1024

test('100,000 znodes are copied and verified, an independent reader finds them equal, below 150 MB', async () => {
  const { from, to } = await pair('soak')
  await plantMany(from, DIRS, LEAVES, 300)

  const started = performance.now()
  const { code, summary, stderr } = await zkferry(
    ['copy', '--journal', freshJournal(), from.location, to.location],
    { env: TELLS_PEAK },
  )
  const seconds = (performance.now() - started) / 1000
  expect(code, stderr).toBe(0)
  expect(summary).toMatchObject({ status: 'done', znodes: { read: ZNODES, created: ZNODES }, differences: 0 })
  expect(summary.digest.source).toBe(summary.digest.target)

  const { by, ...found } = await readIndependently(to.address, to.root)
  expect(found).toEqual(expectedReading(many(DIRS, LEAVES, 300)))
  const peak = peakOf(stderr)
  console.log(
    `100,000 znodes × 300 B, 3.4.14 → 3.9.5: ${seconds.toFixed(1)} s with verification, ` +
      `peak RSS ${megabytes(peak)}, read back by the ${by} client`,
  )
  expect(peak).toBeLessThan(PEAK_LIMIT_BYTES)
  expect((await zkferry(['verify', from.location, to.location])).summary.status).toBe('identical')
})
