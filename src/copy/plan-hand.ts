/** The hand of a dry run: it says what a copy would do, and does nothing. */
import { OPEN_ACL } from '../tree/acl.ts'
import type { Side, ZnodeError } from '../tree/contracts.ts'
import type { CounterRules } from '../tree/counter-rules.ts'
import type { Directory } from '../tree/directory.ts'
import type { JobContext } from '../tree/events.ts'
import type { Advance, MarchHand, MarchPair } from '../tree/march.ts'
import { isEphemeral } from '../tree/pairs.ts'
import { nextSequence } from '../tree/znode.ts'
import { type Decision, type DecisionRules, decide, OCCUPIED } from './decide.ts'
import type { Extras } from './extras.ts'
import { bringsCounters, goalOf, sequenceGoal, staysBehind, versionAfter } from './goals.ts'
import type { Kinds, Unsupported } from './kinds.ts'
import { type CopyOptions, EPHEMERAL_FAILS, keeps } from './options.ts'
import type { RefusedAcls } from './refused-acls.ts'
import { loseUnmakable, makeWay, waysTo } from './way.ts'

export class PlanHand implements MarchHand {
  /** Znodes that a copy would leave unequal, or could not read. */
  unequal = 0
  extrasLeft = 0
  readonly #options: CopyOptions
  readonly #rules: CounterRules
  readonly #context: JobContext
  readonly #extras: Extras | null
  readonly #leavesRoot: boolean
  readonly #kinds: Kinds
  readonly #refused: RefusedAcls | null
  readonly #decisions: DecisionRules
  /** Directories with children that are made only if something below them is; and those of them that are settled. */
  readonly #leading = new Set<Directory>()
  readonly #last: Directory[] = []

