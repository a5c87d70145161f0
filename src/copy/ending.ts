/** How a copy ends: which status, and which sentence. Nothing that is missing may end as `done`. */
import type { Consistency, Counts, Emit, JobResult, Status } from '../tree/events.ts'
import { plural } from '../tree/plural.ts'
import type { Tally } from '../verify/tally.ts'
import { aheadNote } from '../verify/verify.ts'

const MOVED = 'The source changed during the copy, though it was expected to be quiet (--expect-quiet).'

const STILL_WRITTEN =
  'the source was still being written: stop the writers and run the same command once more before you switch over'

export interface Ending {
  counts: Counts
  /** Znodes that were left out against the user's will: reserved names, kinds that the target does not make. */
  leftOut: number
  /** The source was as quiet as it was expected to be. */
  quiet: boolean
  /** A root that is not the znode any more that the copy began with, in one sentence. */
  replaced: string | null
}

export function plainResult(status: Status, message: string, counts: Counts, sourceMoved = 0): JobResult {
  return {
    status,
    message,
    counts,
    digest: { source: null, target: null },
    sourceMoved,
    consistency: 'unknown',
  }
}

export function interrupted(counts: Counts, sourceMoved: number): JobResult {
  return plainResult('interrupted', 'Interrupted; the same command goes on from here.', counts, sourceMoved)
}

/** After a copy that nobody verified (`--no-verify`). `unequal`: known to be unlike the source on the target. */
export function unproven(
  { counts, leftOut, quiet, replaced }: Ending,
  found: { unequal: number; moved: number; digest: string | null },
): JobResult {
  const result = (status: Status, message: string): JobResult => ({
    ...plainResult(status, message, counts, found.moved),
    digest: { source: found.digest, target: null },
  })
  const left = counts.failed + leftOut
  if (left > 0) return result('incomplete', `${plural(left, 'znode')} could not be copied.`)
  if (found.unequal > 0) {
    const which = plural(found.unequal, 'znode on the target is', 'znodes on the target are')
    return result('different', `${which} not as on the source.`)
  }
  if (replaced !== null) return result('different', replaced)
  return quiet ? result('done', '') : result('different', MOVED)
}

/** `stale`: persistent znodes that stand where the source has ephemerals. */
export function proven(
  { counts, leftOut, quiet, replaced }: Ending,
  tally: Tally,
  consistency: Consistency,
  stale: number,
  emit: Emit,
): JobResult {
  const whole = tally.unknown === 0
  const result = (status: Status, message: string): JobResult => ({
    ...plainResult(status, message, counts, tally.moved),
    digest: { source: whole ? tally.sourceSum.hex() : null, target: whole ? tally.targetSum.hex() : null },
    consistency,
  })
  const left = Math.max(counts.failed, tally.unknown) + leftOut
  if (left > 0) return result('incomplete', `${plural(left, 'znode')} could not be copied or compared.`)
  if (tally.found > 0) {
    const why = [
      ...(tally.moved > 0 ? ['the source is still changing'] : []),
      ...(stale > 0 ? ['persistent znodes stand where the source has ephemerals'] : []),
    ]
    return result(
      'different',
      `${[plural(tally.found, 'znode differs', 'znodes differ'), ...why].join('; ')}.`,
    )
  }
  if (replaced !== null) return result('different', replaced)
  if (!quiet) return result('different', MOVED)
  for (const message of notes(tally)) emit({ type: 'note', message })
  if (consistency === 'converged') emit({ type: 'note', message: STILL_WRITTEN })
  return result('done', '')
}

function* notes({ extras, ahead, kept }: Tally): Generator<string> {
  if (extras > 0) {
    const which = plural(
      extras,
      'znode that is only on the target was',
      'znodes that are only on the target were',
    )
    yield `${which} left there (--merge).`
  }
  if (ahead > 0) yield aheadNote(ahead)
  if (kept > 0) {
    const which = plural(kept, 'znode was left as it is', 'znodes were left as they are')
    yield `${which} on the target (--keep-existing).`
  }
}
