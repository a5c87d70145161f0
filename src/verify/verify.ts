/** The job `verify`: compares two subtrees and changes nothing. */
import { type AclMap, withAclMap } from '../tree/acl-map.ts'
import type { TreeSource } from '../tree/contracts.ts'
import { type CounterOptions, counterRules } from '../tree/counter-rules.ts'
import { MissingRoot } from '../tree/errors.ts'
import type { Consistency, JobContext, JobResult } from '../tree/events.ts'
import type { Filter } from '../tree/filter.ts'
import { requireAcls } from '../tree/losses.ts'
import { type MarchOptions, march } from '../tree/march.ts'
import { plural } from '../tree/plural.ts'
import { refuseEphemeralRoot } from '../tree/same-root.ts'
import { Pace, pause } from '../tree/windows.ts'
import { lookAgain } from './look-again.ts'
import { standing, stoodStill } from './stillness.ts'
import { report, Tally, type TallyOptions } from './tally.ts'

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
  if ((await source.identity()) === null) throw new MissingRoot('The source root', source.name)
  await refuseEphemeralRoot(source)
  if (options.acl) for (const place of [source, target]) requireAcls(place, '--ignore acl')
  emit({ type: 'phase', phase: 'verify' })
  const start = await standing(source)
  const targetRoot = await target.identity()
  if (targetRoot === null)
    emit({
      type: 'note',
      message: `the target root ${target.name} does not exist: everything is missing there`,
    })
  await target.position()
  const marchOptions = { ...verifyMarch(options, signal), filter: options.filter.on(source.holds) }
  const look = (into: Tally, onTarget: boolean): Promise<boolean> =>
    march(source, target, into, marchOptions, { from: 'root', target: onTarget })
  let tally = new Tally(tallyOptions(options, start.since), context)
  if (!(await look(tally, targetRoot !== null))) return interrupted(context, tally)
  const first = tally.found
  for (let round = 0; round < options.rounds && mayConverge(tally) && !signal.aborted; round++) {
    emit({ type: 'phase', phase: 'settle', says: settling(tally.found, round + 1, options.rounds) })
    await pause(options.settleMs, signal)
    if (signal.aborted) break
    await lookAgain(source, target, tally, marchOptions, ['source', 'target'])
    if (!tally.childrenMoved || !mayMarchAgain(tally)) continue
    await Promise.all([source.position(), target.position()])
    Object.assign(context.counts, { phaseDone: 0, phaseBytes: 0 })
    tally = new Tally({ ...tallyOptions(options, start.since), ...SECOND_LOOK }, context)
    if (!(await look(tally, true))) return interrupted(context, tally)
  }
  // What would have settled would be told as a difference.
  if (signal.aborted && mayConverge(tally)) return interrupted(context, tally)
  for (const difference of tally.differences) report(difference, options.combined, context)
  if (tally.ahead > 0) emit({ type: 'note', message: aheadNote(tally.ahead) })
  return conclude(tally, consistencyOf(tally, first, await stoodStill(source, start)), context)
}

function tallyOptions(options: VerifyOptions, since: bigint): TallyOptions {
  return {
    since,
    allowExtras: false,
    allowChanged: false,
    skipRoot: false,
    counters: counterRules(options.counters),
    combined: options.combined,
    nameEphemerals: true,
    countRead: true,
  }
}

/** All that was said and counted in the first. */
const SECOND_LOOK = { nameEphemerals: false, countRead: false }

/** While nothing is read. */
export function settling(differing: number, round: number, rounds: number): string {
  const which = plural(differing, 'znode differs', 'znodes differ')
  return `waiting for the source to settle: ${which}, round ${round} of ${rounds}`
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

/** With more differences than this a source is far from settling: another march would find as many new ones. */
const MOST_FOR_ANOTHER_MARCH = 1000

/** What has been said of single znodes cannot be taken back. Without another march, what moved stays a difference. */
export function mayMarchAgain(tally: Tally): boolean {
  return tally.unknown === 0 && !tally.marks && tally.differences.length <= MOST_FOR_ANOTHER_MARCH
}

/** A second look helps only when all differences are at hand. */
export function mayConverge(tally: Tally): boolean {
  return tally.differences.length > 0 && tally.overflow === 0
}

/**
 * `still`: the source's newest zxid was the same before and after. Only then is it certain that nothing moved: a march
 * alone looks at each znode once and cannot know what happened to it afterwards.
 */
export function consistencyOf(
  tally: Pick<Tally, 'found' | 'moved'>,
  first: number,
  still: boolean,
): Consistency {
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
