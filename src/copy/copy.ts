/** The job `copy`: begin, march and write, delete what is extra, prove. */
import type { Run, RunInfo } from '../journal/index.ts'
import { withAclMap } from '../tree/acl-map.ts'
import { type CounterRules, counterRules, NO_COUNTERS } from '../tree/counter-rules.ts'
import { NO_KINDS } from '../tree/create-mode.ts'
import { Directory } from '../tree/directory.ts'
import { SafetyRefusal } from '../tree/errors.ts'
import type { Consistency, Emit, JobContext, JobEvent, JobResult, Status } from '../tree/events.ts'
import { type MarchOptions, type MarchStart, march } from '../tree/march.ts'
import { plural } from '../tree/plural.ts'
import { Pace, pause } from '../tree/windows.ts'
import type { Tally, TallyOptions } from '../verify/tally.ts'
import { aheadNote } from '../verify/verify.ts'
import { inheritHashes, lookBeforeSecondCopy } from './again.ts'
import { type Beginning, begin, type CopyJob, isKnown } from './begin.ts'
import { CopyHand, leavesRoot } from './copy-hand.ts'
import { Counters } from './counters.ts'
import { Extras } from './extras.ts'
import { hold } from './hold.ts'
import { Kinds } from './kinds.ts'
import { EPHEMERAL_FAILS } from './options.ts'
import { PlanHand } from './plan-hand.ts'
import { prove } from './prove.ts'
import { fingerprint } from './quiet.ts'
import { Quotas } from './quotas.ts'
import { Recorder } from './recorder.ts'
import { RefusedAcls } from './refused-acls.ts'
import { Repairer } from './repair.ts'
import { finishAcls, TemporaryAccess } from './temporary-access.ts'

export type { CopyJob } from './begin.ts'

/** @throws the errors of `tree/errors.ts`. Whatever it throws, what was done is in the journal. */
export async function copy(job: CopyJob, context: JobContext): Promise<JobResult> {
  const source = withAclMap(job.source, job.options.aclMap)
  return new Copy({ ...job, source }, context).run()
}

/** Events of a march that may not be the last one. */
const MOST_HELD_BACK = 100_000
/** Paths in one sentence. */
const MOST_NAMED = 10

class Copy {
  readonly #job: CopyJob
  readonly #context: JobContext
  readonly #march: MarchOptions
  readonly #rules: CounterRules
  readonly #kinds: Kinds
  #quietBefore: string | null = null
  /** The target's newest zxid before anything was written. */
  #targetBefore: bigint | null = null

