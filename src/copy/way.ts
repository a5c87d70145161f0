/**
 * Directories that only lead to what the filter lets in: where the target lacks them, they are made as soon as
 * something below them is. They are nobody's to compare; to make one, the same is decided as of any other znode.
 */
import type { Change } from '../tree/contracts.ts'
import type { Directory } from '../tree/directory.ts'
import { type MarchPair, newPair } from '../tree/march.ts'
import { type Decision, type DecisionRules, decide } from './decide.ts'

/** One of them that cannot be made. */
export interface LostWay {
  path: string
  decision: Extract<Decision, { do: 'unsupported' | 'fail' }>
}

/** Those above these that are still to be made. */
export function waysTo(pairs: readonly MarchPair[]): MarchPair[] {
  const seen = new Set<Directory>()
  for (const pair of pairs) {
    if (pair.source === null || pair.target !== null || !pair.counted) continue
    for (const directory of unmadeFrom(pair.directory)) {
      if (seen.has(directory)) break
      seen.add(directory)
    }
  }
  return [...seen].map(asPair)
}

/** The first of them that cannot be made is lost, and with it everything below. Null when there is none. */
export function loseUnmakable(directory: Directory | null, rules: DecisionRules): LostWay | null {
  for (const above of unmadeFrom(directory)) {
    const decision = decide(asPair(above), rules)
    if (decision.do !== 'unsupported' && decision.do !== 'fail') continue
    above.unmade = null
    above.lost = true
    return { path: above.path, decision }
  }
  return null
}

/** Creates for them, from the top down, each with the directory that it is in; they count as made then. */
export function makeWay(
  directory: Directory | null,
  rules: DecisionRules,
): { change: Extract<Change, { kind: 'create' }>; parent: Directory | null }[] {
  const made: ReturnType<typeof makeWay> = []
  for (const above of unmadeFrom(directory)) {
    const decision = decide(asPair(above), rules)
    if (decision.do !== 'create')
      throw new Error(`${above.path} was to be made, though it is to be ${decision.do}`)
    above.unmade = null
    made.push({ change: decision.change, parent: above.parent })
  }
  return made.reverse()
}

function* unmadeFrom(directory: Directory | null): Generator<Directory> {
  for (let above = directory; above !== null && above.unmade !== null; ) {
    const { parent } = above
    yield above
    above = parent
  }
}

function asPair({ path, parent, unmade }: Directory): MarchPair {
  return { ...newPair(path, true, false, parent, null, false), source: unmade }
}
