/** `--delete`: when znodes that are only on the target may be deleted, and how many. */
import type { Side } from '../tree/contracts.ts'
import { NO_COUNTERS } from '../tree/counter-rules.ts'
import { NO_KINDS } from '../tree/create-mode.ts'
import { SafetyRefusal } from '../tree/errors.ts'
import type { Emit, JobContext } from '../tree/events.ts'
import { refuseDeletionAfter } from '../tree/losses.ts'
import { type MarchOptions, march } from '../tree/march.ts'
import { plural } from '../tree/plural.ts'
import { czxidOfRoot } from '../tree/same-root.ts'
import type { CopyJob } from './begin.ts'
import type { Extras } from './extras.ts'
import { Kinds } from './kinds.ts'
import { leavesRoot } from './options.ts'
import { PlanHand } from './plan-hand.ts'

/** A resumed run has seen only a part: what is extra is looked for once more, everywhere. */
export async function collectExtras(
  { source, target, options }: CopyJob,
  extras: Extras,
  marchOptions: MarchOptions,
  context: JobContext,
): Promise<void> {
  const own = { ...context, counts: { ...context.counts }, emit: onlyFailures(context.emit) }
  const kinds = new Kinds(target, NO_KINDS)
  const hand = new PlanHand(options, NO_COUNTERS, own, extras, leavesRoot(target, options), kinds, null)
  const looking = { ...marchOptions, descendTargetOnly: true, data: false }
  await march(source, target, hand, looking, { from: 'root', target: true })
  context.counts.failed = own.counts.failed
}

/**
 * `roots`: the czxids that the roots had at the start; `null` for one that did not exist.
 * Deletes what is extra, within the limit and once it is confirmed; nothing in a run that had an error.
 * @throws SafetyRefusal, when nothing has been deleted
 */
export async function deleteExtras(
  { source, target, options, undo }: CopyJob,
  extras: Extras,
  refusedKinds: number,
  roots: Record<Side, bigint | null>,
  { counts, emit }: JobContext,
): Promise<void> {
  if (counts.failed + refusedKinds > 0) {
    emit({ type: 'note', message: 'Nothing was deleted, because some znodes failed.' })
    return
  }
  refuseDeletionAfter(source)
  extras.reportStaying()
  const count = extras.count()
  if (count === 0) return
  if (options.maxDelete !== null && count > options.maxDelete) {
    throw new SafetyRefusal(
      `${plural(count, 'znode is', 'znodes are')} only on the target, more than --max-delete ${options.maxDelete} allows; nothing was deleted.`,
    )
  }
  if (!(await options.confirmDelete(count))) {
    throw new SafetyRefusal(
      `The deletion of ${plural(count, 'znode')} was not confirmed; nothing was deleted.`,
    )
  }
  emit({ type: 'phase', phase: 'delete' })
  await extras.delete(source, target, undo !== null, async () => {
    for (const place of [source, target]) {
      const then = roots[place.side]
      if (then === null || place.rootPath === '/' || (await czxidOfRoot(place)) === then) continue
      const done = counts.deleted === 0 ? 'nothing' : plural(counts.deleted, 'znode')
      throw new SafetyRefusal(
        `The ${place.side} root ${place.name} was removed or made anew by somebody else during the run; ${done} was deleted before that was noticed, and nothing more is.`,
      )
    }
  })
}

function onlyFailures(emit: Emit): Emit {
  return (event) => event.type === 'failed' && emit(event)
}