  constructor(
    options: CopyOptions,
    rules: CounterRules,
    context: JobContext,
    extras: Extras | null,
    leavesRoot: boolean,
    kinds: Kinds,
    refused: RefusedAcls | null,
  ) {
    this.#options = options
    this.#rules = rules
    this.#context = context
    this.#extras = extras
    this.#leavesRoot = leavesRoot
    this.#kinds = kinds
    this.#refused = refused
    this.#decisions = {
      keeps: (pair) => keeps(options, pair),
      aclFor: (pair) => refused?.of(pair) ?? pair.source?.acl ?? OPEN_ACL,
      modes: kinds,
      formerOf: () => 'kept',
    }
  }

  /** What the target makes and takes is asked by a dry run, too: nothing is made by that. */
  prepare(pairs: MarchPair[]): Promise<void> | null {
    const ours = [...waysTo(pairs), ...pairs.filter((pair) => this.#isOurs(pair))]
    const kinds = this.#kinds.prepare(ours)
    const acls = this.#refused?.prepare(ours) ?? null
    return kinds === null || acls === null ? (kinds ?? acls) : Promise.all([kinds, acls]).then(() => {})
  }

  async pairs(pairs: MarchPair[]): Promise<void> {
    for (const pair of pairs) {
      if (pair.counted) this.#plan(pair)
      else if (pair.below?.unmade != null && pair.directory !== null) this.#leading.add(pair.directory)
    }
  }

  unlisted(directory: Directory, side: Side, error: ZnodeError): void {
    this.#fail(directory.path, side, error.code, error.message)
  }

  settled(advances: Advance[]): void {
    for (const { directory, done } of advances) {
      const { path, sequence, children } = directory
      if (!done || sequence === null || staysBehind(directory, sequence, children, this.#rules)) continue
      // What only leads to what is copied may be made yet, and counts then.
      if (this.#leading.delete(directory)) this.#last.push(directory)
      else this.#planSteps(path, sequence - children)
    }
    this.#context.counts.directories += advances.filter((advance) => advance.done).length
    this.#extras?.keepExcluded(advances)
  }

  /** After the whole march. */
  finish(): void {
    for (const { path, sequence, children } of this.#last) this.#planSteps(path, (sequence ?? 0) - children)
  }

  #plan(pair: MarchPair): void {
    const { counts, emit } = this.#context
    const bytes = pair.source?.data?.length ?? 0
    if (pair.source !== null) {
      counts.read++
      counts.bytesRead += bytes
    }
    counts.phaseDone++
    const { path } = pair
    if (!this.#isOurs(pair)) return
    if (pair.source !== null && pair.directory?.unreachable) {
      return this.#failPair(pair, 'target', 'PARENT', 'its parent could not be made')
    }
    const decision = decide(pair, this.#decisions)
    if (decision.do === 'create') {
      const above = loseUnmakable(pair.directory, this.#decisions)
      if (above?.decision.do === 'unsupported') this.#skipKind(above.path, above.decision.reason)
      if (above?.decision.do === 'fail') {
        const { side, error } = above.decision
        this.#fail(above.path, side, error.code, error.message)
      }
      if (pair.directory?.unreachable) {
        return this.#failPair(pair, 'target', 'PARENT', 'its parent could not be made')
      }
    }
    this.#planCounters(pair, decision)
    switch (decision.do) {
      case 'nothing':
      case 'keep':
        if (pair.source !== null) counts.unchanged++
        return
      case 'create':
        for (const { change, parent } of makeWay(pair.directory, this.#decisions)) {
          if (parent !== null) parent.children++
          this.#planCreate(change.path, 0)
        }
        counts.bytesWritten += bytes
        return this.#planCreate(path, bytes)
      case 'update':
        counts.updated++
        if (decision.data === null) return emit({ type: 'plan', path, action: 'set-acl', bytes: 0 })
        counts.bytesWritten += bytes
        return emit({ type: 'plan', path, action: 'update', bytes })
      case 'skip-ephemeral':
        if (this.#options.ephemeral === 'fail')
          return this.#failPair(pair, 'source', 'EPHEMERAL', EPHEMERAL_FAILS)
        counts.skipped++
        emit({ type: 'skipped', path, reason: 'ephemeral' })
        if (!decision.stale) {
          if (this.#options.ephemeral !== 'hold') return
          return emit({ type: 'plan', path, action: 'hold', bytes: pair.source?.stat.dataLength ?? 0 })
        }
        if (this.#extras === null) this.unequal++
        else this.#extras.add(pair)
        return
      case 'unsupported':
        if (pair.below !== null) pair.below.lost = true
        if (pair.part !== null) pair.part.incomplete = true
        return this.#skipKind(path, decision.reason)
      case 'extra':
        if (this.#extras === null) this.extrasLeft++
        else this.#extras.add(pair)
        return
      case 'occupied':
        return this.#failPair(pair, 'target', OCCUPIED.code, OCCUPIED.message)
      case 'fail':
        if (pair.below !== null && pair.target === null) pair.below.lost = true
        return this.#failPair(pair, decision.side, decision.error.code, decision.error.message)
    }
  }

  /** False for the target's own `/`, and for what only leads to what the filter lets in. */
  #isOurs({ path, counted }: MarchPair): boolean {
    return counted && !(path === '' && this.#leavesRoot)
  }

  /** What a directory lacks is known when all its children were seen: each that is made is one step less. */
  #planCounters(pair: MarchPair, decision: Decision): void {
    const { source, target, below, part } = pair
    if (source === null || isEphemeral(source.stat)) return
    // What is made is what advances its parent's counter.
    if (part !== null && decision.do === 'create') part.counted++
    if (keeps(this.#options, pair)) {
      if (below !== null) below.sequence = 0
      return
    }
    const there = target === null ? 0 : nextSequence(target.stat)
    const wanted = bringsCounters(decision) ? sequenceGoal(pair, this.#rules) : 0
    if (below !== null) below.sequence = Math.max(0, wanted - there)
    const goal = goalOf(pair, decision, this.#rules)
    if (goal === null) return
    const sequence = goal.sequence === null ? 0 : goal.sequence - there
    const version = goal.version === null ? 0 : goal.version - versionAfter(decision, target)
    this.#planSteps(pair.path, sequence + version)
  }

  #planCreate(path: string, bytes: number): void {
    this.#context.counts.created++
    this.#context.emit({ type: 'plan', path, action: 'create', bytes })
  }

  #planSteps(path: string, steps: number): void {
    if (steps <= 0) return
    this.#context.counts.steps += steps
    this.#context.emit({ type: 'plan', path, action: 'advance', bytes: 0, steps })
  }

  #skipKind(path: string, reason: Unsupported): void {
    this.#context.counts.skipped++
    this.#kinds.refused++
    this.#context.emit({ type: 'skipped', path, reason })
  }

  /** Its directory will not be complete, so its counters are not brought up either. */
  #failPair(pair: MarchPair, side: Side, code: string, message: string): void {
    if (pair.part !== null) pair.part.incomplete = true
    this.#fail(pair.path, side, code, message)
  }

  #fail(path: string, side: Side, code: string, message: string): void {
    this.#context.counts.failed++
    this.#context.emit({ type: 'failed', path, side, code, message })
  }
}
