/** The job `copy`: begin, march and write, delete what is extra, prove. */
import type { JournalReader, Run } from '../journal/index.ts'
import { withAclMap } from '../tree/acl-map.ts'
import { type CounterRules, counterRules, NO_COUNTERS } from '../tree/counter-rules.ts'
import { OccupiedRefusal, SafetyRefusal } from '../tree/errors.ts'
import type { JobContext, JobEvent, JobResult } from '../tree/events.ts'
import { withLosses } from '../tree/losses.ts'
import { type MarchOptions, march } from '../tree/march.ts'
import { plural } from '../tree/plural.ts'
import { Pace } from '../tree/windows.ts'
import type { Data } from '../tree/znode.ts'
import { standing, stoodStill } from '../verify/stillness.ts'
import type { TallyOptions } from '../verify/tally.ts'
import { consistencyOf } from '../verify/verify.ts'
import { inheritHashes, lookFirst, type SecondLook } from './again.ts'
import { type Beginning, begin, type CopyJob } from './begin.ts'
import { CopyHand } from './copy-hand.ts'
import { Counters } from './counters.ts'
import { collectExtras, deleteExtras } from './deletion.ts'
import { planCopy } from './dry-run.ts'
import { type Ending, interrupted, plainResult, proven, unproven } from './ending.ts'
import { Extras } from './extras.ts'
import { finishAcls } from './finish-acls.ts'
import { forgetEmptied } from './forget-emptied.ts'
import { Formers } from './formers.ts'
import { hold } from './hold.ts'
import { dataDigest, intentsOf } from './intents.ts'
import { Kinds } from './kinds.ts'
import type { Looks } from './looks.ts'
import { EPHEMERAL_FAILS, keeps, leavesRoot, outcomeOptions } from './options.ts'
import { OwnWrites } from './own-writes.ts'
import { type Proof, prove } from './prove.ts'
import { rememberProof, stillAsProved } from './proved.ts'
import { QuietWatch } from './quiet.ts'
import { Quotas } from './quotas.ts'
import { Recorder } from './recorder.ts'
import { Repairer } from './repair.ts'
import { czxidsOf, Roots } from './roots.ts'
import { startOf } from './start.ts'
import { TemporaryAccess } from './temporary-access.ts'

export type { CopyJob } from './begin.ts'

/** @throws the errors of `tree/errors.ts`. Whatever it throws, what was done is in the journal. */
export async function copy(job: CopyJob, context: JobContext): Promise<JobResult> {
  const source = withAclMap(job.source, job.options.aclMap)
  const record = job.journal ?? job.record
  const byUs = (path: string, data?: Data) =>
    record?.intended(path, data === undefined ? undefined : dataDigest(path, data)) === true
  const made = { byUs, bySomebody: () => {} }
  return new Copy({ ...job, source, options: { ...job.options, made } }, context).run()
}

/** Paths in one sentence. */
const MOST_NAMED = 10

class Copy {
  readonly #job: CopyJob
  readonly #context: JobContext
  readonly #march: MarchOptions
  readonly #rules: CounterRules
  /** What is brought up by steps: nothing, where a target keeps each znode's Stat. */
  readonly #steps: CounterRules
  readonly #kinds: Kinds
  readonly #quiet: QuietWatch
  readonly #own: OwnWrites
  readonly #roots: Roots
  /** A refusal leaves the run as one that can be resumed. */
  #keepsRun = false
  /** Why what was copied is not one tree. */
  #replaced: string | null = null

  constructor(job: CopyJob, context: JobContext) {
    this.#job = job
    this.#context = context
    const { options } = job
    this.#rules = counterRules(options.counters)
    this.#steps = job.target.staging === undefined ? this.#rules : NO_COUNTERS
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
    this.#own = new OwnWrites(job.target)
    this.#roots = new Roots(job.source, job.target)
    this.#quiet = new QuietWatch(job.source, this.#march, context.emit)
  }

