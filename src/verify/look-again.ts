/** Rounds: only what differed is read again, so that a source that is being written converges. */

import { pairDigests } from '../tree/compare.ts'
import type { Side, TreeSource } from '../tree/contracts.ts'
import { newPair } from '../tree/march.ts'
import { type Pair, type PairOptions, readPairs } from '../tree/pairs.ts'
import { byPath } from '../tree/path.ts'
import { UNLIMITED, Window } from '../tree/windows.ts'
import { type Difference, pack, type Tally, unpack } from './tally.ts'

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
  const { differences } = tally
  differences.sort((a, b) => byPath(a.path, b.path))
  const window = new Window({ ...UNLIMITED, bytes: WINDOW_BYTES })
  // After a sync: neither side may show what it was before the last look.
  await Promise.all([source.position(), target.position()])
  // What stays moves up in the list: there may be 100,000, and a second list of them would be memory.
  let stay = 0
  for (let at = 0; at < differences.length; at += BATCH) {
    const known = new Map(
      differences.slice(at, at + BATCH).map((difference) => [difference.path, difference]),
    )
    const pairs = [...known.keys()].map((path) => newPair(path, true, true, null, null, true))
    const lanes = { source: source.lane(0n), target: target.lane(0n) }
    await readPairs(pairs, lanes, { ...options, targetOnlyData: true }, window, async (read) => {
      for (const pair of read) {
        const difference = known.get(pair.path) as Difference
        if (stays(pair, difference, tally, watched)) differences[stay++] = difference
      }
    })
  }
  differences.length = stay
}

/** Puts sums and difference right; false where there is none any more. */
function stays(pair: Pair, known: Difference, tally: Tally, watched: readonly Side[]): boolean {
  const moved = watched.some((side) => haveMoved(pair, known, side))
  if (moved) tally.childrenMoved = true
  const comparison = tally.judge(pair)
  if (comparison.is === 'unknown') return true
  const now = pairDigests(pair, comparison.is === 'same')
  const before = { source: unpack(known.source), target: unpack(known.target) }
  if (before.source !== null) tally.sourceSum.subtract(before.source)
  if (before.target !== null) tally.targetSum.subtract(before.target)
  if (now.source !== null) tally.sourceSum.add(now.source)
  if (now.target !== null) tally.targetSum.add(now.target)
  if ((before.source === null) !== (now.source === null)) tally.znodes += now.source === null ? -1 : 1
  tally.onSourceChanged?.(known.path, before.source, now.source)
  known.source = pack(now.source)
  known.target = pack(now.target)
  if (comparison.is === 'different') known.what = comparison.what
  // Where only its children came or went it is equal itself, and nobody has looked at those.
  return comparison.is === 'different' || moved
}

/** What is gone has taken its children along; what was made since has none unless it says so. */
function haveMoved(pair: Pair, { sourcePzxid, targetPzxid }: Difference, side: Side): boolean {
  const before = side === 'source' ? sourcePzxid : targetPzxid
  const stat = pair[side]?.stat
  if (stat === undefined) return before !== 0n
  return before === 0n ? stat.numChildren > 0 : stat.pzxid !== before
}
