/** The job `verify`: compares two subtrees and changes nothing. */
import { type AclMap, withAclMap } from '../tree/acl-map.ts'
import type { TreeSource } from '../tree/contracts.ts'
import { type CounterOptions, counterRules } from '../tree/counter-rules.ts'
import { UsageProblem } from '../tree/errors.ts'
import type { Consistency, JobContext, JobResult } from '../tree/events.ts'
import type { Filter } from '../tree/filter.ts'
import { requireAcls } from '../tree/losses.ts'
import { type MarchOptions, march } from '../tree/march.ts'
import { plural } from '../tree/plural.ts'
import { Pace, pause } from '../tree/windows.ts'
import { lookAgain } from './look-again.ts'
import { standing, stoodStill } from './stillness.ts'
import { report, Tally } from './tally.ts'

export interface VerifyOptions {
  acl: boolean
  /** Identities that are others on the target. */
  aclMap: AclMap | null
  filter: Filter
  /** How often what differed is read again. */
  rounds: number
  settleMs: number
  concurrency: number
  /** Znodes a second, bytes a second; `null` is no limit. */
  rate: number | null
  byteRate: number | null
  /** Emit a mark for every znode. */
  combined: boolean
  counters: CounterOptions
}

/** @throws UsageProblem when the source root does not exist; LocationProblem when a side gives up. */
export async function verify(
  unmapped: TreeSource,
  target: TreeSource,
  options: VerifyOptions,
  context: JobContext,
): Promise<JobResult> {
  const { emit, signal } = context
  const source = withAclMap(unmapped, options.aclMap)
  if ((await source.identity()) === null)
    throw new UsageProblem(`The source root ${source.name} does not exist.`)
  if (options.acl) for (const place of [source, target]) requireAcls(place, '--ignore acl')
  emit({ type: 'phase', phase: 'verify' })
  const start = await standing(source)
  const targetRoot = await target.identity()
  await target.position()
  const tally = new Tally(
    {
      since: start.since,
      allowExtras: false,
      allowChanged: false,
      skipRoot: false,
      counters: counterRules(options.counters),
      combined: options.combined,
      nameEphemerals: true,
      countRead: true,
    },
    context,
  )
  const marchOptions = { ...verifyMarch(options, signal), filter: options.filter.on(source.holds) }
  const whole = await march(source, target, tally, marchOptions, {
    from: 'root',
    target: targetRoot !== null,
  })
  if (!whole) return interrupted(context, tally)
  const first = tally.found
  for (let round = 0; round < options.rounds && mayConverge(tally) && !signal.aborted; round++) {
    emit({ type: 'phase', phase: 'settle' })
    await pause(options.settleMs, signal)
    await lookAgain(source, target, tally, marchOptions)
  }
  for (const difference of tally.differences) report(difference, options.combined, context)
  if (tally.ahead > 0) emit({ type: 'note', message: aheadNote(tally.ahead) })
  return conclude(tally, consistencyOf(tally, first, await stoodStill(source, start)), context)
}

export function verifyMarch(
  options: Pick<VerifyOptions, 'acl' | 'filter' | 'concurrency' | 'rate' | 'byteRate'>,
  signal: AbortSignal,
): MarchOptions {
  return {
    acl: options.acl,
    targetOnlyData: true,
    filter: options.filter,
    concurrency: options.concurrency,
    pace: new Pace(options.rate),
    bytePace: new Pace(options.byteRate),
    descendTargetOnly: true,
    signal,
  }
}

export function aheadNote(ahead: number): string {
  return `${plural(ahead, 'sequence counter is', 'sequence counters are')} ahead on the target, which is normal after a cutover and cannot be undone.`
}

/** A second look helps only when all differences are at hand. */
export function mayConverge(tally: Tally): boolean {
  return tally.differences.length > 0 && tally.overflow === 0
}

/**
 * `still`: the source's newest zxid was the same before and after. Only then is it certain that nothing moved: a march
 * alone looks at each znode once and cannot know what happened to it afterwards.
 */
function consistencyOf(tally: Tally, first: number, still: boolean): Consistency {
  if (still) return 'quiet'
  if (tally.found > 0) return tally.moved > 0 || tally.found < first ? 'moving' : 'unknown'
  return first > 0 || tally.moved > 0 ? 'converged' : 'unknown'
}

function conclude(tally: Tally, consistency: Consistency, context: JobContext): JobResult {
  const { counts } = context
  counts.unchanged = tally.znodes - Math.min(tally.znodes, tally.found)
  const result = {
    counts,
    digest: { source: tally.sourceSum.hex(), target: tally.targetSum.hex() },
    sourceMoved: tally.moved,
    consistency,
  }
  if (tally.unknown > 0) {
    const message = `${plural(tally.unknown, 'znode')} could not be compared${tally.found > 0 ? `, and ${plural(tally.found, 'other differs', 'others differ')}` : ''}.`
    return { ...result, digest: { source: null, target: null }, status: 'incomplete', message }
  }
  if (tally.found > 0)
    return {
      ...result,
      status: 'different',
      message: `${plural(tally.found, 'znode differs', 'znodes differ')}.`,
    }
  return { ...result, status: 'identical', message: '' }
}

function interrupted(context: JobContext, tally: Tally): JobResult {
  return {
    status: 'interrupted',
    message: 'Interrupted: not everything was compared.',
    counts: context.counts,
    digest: { source: null, target: null },
    sourceMoved: tally.moved,
    consistency: 'unknown',
  }
}
