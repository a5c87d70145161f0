/** `--dry-run`: the same march, with a hand that only says what it would do. */
import type { CounterRules } from '../tree/counter-rules.ts'
import { SafetyRefusal } from '../tree/errors.ts'
import type { JobContext } from '../tree/events.ts'
import { type MarchOptions, march } from '../tree/march.ts'
import { plural } from '../tree/plural.ts'
import type { CopyJob } from './begin.ts'
import { Extras } from './extras.ts'
import type { Kinds } from './kinds.ts'
import { leavesRoot } from './options.ts'
import { PlanHand } from './plan-hand.ts'
import { RefusedAcls } from './refused-acls.ts'

export interface DryRun {
  job: CopyJob
  rules: CounterRules
  kinds: Kinds
  march: MarchOptions
  targetExists: boolean
  context: JobContext
}

/**
 * False when the signal stopped it.
 * @throws SafetyRefusal when more would be deleted than may be
 * @throws LocationProblem when nothing could be made above the target root
 */
export async function planCopy({
  job,
  rules,
  kinds,
  march: marchOptions,
  targetExists,
  context,
}: DryRun): Promise<boolean> {
  const { source, target, options } = job
  const { emit, counts } = context
  emit({ type: 'phase', phase: 'plan' })
  if (!targetExists) await target.createAncestors(true)
  const extras = options.deleteExtras ? new Extras(context) : null
  try {
    const refused = options.acl ? new RefusedAcls(target) : null
    const hand = new PlanHand(options, rules, context, extras, leavesRoot(target, options), kinds, refused)
    const whole = await march(source, target, hand, marchOptions, { from: 'root', target: targetExists })
    if (!whole) return false
    hand.finish()
    if (!targetExists) {
      for (const path of await job.missingAbove()) {
        counts.created++
        emit({ type: 'plan', path, action: 'create', bytes: 0, above: true })
      }
    }
    refused?.report(emit)
    if (extras === null) return true
    if (counts.failed + kinds.refused > 0) {
      emit({ type: 'note', message: 'Nothing would be deleted, because some znodes failed.' })
      return true
    }
    extras.reportStaying()
    for (const { path } of extras.doomed()) {
      counts.deleted++
      emit({ type: 'plan', path, action: 'delete', bytes: 0 })
    }
    if (options.maxDelete !== null && counts.deleted > options.maxDelete) {
      throw new SafetyRefusal(
        `${plural(counts.deleted, 'znode is', 'znodes are')} only on the target, more than --max-delete ${options.maxDelete} allows.`,
      )
    }
    return true
  } finally {
    extras?.close()
  }
}
