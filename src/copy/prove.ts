/** The proof after a copy: both sides are read again, and what differs is copied and compared again, in rounds. */
import type { DirectoryRow, Run } from '../journal/index.ts'
import type { TreeSource, TreeTarget } from '../tree/contracts.ts'
import type { CounterRules } from '../tree/counter-rules.ts'
import { DigestSum } from '../tree/digest.ts'
import type { Directory } from '../tree/directory.ts'
import type { Consistency, JobContext } from '../tree/events.ts'
import { type Advance, type MarchOptions, march } from '../tree/march.ts'
import { byPath, parentPath } from '../tree/path.ts'
import { pause } from '../tree/windows.ts'
import { lookAgain } from '../verify/look-again.ts'
import { standing, stoodStill } from '../verify/stillness.ts'
import { Tally, type TallyOptions, unpack } from '../verify/tally.ts'
import { consistencyOf, mayMarchAgain, settling } from '../verify/verify.ts'
import { type CounterGoal, type Counters, lessened } from './counters.ts'
import type { Formers } from './formers.ts'
import { goalOf, sequenceGoal, staysBehind } from './goals.ts'
import type { Kinds } from './kinds.ts'
import { type CopyOptions, keeps } from './options.ts'
import { newRow } from './recorder.ts'
import { lookedAgain, type Repaired, Repairer } from './repair.ts'
import { StillToMake } from './still-to-make.ts'
import type { TemporaryAccess } from './temporary-access.ts'

/** Their data are in hand meanwhile, a megabyte each at most. */
const REPAIRED_AT_ONCE = 64

export interface Proof {
  tally: Tally
  /** The target's newest zxid when it began; what was written since is told apart. */
  position: bigint
  /** As far as it was compared, nothing moved on the source from before the copy until the end of this. */
  consistency: Consistency
  /** False when the signal came before everything was compared. */
  whole: boolean
}

export async function prove(
  source: TreeSource,
  target: TreeTarget,
  run: Run | null,
  options: CopyOptions,
  counters: Counters,
  access: TemporaryAccess,
  kinds: Kinds,
  formers: Formers,
  marchOptions: MarchOptions,
  tallyOptions: TallyOptions,
  context: JobContext,
): Promise<Proof> {
  const { emit, signal, counts } = context
  emit({ type: 'phase', phase: 'verify' })
  await target.settle()
  const start = await standing(source)
  const position = await target.position()
  target.markProof()
  const begun = () => {
    const tally = new Tally(tallyOptions, context)
    if (run !== null)
      tally.onSettled = (advances, discovered) => recordProved(run, target, advances, discovered)
    tally.onSourceChanged = (path, before, now) => run !== null && correctHash(run, path, before, now)
    return tally
  }
  const look = (into: Tally) => march(source, target, into, marchOptions, { from: 'root', target: true })
  let tally = begun()
  let whole = await look(tally)
  const first = tally.found
  const rules = tallyOptions.counters
  const repairer = new Repairer(source, target, options, access, kinds, formers)
  // What has failed already, and was reported, another round would only wait for.
  const open = () => tally.differences.some(({ path }) => !tallyOptions.reported?.has(path))
  for (let round = 0; whole && round < options.rounds && open() && !signal.aborted; round++) {
    if (tally.overflow > 0) break
    if (round > 0) {
      emit({ type: 'phase', phase: 'settle', says: settling(tally.found, round + 1, options.rounds) })
      await pause(options.settleMs, signal)
    }
    emit({ type: 'phase', phase: 'copy' })
    const paths = tally.differences.map((difference) => difference.path)
    emit(lookedAgain(paths))
    const goals: CounterGoal[] = []
    paths.sort(byPath)
    for (let at = 0; at < paths.length; at += REPAIRED_AT_ONCE) {
      const repaired = await repairer.repair(paths.slice(at, at + REPAIRED_AT_ONCE))
      for (const { result, pair } of repaired.values()) {
        if (result === 'created') counts.created++
        if (result === 'updated') counts.updated++
        if (result === 'created' || result === 'updated')
          counts.bytesWritten += pair.source?.data?.length ?? 0
      }
      goals.push(...goalsOf(repaired.values(), rules, options))
    }
    await bringCounters(goals, counters, new StillToMake(source, target, marchOptions.filter))
    emit({ type: 'phase', phase: 'verify' })
    // The target's children are of our own making.
    await lookAgain(source, target, tally, marchOptions, ['source'])
    if (!tally.childrenMoved || !mayMarchAgain(tally)) continue
    await Promise.all([source.position(), target.position()])
    Object.assign(counts, { phaseDone: 0, phaseBytes: 0 })
    tally = begun()
    whole = await look(tally)
  }
  const still = whole && tally.moved === 0 && (await stoodStill(source, start))
  if (whole && run !== null) recordWhatStays(run, tally)
  return { tally, position, consistency: consistencyOf(tally, first, still), whole: whole && !signal.aborted }
}

