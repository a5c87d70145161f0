/**
 * Damages recorded data directories and reads them. What may come out: a tree that is right at the zxid that it names,
 * one of which losses are told, or an error with a sentence. Never a crash, and never a wrong tree without a word.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { RandomStream } from '../../../fixtures/random.ts'
import { DigestSum } from '../../../src/tree/digest.ts'
import { LocationProblem, UsageProblem } from '../../../src/tree/errors.ts'
import { StreamBroken } from '../../../src/tree/stream.ts'
import { MUTATIONS } from './mutate.ts'
import { open, readAll } from './open.ts'
import { copyTo, RECORDED, type RecordedPlace, readFile, recordedPlace, signature } from './places.ts'
import { sealed } from './seal.ts'

export interface CampaignResult {
  cases: number
  /** How it came out, and how often. */
  outcomes: Record<string, number>
  /** What must not be; empty when all is well. */
  failures: string[]
  /** Milliseconds of the slowest case. */
  slowest: number
}

export async function campaign(cases: number, seed: number): Promise<CampaignResult> {
  const folder = mkdtempSync(join(tmpdir(), 'zkferry-fuzz-'))
  const result: CampaignResult = { cases, outcomes: {}, failures: [], slowest: 0 }
  try {
    for (let number = 0; number < cases; number++) {
      const begun = performance.now()
      const { name, outcome, wrong } = await one(folder, seed, number)
      result.outcomes[outcome] = (result.outcomes[outcome] ?? 0) + 1
      if (wrong !== null) result.failures.push(`case ${number} of seed ${seed} (${name}): ${wrong}`)
      result.slowest = Math.max(result.slowest, performance.now() - begun)
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
  return result
}

interface Verdict {
  name: string
  outcome: string
  wrong: string | null
}

async function one(folder: string, seed: number, number: number): Promise<Verdict> {
  const random = new RandomStream(`datadir-fuzz/${seed}/${number}`)
  const place = await recordedPlace(RECORDED[random.below(RECORDED.length)] as (typeof RECORDED)[number])
  rmSync(join(folder, 'version-2'), { recursive: true, force: true })
  copyTo(place, folder)
  const file = place.files[random.below(place.files.length)] as string
  const kinds = Object.keys(MUTATIONS)
  const kind = kinds[random.below(kinds.length)] as string
  const resealed = random.below(5) === 0
  const mutate = MUTATIONS[kind] as (typeof MUTATIONS)[string]
  const changed = mutate(Buffer.from(readFile(place, file)), random)
  writeFileSync(join(folder, 'version-2', file), resealed ? sealed(file, changed) : changed)
  const salvage = random.below(2) === 0
  const name = `${file} of ${place.folder.split('/').at(-1)}: ${kind}${resealed ? ', sealed again' : ''}${salvage ? ', salvaged' : ''}`
  const verdict = await read(folder, place, salvage, resealed)
  return { name, ...verdict }
}

async function read(
  folder: string,
  place: RecordedPlace,
  salvage: boolean,
  resealed: boolean,
): Promise<Omit<Verdict, 'name'>> {
  let source: Awaited<ReturnType<typeof open>>['source'] | null = null
  try {
    const opened = await open(folder, { salvage })
    source = opened.source
    await streamed(source)
    const tree = await readAll(source)
    const zxid = await source.position()
    if (source.losses.length > 0)
      return { outcome: 'losses told', wrong: salvage ? null : 'losses without salvage' }
    // With a right checksum over it, a change is no damage: nobody can tell.
    if (resealed) return { outcome: 'read, sealed again', wrong: null }
    const right = place.states.get(zxid) === signature(tree)
    return {
      outcome: zxid === place.newest ? 'right' : 'right, an earlier state',
      wrong: right ? null : `a wrong tree called right, at zxid ${zxid}; notes: ${opened.notes.join(' ')}`,
    }
  } catch (error) {
    if (error instanceof LocationProblem || error instanceof UsageProblem) {
      const sentence = /^\S.*\.$/s.test(error.message)
      return { outcome: 'refused', wrong: sentence ? null : `no sentence: ${error.message}` }
    }
    return { outcome: 'crashed', wrong: (error as Error).stack ?? String(error) }
  } finally {
    await source?.close()
  }
}

async function streamed(source: Awaited<ReturnType<typeof open>>['source']): Promise<void> {
  const sum = new DigestSum()
  try {
    for await (const batch of (await source.stream()) ?? []) for (const znode of batch) znode.addTo(sum, true)
  } catch (error) {
    if (!(error instanceof StreamBroken)) throw error
  }
}
