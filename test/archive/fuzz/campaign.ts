/** Damaged copies of an archive with several trees, and of an encrypted one. */
import { join } from 'node:path'
import { openArchive } from '../../../src/locations/archive/archive-file.ts'
import { fuzz, type Outcomes } from './mutate.ts'
import { addGeneration, sampleTree } from './samples.ts'

const PASSPHRASE = 'open sesame'

/** Rejects with the case that was neither found nor harmless. */
export async function plainCampaign(folder: string, cases: number, seed: number): Promise<Outcomes> {
  const file = join(folder, 'plain.zkferry')
  await addGeneration({ file, path: '/app' }, sampleTree(600))
  await addGeneration({ file, path: '/other' }, sampleTree(5))
  const digest = await addGeneration({ file, path: '/app' }, sampleTree(600, 1))
  return fuzz({ file, path: '/app', digest, folder, keys: null, seed, cases })
}

export async function encryptedCampaign(folder: string, cases: number, seed: number): Promise<Outcomes> {
  const file = join(folder, 'encrypted.zkferry')
  const digest = await addGeneration({ file, path: '/app', passphrase: PASSPHRASE }, sampleTree(100))
  const archive = await openArchive(file, async () => Buffer.from(PASSPHRASE))
  const { keys } = archive
  archive.close()
  // The key is not asked for again: what guards it is tested on its own, and takes long on purpose.
  return fuzz({ file, path: '/app', digest, folder, keys, seed, cases })
}