/**
 * What the journal says of a directory is what was proved of it, not what was read an hour ago. One that differs is to
 * be copied again by whoever resumes this run: the hash of it is only complete with what becomes of the differences.
 */
function recordProved(
  run: Run,
  { lastWrite }: TreeTarget,
  advances: readonly Advance[],
  discovered: readonly Directory[],
): void {
  const directories: DirectoryRow[] = []
  for (const { directory, done } of advances) {
    if (!done) continue
    const childHash = directory.sourceSum.bytes()
    const state = childHash.equals(directory.targetSum.bytes()) ? 'done' : 'pending'
    const { path, children } = directory
    const known = run.directory(path)
    const same = known?.state === state && known.children === children && childHash.equals(known.childHash)
    if (!same) directories.push({ path, state, watermark: null, childHash, children, emptyTarget: false })
  }
  const unknown = discovered.filter(({ path }) => run.directory(path) === null).map(newRow)
  if (directories.length + unknown.length === 0) return
  // Children that a round has made are as old as the record, too.
  run.record({ directories, discovered: unknown, ...(lastWrite > 0n && { lastWrite }) })
}

/** Where the two still differ, what the target has is on record: it is what the next copy looks for. */
function recordWhatStays(run: Run, tally: Tally): void {
  for (const { path, source, target } of tally.differences)
    correctHash(run, path, unpack(source), unpack(target))
}

/** What their counters lack; their data only where those are set again. */
function goalsOf(repaired: Iterable<Repaired>, rules: CounterRules, options: CopyOptions): CounterGoal[] {
  const goals: CounterGoal[] = []
  for (const { pair, decision, result } of repaired) {
    if (result === 'failed' || keeps(options, pair)) continue
    const goal = goalOf(pair, decision, rules) ?? {
      path: pair.path,
      sequence: null,
      version: null,
      data: null,
    }
    // What was made just now may have children by now: the next look tells.
    const children = pair.target?.stat.numChildren ?? 0
    const wanted = sequenceGoal(pair, rules)
    const sequence = staysBehind({ path: pair.path, mode: pair.source?.mode }, wanted, children, rules)
      ? 0
      : wanted
    const data = goal.version === null ? null : goal.data
    if (sequence > 0 && pair.source?.stat.ephemeralOwner === 0n) goals.push({ ...goal, sequence, data })
    else if (goal.version !== null) goals.push(goal)
  }
  return goals
}

/** After everything was made: a counter that was brought up before its last child would overshoot. */
async function bringCounters(goals: CounterGoal[], counters: Counters, toMake: StillToMake): Promise<void> {
  if (goals.length === 0) return
  const unmade = await toMake.count(goals.map((goal) => goal.path))
  await counters.bring(goals.map((goal, at) => lessened(goal, unmade[at] as number | null)))
}

/** A directory's hash on record follows a change by one subtraction and one addition. */
function correctHash(run: Run, path: string, before: Buffer | null, now: Buffer | null): void {
  if (path === '') {
    if (now !== null) run.setRoot(now)
    return
  }
  const row = run.directory(parentPath(path) as string)
  if (row === null) return
  const sum = DigestSum.from(row.childHash)
  if (before !== null) sum.subtract(before)
  if (now !== null) sum.add(now)
  const children = row.children + (now === null ? 0 : 1) - (before === null ? 0 : 1)
  run.record({ directories: [{ ...row, childHash: sum.bytes(), children }] })
}
