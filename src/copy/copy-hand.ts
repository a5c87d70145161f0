/** The hand that copies: it turns what the march finds into writes, and keeps the sums of what was written. */

import { sideDigest } from '../tree/compare.ts'
import {
  type Change,
  type ChangeOutcome,
  type Side,
  type TreeSource,
  type TreeTarget,
  ZnodeError,
} from '../tree/contracts.ts'
import type { CounterRules } from '../tree/counter-rules.ts'
import { DigestSum } from '../tree/digest.ts'
import type { Directory } from '../tree/directory.ts'
import type { JobContext } from '../tree/events.ts'
import type { Advance, MarchHand, MarchPair } from '../tree/march.ts'
import { newestZxid } from '../tree/znode.ts'
import type { CounterGoal, Counters } from './counters.ts'
import { type Decision, type DecisionRules, decide, OCCUPIED } from './decide.ts'
import { DirectoryCounters } from './directory-counters.ts'
import type { Extras } from './extras.ts'
import type { Formers } from './formers.ts'
import { goalOf, sequenceGoal } from './goals.ts'
import type { Kinds, Unsupported } from './kinds.ts'
import { type CopyOptions, EPHEMERAL_FAILS, keeps, leavesRoot } from './options.ts'
import type { Recorder } from './recorder.ts'
import { isPassing, lookedAgain, type Repaired, type Repairer } from './repair.ts'
import type { TemporaryAccess } from './temporary-access.ts'
import { loseUnmakable, makeWay, waysTo } from './way.ts'

const MOST_REMEMBERED = 100_000

export class CopyHand implements MarchHand {
  /** Sum of the source as it was written. */
  readonly sum = new DigestSum()
  /** Znodes only on the target, left where they are. */
  extrasLeft = 0
  /** Of those, and of stale ephemerals, what `--delete` takes at the end. */
  #doomed = 0
  /** Left as they were on the target (`--keep-existing`). */
  kept = 0
  /** Places where only a verification can say that the copy is not equal: stale ephemerals, someone's ephemerals. */
  unequal = 0
  /** Znodes that changed on the source since the march began. */
  moved = 0
  readonly #target: TreeTarget
  readonly #repairer: Repairer
  readonly #access: TemporaryAccess
  readonly #kinds: Kinds
  readonly #formers: Formers
  readonly #decisions: DecisionRules
  readonly #counters: Counters
  readonly #directoryCounters: DirectoryCounters
  readonly #rules: CounterRules
  readonly #recorder: Recorder
  readonly #extras: Extras | null
  readonly #options: CopyOptions
  readonly #context: JobContext
  readonly #since: bigint
  readonly #rootMade: () => Promise<void>

