/** Rounds: only what differed is read again, so that a source that is being written converges. */

import { compare, pairDigests } from '../tree/compare.ts'
import type { Side, TreeSource } from '../tree/contracts.ts'
import { newPair } from '../tree/march.ts'
import { type Pair, type PairOptions, readPairs } from '../tree/pairs.ts'
import { byPath } from '../tree/path.ts'
import { UNLIMITED, Window } from '../tree/windows.ts'
import type { Difference, Tally } from './tally.ts'

const BATCH = 256
const WINDOW_BYTES = 16 * 1024 * 1024

/**
 * Reads the differing paths again on both sides, and puts the tally right: what is equal now is no difference any
 * more, and both sums hold what was read last. What cannot be read now stays a difference. Where children have come or
 * gone since the march on one of the `watched` sides, the tally is told, and is no proof any more.
 */
export async function lookAgain(
  source: TreeSource,
  target: TreeSource,
  tally: Tally,
  options: PairOptions,
  watched: readonly Side[],
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
      for (const pair of read) settle(pair, known.get(pair.path) as Difference, tally, watched)
    })
  }
}

function settle(pair: Pair, old: Difference, tally: Tally, watched: readonly Side[]): void {
  const moved = watched.some((side) => haveMoved(pair, old, side))
  if (moved) tally.childrenMoved = true
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
  if (comparison.is === 'different') tally.differences.push({ ...old, what: comparison.what, ...now })
  // Equal itself, and nobody has looked at its children.
  else if (moved) tally.differences.push({ ...old, ...now })
}

/** What is gone has taken its children along; what was made since has none unless it says so. */
function haveMoved(pair: Pair, { pzxids }: Difference, side: Side): boolean {
  const before = pzxids[side]
  const stat = pair[side]?.stat
  if (stat === undefined) return before !== 0n
  return before === 0n ? stat.numChildren > 0 : stat.pzxid !== before
}