  constructor(job: CopyJob, context: JobContext) {
    this.#job = job
    this.#context = context
    const { options } = job
    this.#rules = counterRules(options.counters)
    this.#kinds = new Kinds(job.target, options.kinds)
    this.#march = {
      acl: options.acl,
      targetOnlyData: false,
      filter: options.filter,
      concurrency: options.concurrency,
      pace: new Pace(options.rate),
      bytePace: new Pace(options.byteRate),
      descendTargetOnly: options.deleteExtras,
      signal: context.signal,
    }
  }

  async run(): Promise<JobResult> {
    await this.#expectQuiet()
    const beginning = await begin(this.#job, this.#context.emit)
    this.#march.filter = beginning.filter
    this.#announce(beginning)
    const { run } = beginning
    if (run === null) return this.#plan(beginning)
    let result: JobResult
    try {
      result = await this.#work(run, beginning)
      if (result.status === 'interrupted') run.interrupt(this.#context.counts)
      else this.#finish(run, result)
    } catch (error) {
      // A refusal is an end; anything else leaves a run that the same command goes on with.
      if (error instanceof SafetyRefusal) {
        await this.#finishAcls(run)
        this.#finish(run, this.#result('refused', error.message, 'unknown', 0, null, null))
      } else run.interrupt(this.#context.counts)
      throw error
    }
    return this.#job.options.ephemeral === 'hold' ? this.#hold(result) : result
  }

  /** The run is on record as done by now: however holding ends, there is nothing to resume. */
  async #hold(result: JobResult): Promise<JobResult> {
    const { source, target } = this.#job
    const { emit } = this.#context
    if (result.status === 'done') return hold(source, target, this.#march, result, this.#context)
    if (result.status !== 'interrupted')
      emit({ type: 'note', message: 'No ephemeral is held, since the copy is not done.' })
    return result
  }

  #announce({ run, resumed }: Beginning): void {
    const { source, target, journal, version } = this.#job
    this.#context.emit({
      type: 'run',
      command: 'copy',
      runId: run?.id ?? null,
      journal: journal?.file ?? null,
      source: source.name,
      target: target.name,
      resumed,
      version,
    })
  }

  async #work(run: Run, beginning: Beginning): Promise<JobResult> {
    const { source, target, journal, options } = this.#job
    const { previous, since } = beginning
    this.#targetBefore = await target.position()
    if (previous !== null && journal !== null && beginning.targetExists) {
      this.#context.emit({ type: 'phase', phase: 'plan' })
      const marchOptions = { ...this.#march, targetOnlyData: true, descendTargetOnly: true }
      const tallyOptions = { ...this.#tallyOptions(since), nameEphemerals: true }
      // Said only if this march turns out to be the only one.
      const said: JobEvent[] = []
      const emit = (event: JobEvent) => {
        if (event.type !== 'skipped' && event.type !== 'failed') this.#context.emit(event)
        else if (said.length < MOST_HELD_BACK) said.push(event)
      }
      const look = await lookBeforeSecondCopy(
        source,
        target,
        journal,
        previous,
        marchOptions,
        tallyOptions,
        options.overwriteNewer,
        () => inheritHashes(journal, previous, run),
        { ...this.#context, emit },
      )
      if (!look.whole) return this.#interrupted(0)
      if (
        look.tally.found === 0 &&
        look.tally.unknown === 0 &&
        (look.tally.extras === 0 || !options.deleteExtras)
      ) {
        for (const event of said) this.#context.emit(event)
        inheritHashes(journal, previous, run)
        this.#context.counts.unchanged = look.tally.znodes
        return this.#conclude(run, beginning, look.tally, 0)
      }
      // The march that writes reads the source again, and counts what it reads.
      Object.assign(this.#context.counts, {
        read: 0,
        bytesRead: 0,
        directories: 0,
        skipped: 0,
        failed: 0,
        phaseDone: 0,
        phaseBytes: 0,
      })
    }
    return this.#copy(run, beginning)
  }

  async #copy(run: Run, beginning: Beginning): Promise<JobResult> {
    const { source, target, options } = this.#job
    const { emit, counts, signal } = this.#context
    emit({ type: 'phase', phase: 'copy' })
    counts.phaseDone = 0
    const recorder = new Recorder(run, beginning.resumed, target, this.#context)
    if (beginning.resumed) this.#remindOfSkipped(run, recorder)
    if (!beginning.targetExists) counts.created += await target.createAncestors()
    const extras = options.deleteExtras ? new Extras(this.#context) : null
    try {
      const access = new TemporaryAccess(target, run, {
        rules: this.#rules,
        verify: options.verify,
        keepExisting: options.keepExisting,
      })
      await access.resume()
      const counters = new Counters(target, options.maxSteps, this.#context)
      const hand = new CopyHand({
        source,
        target,
        counters,
        rules: this.#rules,
        repairer: new Repairer(source, target, options, access, this.#kinds),
        access,
        kinds: this.#kinds,
        recorder,
        extras: beginning.resumed ? null : extras,
        options,
        context: this.#context,
        since: beginning.since,
        rootMade: async () => this.#rememberTarget(run),
      })
      const start = this.#start(run, beginning)
      const whole = await march(source, target, hand, this.#march, start)
      if (!whole || signal.aborted) return this.#interrupted(hand.moved)
      if (beginning.resumed && extras !== null && counts.failed === 0) await this.#collectExtras(extras)
      if (extras !== null) await this.#deleteExtras(extras)
      if (signal.aborted) return this.#interrupted(hand.moved)
      await this.#rememberTarget(run)
      if (!options.verify) {
        await this.#finishAcls(run)
        return await this.#unproven(run, beginning, hand)
      }
      const marchOptions = { ...this.#march, targetOnlyData: true, descendTargetOnly: true }
      counts.phaseDone = 0
      counts.phaseBytes = 0
      counts.phaseTotal = counts.read
      const proof = await prove(
        source,
        target,
        run,
        options,
        counters,
        access,
        this.#kinds,
        marchOptions,
        { ...this.#tallyOptions(beginning.since), reported: hand.failedPaths },
        this.#context,
      )
      if (!proof.whole) return this.#interrupted(proof.tally.moved)
      await this.#finishAcls(run)
      return await this.#conclude(run, beginning, proof.tally, hand.unequal)
    } finally {
      extras?.close()
    }
  }

  /** Everything below is written and proved: nothing of the temporary identity stays. */
  /** What the run skipped before it was broken off is part of its summary. */
  #remindOfSkipped(run: Run, recorder: Recorder): void {
    run.forgetRetried()
    for (const { path, reason } of this.#job.journal?.issues(run.id) ?? []) {
      recorder.alreadySkipped(path)
      this.#context.counts.skipped++
      this.#context.emit({ type: 'skipped', path, reason })
    }
  }

  async #finishAcls(run: Run): Promise<void> {
    this.#context.counts.failed += await finishAcls(run, this.#job.target, this.#context.emit)
  }

  /** A resumed run goes on with the directories that were not done. */
  #start(run: Run, { resumed, targetExists }: Beginning): MarchStart {
    // Its row comes with the acknowledgement of the root itself; without it there is nothing to go on with.
    if (!resumed || run.directory('') === null) return { from: 'root', target: targetExists }
    const directories: Directory[] = []
    for (let last: string | undefined; ; ) {
      const page = run.pending(1000, last)
      for (const { path, watermark, childHash, children } of page) {
        directories.push(
          new Directory(path, null, { inSource: true, inTarget: true, watermark, childHash, children }),
        )
      }
      last = page.at(-1)?.path
      if (page.length < 1000) break
    }
    return { from: 'directories', directories: directories.reverse() }
  }

  async #rememberTarget(run: Run): Promise<void> {
    const identity = await this.#job.target.identity()
    if (isKnown(identity)) run.setTargetIdentity(identity)
  }

  /** A resumed run has seen only a part: what is extra is looked for once more, everywhere. */
  async #collectExtras(extras: Extras): Promise<void> {
    const { source, target, options } = this.#job
    const context = {
      ...this.#context,
      counts: { ...this.#context.counts },
      emit: onlyFailures(this.#context.emit),
    }
    const kinds = new Kinds(target, NO_KINDS)
    const hand = new PlanHand(options, NO_COUNTERS, context, extras, leavesRoot(target, options), kinds, null)
    await march(
      source,
      target,
      hand,
      { ...this.#march, descendTargetOnly: true, data: false },
      { from: 'root', target: true },
    )
    this.#context.counts.failed = context.counts.failed
  }

  async #deleteExtras(extras: Extras): Promise<void> {
    const { source, target, options } = this.#job
    const { counts, emit } = this.#context
    if (counts.failed + this.#kinds.refused > 0) {
      emit({ type: 'note', message: 'Nothing was deleted, because some znodes failed.' })
      return
    }
    const count = extras.count()
    if (count === 0) return
    if (options.maxDelete !== null && count > options.maxDelete) {
      throw new SafetyRefusal(
        `${plural(count, 'znode is', 'znodes are')} only on the target, more than --max-delete ${options.maxDelete} allows; nothing was deleted.`,
      )
    }
    if (!(await options.confirmDelete(count)))
      throw new SafetyRefusal(
        `The deletion of ${plural(count, 'znode')} was not confirmed; nothing was deleted.`,
      )
    emit({ type: 'phase', phase: 'delete' })
    await extras.delete(source, target)
  }

  async #plan(beginning: Beginning): Promise<JobResult> {
    const { source, target, options } = this.#job
    const { emit, counts } = this.#context
    emit({ type: 'phase', phase: 'plan' })
    const extras = options.deleteExtras ? new Extras(this.#context) : null
    try {
      const refused = options.acl ? new RefusedAcls(target) : null
      const hand = new PlanHand(
        options,
        this.#rules,
        this.#context,
        extras,
        leavesRoot(target, options),
        this.#kinds,
        refused,
      )
      const whole = await march(source, target, hand, this.#march, {
        from: 'root',
        target: beginning.targetExists,
      })
      if (!whole) return this.#interrupted(0)
      refused?.report(emit)
      if (extras !== null) {
        for (const { path } of extras.doomed()) {
          counts.deleted++
          emit({ type: 'plan', path, action: 'delete', bytes: 0 })
        }
        if (options.maxDelete !== null && counts.deleted > options.maxDelete) {
          throw new SafetyRefusal(
            `${plural(counts.deleted, 'znode is', 'znodes are')} only on the target, more than --max-delete ${options.maxDelete} allows.`,
          )
        }
      }
      if (!(await this.#copyQuotas(null, beginning))) return this.#interrupted(0)
      this.#explainKinds()
      const left = counts.failed + beginning.reserved + this.#kinds.refused
      if (left > 0)
        return this.#result(
          'incomplete',
          `${plural(left, 'znode')} could not be copied.`,
          'unknown',
          0,
          null,
          null,
        )
      return this.#result('done', '', 'unknown', 0, null, null)
    } finally {
      extras?.close()
    }
  }

  /** After everything else: a limit must not stand in the way of the copy. */
  async #copyQuotas(run: Run | null, beginning: Beginning): Promise<boolean> {
    const { source, target, options, record } = this.#job
    if (!options.quota) return true
    const earlier = run === null ? record?.latestFinished() : beginning.previous
    const before = earlier ?? (beginning.resumed ? run?.info : null)
    const rules = { options, filter: beginning.filter, lastWrite: before?.lastWrite ?? null }
    return new Quotas(source, target, run, rules, this.#context).copy()
  }

  #explainKinds(): void {
    const why = this.#kinds.explanation()
    if (why !== null) this.#context.emit({ type: 'note', message: why })
    const paths = [...this.#rules.leftBehind]
    if (paths.length === 0) return
    const named = paths.slice(0, MOST_NAMED).join(', ')
    const message = `The sequence counter of ${plural(paths.length, 'empty container')} was left behind, because servers delete an empty container whose counter has moved: ${named}${paths.length > MOST_NAMED ? ', …' : ''}.`
    this.#context.emit({ type: 'note', message })
  }

  async #unproven(run: Run, beginning: Beginning, hand: CopyHand): Promise<JobResult> {
    if (!(await this.#copyQuotas(run, beginning))) return this.#interrupted(hand.moved)
    this.#explainKinds()
    const quiet = await this.#stillQuiet()
    const digest = beginning.resumed || this.#context.counts.failed > 0 ? null : hand.sum.hex()
    const left = this.#context.counts.failed + beginning.reserved + this.#kinds.refused
    const extra = this.#job.options.merge ? 0 : hand.extrasLeft
    const open = hand.unequal + extra
    const result = (status: Status, message: string) =>
      this.#result(status, message, 'unknown', hand.moved, digest, null)
    if (left > 0) return result('incomplete', `${plural(left, 'znode')} could not be copied.`)
    if (open > 0 && this.#context.counts.deleted < open)
      return result(
        'different',
        `${plural(open, 'znode on the target is', 'znodes on the target are')} not as on the source.`,
      )
    if (!quiet) return result('different', MOVED)
    return result('done', '')
  }

  async #conclude(run: Run, beginning: Beginning, tally: Tally, unequal: number): Promise<JobResult> {
    const { counts } = this.#context
    if (!(await this.#copyQuotas(run, beginning))) return this.#interrupted(tally.moved)
    this.#explainKinds()
    const quiet = await this.#stillQuiet()
    for (const { path, what } of tally.differences) {
      counts.differences++
      this.#context.emit({ type: 'difference', path, what })
    }
    await this.#rememberTarget(run)
    const whole = tally.unknown === 0
    const consistency: Consistency = tally.moved === 0 ? 'quiet' : tally.found === 0 ? 'converged' : 'moving'
    const source = whole ? tally.sourceSum.hex() : null
    const target = whole ? tally.targetSum.hex() : null
    const result = (status: Status, message: string) =>
      this.#result(status, message, consistency, tally.moved, source, target)
    const left = Math.max(counts.failed, tally.unknown) + beginning.reserved + this.#kinds.refused
    if (left > 0) return result('incomplete', `${plural(left, 'znode')} could not be copied or compared.`)
    if (tally.found > 0)
      return result(
        'different',
        `${plural(tally.found, 'znode differs', 'znodes differ')}${tally.moved > 0 ? '; the source is still changing' : ''}${unequal > 0 ? '; persistent znodes stand where the source has ephemerals' : ''}.`,
      )
    if (!quiet) return result('different', MOVED)
    if (tally.extras > 0)
      this.#context.emit({
        type: 'note',
        message: `${plural(tally.extras, 'znode that is only on the target was', 'znodes that are only on the target were')} left there (--merge).`,
      })
    if (tally.ahead > 0) this.#context.emit({ type: 'note', message: aheadNote(tally.ahead) })
    if (tally.kept > 0)
      this.#context.emit({
        type: 'note',
        message: `${plural(tally.kept, 'znode was left as it is', 'znodes were left as they are')} on the target (--keep-existing).`,
      })
    return result('done', '')
  }

  #interrupted(moved: number): JobResult {
    return this.#result(
      'interrupted',
      'Interrupted; the same command goes on from here.',
      'unknown',
      moved,
      null,
      null,
    )
  }

  #result(
    status: Status,
    message: string,
    consistency: Consistency,
    sourceMoved: number,
    source: string | null,
    target: string | null,
  ): JobResult {
    return {
      status,
      message,
      counts: this.#context.counts,
      digest: { source, target },
      sourceMoved,
      consistency,
    }
  }

  #finish(run: Run, result: JobResult): void {
    const verified = this.#job.options.verify && result.status === 'done'
    const lastWrite = this.#job.target.lastWrite || this.#lastOf(run.info)
    run.finish(result.status, {
      message: result.message,
      verified,
      sourceDigest: result.digest.source,
      targetDigest: result.digest.target,
      lastWrite,
      counts: result.counts,
      consistency: result.consistency,
    })
  }

  /** A run that wrote nothing stands on the last write of the one before it, or on what it found. */
  #lastOf(info: RunInfo): bigint | null {
    return info.lastWrite || this.#job.journal?.latestFinished()?.lastWrite || this.#targetBefore
  }

  #tallyOptions(since: bigint): TallyOptions {
    const { options, target } = this.#job
    return {
      since,
      allowExtras: options.merge && !options.deleteExtras,
      allowChanged: options.keepExisting,
      skipRoot: leavesRoot(target, options),
      ephemeralsFail: options.ephemeral === 'fail' ? EPHEMERAL_FAILS : null,
      counters: this.#rules,
      combined: false,
      nameEphemerals: false,
      countRead: false,
    }
  }

  async #expectQuiet(): Promise<void> {
    const { source, options } = this.#job
    if (options.expectQuietMs === null) return
    this.#context.emit({ type: 'phase', phase: 'settle' })
    const before = await fingerprint(source, this.#march)
    await pause(options.expectQuietMs, this.#context.signal)
    this.#quietBefore = await fingerprint(source, this.#march)
    if (this.#quietBefore !== before) {
      throw new SafetyRefusal(
        `The source ${source.name} changed while it was watched (--expect-quiet); nothing was written.`,
      )
    }
  }

  async #stillQuiet(): Promise<boolean> {
    if (this.#quietBefore === null) return true
    return (await fingerprint(this.#job.source, this.#march)) === this.#quietBefore
  }
}

const MOVED = 'The source changed during the copy, though it was expected to be quiet (--expect-quiet).'

function onlyFailures(emit: Emit): Emit {
  return (event) => event.type === 'failed' && emit(event)
}
