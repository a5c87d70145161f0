/** Damage: two hundred copies with a byte, a page or an end that is not as it was. `npm run test:fuzz-archive` has more. */
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openArchive } from '../../src/locations/archive/archive-file.ts'
import { freshFolder } from './folders.ts'
import { fuzz } from './mutate.ts'
import { addGeneration, noPassphrase, sampleTree } from './samples.ts'

const CASES = Number(process.env.ZKFERRY_FUZZ_CASES ?? 200)
const SEED = Number(process.env.ZKFERRY_FUZZ_SEED ?? 1)

test('what is damaged is found to be, or reads as it should', async () => {
  const folder = freshFolder()
  const file = join(folder, 'a.zkferry')
  await addGeneration({ file, path: '/app' }, sampleTree(600))
  await addGeneration({ file, path: '/other' }, sampleTree(5))
  const digest = await addGeneration({ file, path: '/app' }, sampleTree(600, 1))
  const outcomes = await fuzz({ file, path: '/app', digest, folder, keys: null, seed: SEED, cases: CASES })
  expect(outcomes.refused).toBeGreaterThan(CASES / 6)
  expect(outcomes.harmless).toBeGreaterThan(0)
}, 3_600_000)

test('the same of an encrypted one', async () => {
  const folder = freshFolder()
  const file = join(folder, 'a.zkferry')
  const digest = await addGeneration({ file, path: '/app', passphrase: 'open sesame' }, sampleTree(100))
  const archive = await openArchive(file, async () => Buffer.from('open sesame'))
  const { keys } = archive
  archive.close()
  await expect(openArchive(file, noPassphrase)).rejects.toThrow('is encrypted: give its passphrase')
  const outcomes = await fuzz({ file, path: '/app', digest, folder, keys, seed: SEED, cases: CASES / 4 })
  expect(outcomes.refused).toBeGreaterThan(CASES / 16)
}, 3_600_000)