  constructor(setup: {
    source: TreeSource
    target: TreeTarget
    counters: Counters
    rules: CounterRules
    repairer: Repairer
    access: TemporaryAccess
    kinds: Kinds
    formers: Formers
    recorder: Recorder
    extras: Extras | null
    options: CopyOptions
    context: JobContext
    /** What changed on the source after this zxid counts as moved. */
    since: bigint
    /** Called once the root is on the target, before anything below it. */
    rootMade: () => Promise<void>
  }) {
    this.#target = setup.target
    this.#counters = setup.counters
    this.#directoryCounters = new DirectoryCounters({ ...setup, filter: setup.options.filter })
    this.#rules = setup.rules
    this.#repairer = setup.repairer
    this.#access = setup.access
    this.#kinds = setup.kinds
    this.#formers = setup.formers
    this.#decisions = {
      keeps: (pair) => keeps(setup.options, pair),
      aclFor: (pair) => setup.access.aclFor(pair),
      modes: setup.kinds,
      formerOf: (pair) => setup.formers.of(pair),
    }
    this.#recorder = setup.recorder
    this.#extras = setup.extras
    this.#options = setup.options
    this.#context = setup.context
    this.#since = setup.since
    this.#rootMade = setup.rootMade
  }

  /** Where the target is known to be other than the user wants it, and stays so. */
  get unlike(): number {
    return this.unequal + (this.#options.merge || this.#options.deleteExtras ? 0 : this.extrasLeft)
  }

  /** The same for whoever goes on without `--delete`: nothing is deleted before the end. */
  get #unlikeUntilDeleted(): number {
    return this.unlike + this.#doomed
  }

  prepare(pairs: MarchPair[]): Promise<void> | null {
    const ours = [...waysTo(pairs), ...pairs.filter((pair) => this.#isOurs(pair))]
    const access = this.#options.acl ? this.#access.prepare(ours) : null
    const preparing = [access, this.#kinds.prepare(ours), this.#formers.prepare(ours)]
    if (preparing.every((one) => one === null)) return null
    return Promise.all(preparing).then(() => {})
  }

  async pairs(pairs: MarchPair[]): Promise<void> {
    for (const pair of pairs) this.#directoryCounters.see(pair)
    const decisions = pairs.map((pair) => this.#decide(pair))
    for (const [at, pair] of pairs.entries()) this.#expect(pair, decisions[at] as Decision)
    const changes: Change[] = []
    const owners: (MarchPair | null)[] = []
    for (const [at, pair] of pairs.entries()) {
      const decision = decisions[at] as Decision
      if (decision.do === 'create') {
        for (const { change } of makeWay(pair.directory, this.#decisions)) {
          changes.push(change)
          owners.push(null)
        }
      }
      const change = firstChange(decision)
      if (change === null) continue
      changes.push(change)
      owners.push(pair)
    }
    const writing = changes.length === 0 ? null : this.#target.write(changes)
    // Hashed while the writes are under way.
    for (const [at, pair] of pairs.entries()) this.#count(pair, decisions[at] as Decision)
    const stopped = new Set<MarchPair>()
    if (writing !== null) this.#outcomes(await writing, owners, changes, stopped)
    // Data whose ACL had to go first.
    await this.#second(pairs, decisions, stopped)
    const open = pairs.filter((pair) => stopped.has(pair) && !pair.failed)
    if (open.length > 0) await this.#repair(open)
    await this.#bringCounters(pairs, decisions)
    if (pairs[0]?.path === '') await this.#rootMade()
  }

  async complete(completed: Directory[]): Promise<void> {
    if (!this.#rules.keepsSequence) return
    const directories = completed.filter((directory) => !directory.unreachable && this.#countsIn(directory))
    const failed = await this.#directoryCounters.complete(directories)
    for (const directory of directories) {
      const error = failed.get(directory.path)
      if (error === undefined) continue
      directory.incomplete = true
      this.#report(directory.path, 'target', error)
    }
  }

  /** After the whole march. */
  async finish(): Promise<void> {
    // What could not be made may be made by another run, and then counts itself: the proof knows how much that is.
    const allMade = this.#context.counts.failed === 0 && this.#kinds.refused === 0
    const { failed, advances } = await this.#directoryCounters.finish(allMade)
    for (const [path, error] of failed) this.#report(path, 'target', error)
    this.#recorder.settled(advances, [], this.#unlikeUntilDeleted)
  }

  unlisted(directory: Directory, side: Side, error: ZnodeError): void {
    this.#report(directory.path, side, error)
  }

  settled(advances: Advance[], discovered: Directory[]): void {
    this.#context.counts.directories += advances.filter((advance) => advance.done).length
    this.#extras?.keepExcluded(advances)
    this.#recorder.settled(
      advances.filter((advance) => !this.#directoryCounters.isLast(advance)),
      discovered,
      this.#unlikeUntilDeleted,
    )
  }

  known(path: string): boolean {
    return this.#recorder.known(path)
  }

  /** What is to be done for its counter once its children are in. Its directory may be complete before it is. */
  #expect(pair: MarchPair, decision: Decision): void {
    if (pair.below === null || !this.#isOurs(pair)) return
    // One without children on the source is brought up with the znode itself, and two at once would go too far.
    const children = pair.source?.stat.numChildren ?? 0
    const left = decision.do === 'keep' || children === 0 || keeps(this.#options, pair)
    pair.below.sequence = left ? 0 : sequenceGoal(pair, this.#rules)
  }

  async #bringCounters(pairs: MarchPair[], decisions: Decision[]): Promise<void> {
    const goals: CounterGoal[] = []
    for (const [at, pair] of pairs.entries()) {
      if (pair.failed || !this.#isOurs(pair) || keeps(this.#options, pair)) continue
      const goal = goalOf(pair, decisions[at] as Decision, this.#rules)
      if (goal === null) continue
      // Of one that had children when it was read, its directory does it.
      if (pair.below?.sequence) goal.sequence = null
      if (goal.sequence !== null || goal.version !== null) goals.push(goal)
    }
    if (goals.length === 0) return
    const failed = await this.#counters.bring(goals)
    if (failed.size === 0) return
    for (const pair of pairs) {
      const error = failed.get(pair.path)
      if (error === undefined) continue
      this.#dropDigest(pair)
      this.#fail(pair, 'target', error)
    }
  }

  #decide(pair: MarchPair): Decision {
    const { counts, emit } = this.#context
    if (!this.#isOurs(pair)) return { do: 'nothing' }
    if (pair.source !== null) {
      counts.read++
      counts.bytesRead += pair.source.data?.length ?? 0
      if (newestZxid(pair.source.stat) > this.#since) this.moved++
    }
    if (pair.source !== null && pair.directory?.unreachable) {
      return failure('target', 'PARENT', 'its parent could not be made')
    }
    const decision = decide(pair, this.#decisions)
    if (decision.do === 'create') {
      const above = loseUnmakable(pair.directory, this.#decisions)
      if (above?.decision.do === 'unsupported') this.#skipKind(above.path, above.decision.reason)
      if (above?.decision.do === 'fail') this.#report(above.path, above.decision.side, above.decision.error)
      if (pair.directory?.unreachable) return failure('target', 'PARENT', 'its parent could not be made')
    }
    if (decision.do === 'skip-ephemeral' && this.#options.ephemeral === 'fail') {
      return failure('source', 'EPHEMERAL', EPHEMERAL_FAILS)
    }
    if (decision.do === 'skip-ephemeral') {
      if (this.#recorder.skipped(pair.path, 'ephemeral')) {
        counts.skipped++
        emit({ type: 'skipped', path: pair.path, reason: 'ephemeral' })
      }
      if (decision.stale) {
        if (this.#options.deleteExtras) this.#doomed++
        if (this.#extras !== null) this.#extras.add(pair)
        // A resumed run looks for all that is extra at its end.
        else if (!this.#options.deleteExtras) this.unequal++
      }
    } else if (decision.do === 'extra') {
      if (this.#options.deleteExtras) this.#doomed++
      if (this.#extras === null) this.extrasLeft++
      else this.#extras.add(pair)
    } else if (decision.do === 'keep') this.kept++
    else if (decision.do === 'unsupported') {
      this.#skipKind(pair.path, decision.reason)
      pair.failed = true
      if (pair.part !== null) pair.part.incomplete = true
      if (pair.below !== null) pair.below.lost = true
    } else if (decision.do === 'occupied') {
      return { do: 'fail', side: 'target', error: OCCUPIED }
    }
    return decision
  }

  /** A kind of znode that the target does not make: named, and counted against a clean end. */
  #skipKind(path: string, reason: Unsupported): void {
    this.#kinds.refused++
    this.#context.counts.skipped++
    this.#context.emit({ type: 'skipped', path, reason })
    this.#recorder.skipped(path, reason)
  }

  /** False for a mere way to what the filter lets in, and for the target's own `/`. */
  #isOurs(pair: MarchPair): boolean {
    return pair.counted && !(pair.path === '' && leavesRoot(this.#target, this.#options))
  }

  /** The same of a directory, which may be on record from an earlier run. */
  #countsIn({ path }: Directory): boolean {
    if (path === '') return !leavesRoot(this.#target, this.#options)
    return this.#options.filter.judge(path) === 'in'
  }

  #count(pair: MarchPair, decision: Decision): void {
    const { counts } = this.#context
    counts.phaseDone++
    counts.phaseBytes += pair.source?.data?.length ?? 0
    if (decision.do === 'fail') {
      this.#fail(pair, decision.side, decision.error)
      return
    }
    if (!this.#isOurs(pair) || decision.do === 'unsupported') return
    if (
      decision.do === 'keep' ||
      (decision.do === 'nothing' && pair.source !== null && pair.target !== null)
    ) {
      counts.unchanged++
    }
    this.#addDigest(pair)
  }

  #addDigest(pair: MarchPair): void {
    const digest = sideDigest(pair, 'source')
    if (digest === null) return
    this.sum.add(digest)
    if (pair.part === null) this.#recorder.root(digest)
    else {
      pair.part.sourceSum.add(digest)
      pair.part.counted++
    }
  }

  #dropDigest(pair: MarchPair): void {
    const digest = sideDigest(pair, 'source')
    if (digest === null) return
    this.sum.subtract(digest)
    if (pair.part === null) return this.#recorder.root(null)
    pair.part.sourceSum.subtract(digest)
    pair.part.counted--
  }

  /** Counts what was done; pairs whose change was not are put into `stopped`. */
  #outcomes(
    outcomes: ChangeOutcome[],
    owners: readonly (MarchPair | null)[],
    changes: readonly Change[],
    stopped: Set<MarchPair>,
  ): void {
    const { counts } = this.#context
    for (const [at, outcome] of outcomes.entries()) {
      const pair = owners[at] as MarchPair | null
      const change = changes[at] as Change
      if (outcome === 'done') {
        if (change.kind === 'create') counts.created++
        if (change.kind === 'setData') counts.updated++
        if (change.kind !== 'setAcl') counts.bytesWritten += pair?.source?.data?.length ?? 0
        continue
      }
      // A way that could not be made shows in what lies behind it.
      if (pair === null) continue
      stopped.add(pair)
      if (outcome !== 'unsettled' && outcome.code === 'NODEEXISTS') this.#options.made?.bySomebody(pair.path)
      if (outcome === 'unsettled' || isPassing(outcome)) continue
      this.#dropDigest(pair)
      this.#fail(pair, 'target', outcome)
    }
  }

  /** Updates in two steps: the data of those whose ACL is done; ACL-only updates are complete with it. */
  async #second(pairs: MarchPair[], decisions: Decision[], stopped: Set<MarchPair>): Promise<void> {
    const changes: Change[] = []
    const owners: MarchPair[] = []
    for (const [at, pair] of pairs.entries()) {
      const decision = decisions[at] as Decision
      if (decision.do !== 'update' || decision.acl === null || stopped.has(pair)) continue
      if (decision.data === null) this.#context.counts.updated++
      else {
        changes.push(decision.data)
        owners.push(pair)
      }
    }
    if (changes.length > 0) this.#outcomes(await this.#target.write(changes), owners, changes, stopped)
  }

  async #repair(open: MarchPair[]): Promise<void> {
    const paths = open.map((pair) => pair.path)
    this.#context.emit(lookedAgain(paths))
    const repaired = await this.#repairer.repair(paths)
    for (const pair of open) {
      this.#dropDigest(pair)
      const now = repaired.get(pair.path) as Repaired
      const wasThere = pair.target !== null
      pair.source = now.pair.source
      this.#takeIn(pair, now, wasThere)
    }
  }

  /** Counts what a repair did, and takes the znode into the sums as it was read last. */
  #takeIn(pair: MarchPair, repaired: Repaired, wasThere: boolean): void {
    const { counts } = this.#context
    if (repaired.error !== null) {
      const lost = pair.directory?.unreachable === true && repaired.error.gone
      this.#fail(
        pair,
        repaired.side,
        lost ? new ZnodeError('PARENT', 'its parent could not be made') : repaired.error,
      )
      return
    }
    // Found equal: our write had arrived before its reply was lost.
    const { decision } = repaired
    if (decision.do === 'keep') this.kept++
    if (decision.do === 'skip-ephemeral' && decision.stale) this.unequal++
    const written = repaired.result !== 'left' || (decision.do === 'nothing' && pair.source !== null)
    if (written) {
      if (wasThere) counts.updated++
      else counts.created++
      counts.bytesWritten += pair.source?.data?.length ?? 0
    }
    this.#addDigest(pair)
  }

  #fail(pair: MarchPair, side: Side, error: ZnodeError): void {
    pair.failed = true
    if (pair.part !== null) pair.part.incomplete = true
    if (pair.below !== null && pair.target === null) pair.below.lost = true
    this.#report(pair.path, side, error)
  }

  /** A verification need not report these again. */
  readonly failedPaths = new Set<string>()

  #report(path: string, side: Side, error: ZnodeError): void {
    this.#context.counts.failed++
    this.#context.emit({ type: 'failed', path, side, code: error.code, message: error.message })
    if (this.failedPaths.size < MOST_REMEMBERED) this.failedPaths.add(path)
    this.#recorder.failed(path, side, error)
  }
}

function firstChange(decision: Decision): Change | null {
  if (decision.do === 'create') return decision.change
  return decision.do === 'update' ? (decision.acl ?? decision.data) : null
}

function failure(side: Side, code: string, message: string): Decision {
  return { do: 'fail', side, error: new ZnodeError(code, message) }
}
