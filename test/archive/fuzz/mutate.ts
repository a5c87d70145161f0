/** Damaged copies of an archive: each is found to be one, or reads as the archive does. Never anything else. */
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { RandomStream } from '../../../fixtures/random.ts'
import { openArchive } from '../../../src/locations/archive/archive-file.ts'
import type { Keys } from '../../../src/locations/archive/keys.ts'
import { openArchiveSource } from '../../../src/locations/archive/open.ts'
import { ArchiveProblem } from '../../../src/locations/archive/problems.ts'
import { LocationProblem, UsageProblem } from '../../../src/tree/errors.ts'
import { digestOf, noPassphrase } from './samples.ts'

export interface Outcomes {
  refused: number
  failed: number
  harmless: number
}

export interface Fuzzing {
  file: string
  path: string
  digest: string
  folder: string
  keys: Keys | null
  seed: number
  cases: number
}

const SENTENCE = /^[A-Z/].*\.$/s

export async function fuzz({ file, path, digest, folder, keys, seed, cases }: Fuzzing): Promise<Outcomes> {
  const whole = readFileSync(file)
  const outcomes: Outcomes = { refused: 0, failed: 0, harmless: 0 }
  const random = new RandomStream(`archive ${seed}`)
  const generations = await generationsOf(file, keys)
  for (let at = 0; at < cases; at++) {
    const { bytes, what } = mutated(whole, random)
    const copy = join(folder, `mutated-${seed}.zkferry`)
    writeFileSync(copy, bytes)
    try {
      const outcome = await read(copy, path, keys, digest, generations)
      outcomes[outcome]++
    } catch (error) {
      throw new Error(`seed ${seed}, case ${at}, ${what}: ${(error as Error).stack}`, { cause: error })
    } finally {
      rmSync(copy)
    }
  }
  return outcomes
}

async function read(
  copy: string,
  path: string,
  keys: Keys | null,
  digest: string,
  generations: string,
): Promise<keyof Outcomes> {
  const passphrase = keys ?? noPassphrase
  try {
    const found = await generationsOf(copy, keys)
    if (found !== generations) throw new Error(`it lists ${found}`)
    const source = await openArchiveSource({
      file: copy,
      path,
      side: 'source',
      name: 'it',
      generation: null,
      passphrase,
    })
    try {
      const read = await digestOf(source)
      if (read.failed.length > 0 && read.digest === null) return 'failed'
      if (read.digest !== digest) throw new Error(`a wrong tree was called right: ${read.digest}`)
      return 'harmless'
    } finally {
      await source.close()
    }
  } catch (error) {
    const told =
      error instanceof LocationProblem || error instanceof UsageProblem || error instanceof ArchiveProblem
    if (!told || !SENTENCE.test(error.message)) throw error
    return 'refused'
  }
}

async function generationsOf(file: string, keys: Keys | null): Promise<string> {
  const archive = await openArchive(file, keys ?? noPassphrase)
  try {
    return JSON.stringify(archive.generations())
  } finally {
    archive.close()
  }
}

function mutated(whole: Buffer, random: RandomStream): { bytes: Buffer; what: string } {
  const below = (most: number) => random.below(Math.floor(most))
  const kind = below(10)
  if (kind === 0) {
    const length = below(whole.length)
    return { bytes: whole.subarray(0, length), what: `cut to ${length} bytes` }
  }
  const bytes = Buffer.from(whole)
  if (kind === 1) {
    const page = below(whole.length / 4096)
    const other = below(whole.length / 4096)
    whole.copy(bytes, page * 4096, other * 4096, (other + 1) * 4096)
    return { bytes, what: `page ${other} in the place of page ${page}` }
  }
  // The header and the first pages matter most.
  const at = kind < 5 ? below(Math.min(whole.length, 8192)) : below(whole.length)
  const value = kind % 2 === 0 ? (bytes[at] as number) ^ (1 << below(8)) : below(256)
  const what = `byte ${at} from ${bytes[at]} to ${value}`
  bytes[at] = value
  return { bytes, what }
}
