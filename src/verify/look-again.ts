/** Rounds: only what differed is read again, so that a source that is being written converges. */

import { compare, pairDigests } from '../tree/compare.ts'
import type { TreeSource } from '../tree/contracts.ts'
import { newPair } from '../tree/march.ts'
import { type PairOptions, readPairs } from '../tree/pairs.ts'
import { byPath } from '../tree/path.ts'
import { UNLIMITED, Window } from '../tree/windows.ts'
import type { Difference, Tally } from './tally.ts'

const BATCH = 256
const WINDOW_BYTES = 16 * 1024 * 1024

/**
 * Reads the differing paths again on both sides, and puts the tally right: what is equal now is no difference any
 * more, and both sums hold what was read last. What cannot be read now stays a difference.
 */
export async function lookAgain(
  source: TreeSource,
  target: TreeSource,
  tally: Tally,
  options: PairOptions,
): Promise<void> {
  const before = tally.differences.splice(0).sort((a, b) => byPath(a.path, b.path))
  const window = new Window({ ...UNLIMITED, bytes: WINDOW_BYTES })
  // After a sync: neither side may show what it was before the last look.
  await Promise.all([source.position(), target.position()])
  for (let at = 0; at < before.length; at += BATCH) {
    const batch = before.slice(at, at + BATCH)
    const known = new Map(batch.map((difference) => [difference.path, difference]))
    const pairs = batch.map((difference) => newPair(difference.path, true, true, null, null, true))
    const lanes = { source: source.lane(0n), target: target.lane(0n) }
    await readPairs(pairs, lanes, { ...options, targetOnlyData: true }, window, async (read) => {
      for (const pair of read) settle(pair, known.get(pair.path) as Difference, tally)
    })
  }
}

function settle(pair: Parameters<typeof compare>[0], old: Difference, tally: Tally): void {
  const comparison = compare(pair, tally.counters)
  if (comparison.is === 'unknown') {
    tally.differences.push(old)
    return
  }
  const now = pairDigests(pair, comparison.is === 'same')
  if (old.source !== null) tally.sourceSum.subtract(old.source)
  if (old.target !== null) tally.targetSum.subtract(old.target)
  if (now.source !== null) tally.sourceSum.add(now.source)
  if (now.target !== null) tally.targetSum.add(now.target)
  if ((old.source === null) !== (now.source === null)) tally.znodes += now.source === null ? -1 : 1
  tally.onSourceChanged?.(old.path, old.source, now.source)
  if (comparison.is === 'different') tally.differences.push({ path: old.path, what: comparison.what, ...now })
}