  async run(): Promise<JobResult> {
    await this.#quiet.expect(this.#job.options.expectQuietMs)
    const beginning = await begin(this.#job, this.#context.emit)
    this.#march.filter = beginning.filter
    if (leavesRoot(this.#job.target, this.#job.options)) {
      const message =
        'The root / of the target keeps its own data, ACL and counter, and is in neither digest (--include-root).'
      this.#context.emit({ type: 'note', message })
    }
    this.#announce(beginning)
    this.#context.counts.failed = beginning.stillCarried
    const { run } = beginning
    if (run === null) return this.#plan(beginning)
    const { keepExisting, made } = this.#job.options
    this.#job.target.beforeWrites(intentsOf(run, beginning.looks, keepExisting))
    if (made !== undefined && keepExisting) made.bySomebody = (path) => run.disown(path)
    let result: JobResult
    try {
      result = await this.#work(run, beginning)
      if (result.status === 'interrupted') run.interrupt(this.#context.counts)
      else {
        result = withLosses(this.#torn(result), this.#job.source)
        await this.#publish(result, beginning)
        await this.#finish(run, result, beginning.looks)
      }
    } catch (error) {
      // A refusal is an end; anything else leaves a run that the same command goes on with.
      if (error instanceof SafetyRefusal && !(error instanceof OccupiedRefusal) && !this.#keepsRun) {
        await this.#finishAcls(run)
        await this.#finish(run, plainResult('refused', error.message, this.#context.counts), beginning.looks)
      } else run.interrupt(this.#context.counts)
      throw error
    }
    return this.#job.options.ephemeral === 'hold' ? this.#hold(result) : result
  }

  /** The run is on record as done by now: however holding ends, there is nothing to resume. */
  async #hold(result: JobResult): Promise<JobResult> {
    const { source, target } = this.#job
    const { emit } = this.#context
    if (result.status === 'done') {
      // Nothing is overwritten or removed any more, and what is held stands back for what others make.
      await target.vacate?.()
      return hold(source, target, this.#march, result, this.#context)
    }
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
    const { looks, since, begun } = beginning
    const { previous } = looks
    this.#own.before = await target.position()
    await this.#roots.remember()
    const rules = this.#tallyOptions(since).counters
    const skipRoot = leavesRoot(target, options)
    if (beginning.resumed && (await stillAsProved(run, source, target, this.#march, rules, skipRoot)))
      return this.#concludeProved(run, beginning)
    // Said only if this march turns out to be the only one.
    const said: JobEvent[] = []
    const start = await standing(source)
    const look = await this.#lookFirst(journal, beginning, said)
    if (look !== null) {
      if (!look.whole) return interrupted(this.#context.counts, 0)
      // Where another filter looked before, what is there goes on record as any copy has it.
      // What was begun has rows to finish, and entries to take out.
      if (
        begun === null &&
        previous !== null &&
        journal !== null &&
        looks.alike &&
        look.tally.found === 0 &&
        look.tally.unknown === 0 &&
        (look.tally.extras === 0 || !options.deleteExtras)
      ) {
        for (const event of said) this.#context.emit(event)
        inheritHashes(journal, previous, run)
        this.#context.counts.unchanged = look.tally.znodes
        this.#own.proved = look
        await this.#roots.recordTarget(run)
        const consistency = consistencyOf(look.tally, 0, await stoodStill(source, start))
        return this.#conclude(run, beginning, { tally: look.tally, consistency }, 0)
      }
      this.#countAnew(beginning)
    }
    return this.#copy(run, beginning)
  }

  /** `said` gets what it had to say of single znodes. @throws SafetyRefusal where someone works on the target */
  #lookFirst(
    record: JournalReader | null,
    beginning: Beginning,
    said: JobEvent[],
  ): Promise<SecondLook | null> {
    const look = {
      march: { ...this.#march, targetOnlyData: true, descendTargetOnly: true },
      tally: { ...this.#tallyOptions(beginning.since), nameEphemerals: true },
      said,
      refusing: () => {
        if (beginning.begun !== null) this.#keepsRun = true
      },
    }
    return lookFirst(this.#job, record, beginning, look, this.#context)
  }

  /** The next march reads the source again, and counts what it reads. */
  #countAnew({ stillCarried }: Beginning): void {
    Object.assign(this.#context.counts, {
      read: 0,
      bytesRead: 0,
      directories: 0,
      skipped: 0,
      failed: stillCarried,
      phaseDone: 0,
      phaseBytes: 0,
    })
  }

  async #copy(run: Run, beginning: Beginning): Promise<JobResult> {
    const { source, target, options } = this.#job
    const { emit, counts, signal } = this.#context
    emit({ type: 'phase', phase: 'copy' })
    counts.phaseDone = 0
    const recorder = new Recorder(run, beginning.resumed, target, this.#context)
    if (beginning.resumed) {
      run.clearProof()
      this.#remindOfSkipped(run, recorder)
    }
    await this.#keepUndo(run)
    if (!beginning.targetExists) counts.created += await target.createAncestors()
    const extras = options.deleteExtras ? new Extras(this.#context) : null
    try {
      const access = new TemporaryAccess(target, run, {
        rules: this.#steps,
        verify: options.verify,
        deletes: options.deleteExtras,
        keeps: (pair) => keeps(options, pair),
      })
      await access.resume()
      const formers = new Formers(target, {
        keeps: this.#job.undo !== null,
        keepExisting: options.keepExisting,
      })
      const counters = new Counters(target, options.maxSteps, this.#context)
      const hand = new CopyHand({
        source,
        target,
        counters,
        rules: this.#steps,
        repairer: new Repairer(source, target, options, access, this.#kinds, formers),
        access,
        kinds: this.#kinds,
        formers,
        recorder,
        extras: beginning.resumed ? null : extras,
        options: { ...options, filter: this.#march.filter },
        context: this.#context,
        since: beginning.since,
        rootMade: async () => this.#roots.recordTarget(run),
      })
      const start = startOf(run, beginning, options)
      const whole = await march(source, target, hand, this.#march, start)
      if (!whole || signal.aborted) return interrupted(this.#context.counts, hand.moved)
      await hand.finish()
      if (beginning.resumed && extras !== null && counts.failed === 0)
        await collectExtras(this.#job, extras, this.#march, this.#context)
      if (extras !== null)
        await deleteExtras(this.#job, extras, this.#kinds.refused, czxidsOf(run), this.#context)
      if (beginning.resumed && counts.deleted > 0) await forgetEmptied(run, target)
      // Of `/` it is the oldest child, which may be one of those that were deleted.
      if (signal.aborted && counts.deleted > 0) await this.#roots.recordTarget(run)
      if (signal.aborted) return interrupted(this.#context.counts, hand.moved)
      await this.#roots.recordTarget(run)
      if (!options.verify) {
        await this.#finishAcls(run)
        return await this.#unproven(run, beginning, hand, extras?.stayed ?? 0)
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
        formers,
        marchOptions,
        { ...this.#tallyOptions(beginning.since), reported: hand.failedPaths },
        this.#context,
      )
      if (!proof.whole) return interrupted(this.#context.counts, proof.tally.moved)
      // Its final ACL may let nobody of ours look at the root.
      await this.#roots.recordTarget(run)
      this.#own.proved = proof
      rememberProof(
        run,
        proof,
        await this.#own.since(proof),
        counts.failed + beginning.reserved + this.#kinds.refused,
      )
      await this.#finishAcls(run)
      return await this.#conclude(run, beginning, proof, hand.unequal)
    } finally {
      extras?.close()
    }
  }

  /** What the run skipped before it was broken off is part of its summary. */
  #remindOfSkipped(run: Run, recorder: Recorder): void {
    run.forgetRetried()
    for (const { path, reason } of this.#job.journal?.issues(run.id) ?? []) {
      recorder.alreadySkipped(path)
      this.#context.counts.skipped++
      this.#context.emit({ type: 'skipped', path, reason })
    }
  }

  /** From here on nothing of the target's is changed before the record has it. */
  async #keepUndo(run: Run): Promise<void> {
    const { undo, target } = this.#job
    if (undo === null) return
    target.keepUndo(await undo({ id: run.id, file: run.info.undo, made: (file) => run.setUndo(file) }))
  }

  /** Everything below is written and proved: nothing of the temporary identity stays. */
  async #finishAcls(run: Run): Promise<void> {
    this.#context.counts.failed += await finishAcls(run, this.#job.target, this.#context.emit)
  }

  async #plan(beginning: Beginning): Promise<JobResult> {
    const { counts } = this.#context
    const look = await this.#lookFirst(this.#job.record, beginning, [])
    if (look?.whole === false) return interrupted(counts, 0)
    this.#countAnew(beginning)
    const whole = await planCopy({
      job: this.#job,
      rules: this.#steps,
      kinds: this.#kinds,
      march: this.#march,
      targetExists: beginning.targetExists,
      context: this.#context,
    })
    if (!whole || !(await this.#copyQuotas(null, beginning))) return interrupted(counts, 0)
    this.#explainKinds()
    const left = counts.failed + beginning.reserved + this.#kinds.refused
    if (left > 0) return plainResult('incomplete', `${plural(left, 'znode')} could not be copied.`, counts)
    return plainResult('done', '', counts)
  }

  /** After everything else: a limit must not stand in the way of the copy. */
  async #copyQuotas(run: Run | null, beginning: Beginning): Promise<boolean> {
    const { source, target, options, record } = this.#job
    if (!options.quota) return true
    const earlier = run === null ? record?.latestFinished() : beginning.looks.previous
    const before = earlier ?? (beginning.resumed ? run?.info : null)
    const rules = { options, filter: beginning.filter, before: before ?? null }
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

  /** What comes after the last znode: quotas, and what has to be said of kinds. False when it was interrupted. */
  async #afterwards(run: Run, beginning: Beginning): Promise<Ending | null> {
    if (!(await this.#copyQuotas(run, beginning))) return null
    this.#explainKinds()
    const leftOut = beginning.reserved + this.#kinds.refused
    const quiet = await this.#quiet.still()
    if (quiet === null) return null
    this.#replaced = await this.#roots.sourceReplaced()
    return { counts: this.#context.counts, leftOut, quiet, replaced: this.#replaced }
  }

  /** A file cannot be copied to once more: what is not one tree must not pass for a backup that only came late. */
  #torn(result: JobResult): JobResult {
    if (this.#replaced === null || this.#job.target.staging === undefined || result.status !== 'different')
      return result
    return { ...result, status: 'incomplete', message: this.#replaced }
  }

  async #unproven(run: Run, beginning: Beginning, hand: CopyHand, stayed: number): Promise<JobResult> {
    const { counts } = this.#context
    const ending = await this.#afterwards(run, beginning)
    if (ending === null) return interrupted(counts, hand.moved)
    const digest = beginning.resumed || counts.failed > 0 ? null : hand.sum.hex()
    // Where what is extra goes, all of it was looked for at the end.
    const before = this.#job.options.deleteExtras ? 0 : beginning.unlike
    const unequal = before + hand.unlike + stayed
    ending.replaced ??= this.#roots.targetReplaced()
    return unproven(ending, { unequal, moved: hand.moved, digest })
  }

  async #conclude(
    run: Run,
    beginning: Beginning,
    { tally, consistency }: Pick<Proof, 'tally' | 'consistency'>,
    stale: number,
  ): Promise<JobResult> {
    const { counts, emit } = this.#context
    const ending = await this.#afterwards(run, beginning)
    if (ending === null) return interrupted(counts, tally.moved)
    for (const { path, what } of tally.differences) {
      counts.differences++
      emit({ type: 'difference', path, what })
    }
    return proven(ending, tally, consistency, stale, emit)
  }

  /** What was broken off after its proof is finished without another look at what may not be read any more. */
  async #concludeProved(run: Run, beginning: Beginning): Promise<JobResult> {
    const { counts, emit } = this.#context
    const { sourceDigest, targetDigest, consistency, lastWrite, lateWrites } = run.info
    // What it could not look at now may be somebody's since.
    this.#own.proved = { position: lastWrite ?? 0n, lateWrites }
    this.#job.target.markProof()
    this.#remindOfSkipped(run, new Recorder(run, true, this.#job.target, this.#context))
    await this.#finishAcls(run)
    const ending = await this.#afterwards(run, beginning)
    if (ending === null) return interrupted(counts, 0)
    const message =
      'The copy had been proved when it was broken off, and both sides are as they were, as far as the target lets the tool look.'
    emit({ type: 'note', message })
    return {
      ...unproven(ending, { unequal: 0, moved: 0, digest: sourceDigest }),
      digest: { source: sourceDigest, target: targetDigest },
      consistency: consistency ?? 'unknown',
    }
  }

  /** A file appears whole, whatever it holds: what it lacks stands in it, and in the result. */
  async #publish(result: JobResult, { since }: Beginning): Promise<void> {
    const { source, target, options, version } = this.#job
    const { status, message, consistency, digest } = result
    await target.staging?.publish({
      source: source.name,
      status,
      message,
      since,
      consistency,
      digest,
      options: outcomeOptions(options),
      version,
    })
  }

  async #finish(run: Run, result: JobResult, looks: Looks): Promise<void> {
    const { status, message, digest, counts, consistency } = result
    run.finish(status, {
      message,
      verified: this.#job.options.verify && status === 'done',
      sourceDigest: digest.source,
      targetDigest: digest.target,
      ...(await this.#own.atEnd(run.info, status, looks)),
      counts,
      consistency,
    })
  }

  #tallyOptions(since: bigint): TallyOptions {
    const { options, target } = this.#job
    return {
      since,
      allowExtras: options.merge && !options.deleteExtras,
      allowChanged: options.keepExisting,
      made: options.made?.byUs,
      skipRoot: leavesRoot(target, options),
      ephemeralsFail: options.ephemeral === 'fail' ? EPHEMERAL_FAILS : null,
      counters: this.#rules,
      combined: false,
      nameEphemerals: false,
      countRead: false,
    }
  }
}
