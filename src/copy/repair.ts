/**
 * Puts paths right one by one, after something did not go as planned: a batch that was refused, a connection that was
 * lost, a difference that the verification found. Both sides are read again, the target through the writing session,
 * so that a write that is still on its way is not counted twice.
 */
import {
  type Change,
  type ChangeOutcome,
  type Side,
  type TreeSource,
  type TreeTarget,
  ZnodeError,
} from '../tree/contracts.ts'
import type { JobEvent } from '../tree/events.ts'
import { newPair } from '../tree/march.ts'
import { type Pair, readPairs } from '../tree/pairs.ts'
import { byPath, parentPath } from '../tree/path.ts'
import { UNLIMITED, Window } from '../tree/windows.ts'
import { type Decision, decide, OCCUPIED } from './decide.ts'
import type { Formers } from './formers.ts'
import type { Kinds } from './kinds.ts'
import { type CopyOptions, keeps, leavesRoot } from './options.ts'
import type { TemporaryAccess } from './temporary-access.ts'

const BATCH = 256
const WINDOW_BYTES = 8 * 1024 * 1024
/** Rounds without any progress before a path is given up. */
const MAX_IDLE_ROUNDS = 5
/** A lone write of so much under which the connection is lost so often is the reason for it: jute.maxbuffer. */
const MAX_CLOSES = 2
const LARGE_BYTES = 64 * 1024

export interface Repaired {
  /** As it was read last. */
  pair: Pair
  result: 'created' | 'updated' | 'left' | 'failed'
  decision: Decision
  side: Side
  error: ZnodeError | null
}

export class Repairer {
  readonly #source: TreeSource
  readonly #target: TreeTarget
  readonly #options: CopyOptions
  readonly #access: TemporaryAccess
  readonly #kinds: Kinds
  readonly #formers: Formers
  #last: Promise<unknown> = Promise.resolve()

  constructor(
    source: TreeSource,
    target: TreeTarget,
    options: CopyOptions,
    access: TemporaryAccess,
    kinds: Kinds,
    formers: Formers,
  ) {
    this.#source = source
    this.#target = target
    this.#options = options
    this.#access = access
    this.#kinds = kinds
    this.#formers = formers
  }

  /** One call at a time, in the order of asking: parents were asked for before their children. */
  repair(paths: readonly string[]): Promise<Map<string, Repaired>> {
    const done = this.#last.then(() => this.#repair(paths))
    this.#last = done.catch(() => {})
    return done
  }

  async #repair(paths: readonly string[]): Promise<Map<string, Repaired>> {
    const repaired = new Map<string, Repaired>()
    const closes = new Map<string, number>()
    let open = [...paths].sort(byPath)
    for (let idle = 0, round = 0; open.length > 0; round++) {
      await this.#target.settle()
      const again: { path: string; error: ZnodeError }[] = []
      for (let at = 0; at < open.length; at += BATCH) {
        again.push(...(await this.#batch(open.slice(at, at + BATCH), round > 0, repaired, closes)))
      }
      idle = again.length < open.length ? 0 : idle + 1
      if (idle === MAX_IDLE_ROUNDS) {
        for (const { path, error } of again)
          fail(repaired, newPair(path, true, true, null, null, true), 'target', error)
        break
      }
      open = withMissingParents(again, open, repaired)
    }
    return repaired
  }

  /** Returns what has to be tried again. */
  async #batch(
    paths: readonly string[],
    alone: boolean,
    repaired: Map<string, Repaired>,
    closes: Map<string, number>,
  ): Promise<{ path: string; error: ZnodeError }[]> {
    const again: { path: string; error: ZnodeError }[] = []
    const pairs = paths.map((path) => newPair(path, true, true, null, null, true))
    const lanes = { source: this.#source.lane(0n), target: this.#target.settled }
    const options = { acl: this.#options.acl, targetOnlyData: false }
    await readPairs(
      pairs,
      lanes,
      options,
      new Window({ ...UNLIMITED, bytes: WINDOW_BYTES }),
      async (read) => {
        for (const group of alone ? read.map((pair) => [pair]) : [read]) {
          again.push(...(await this.#write(group, repaired, closes)))
        }
      },
    )
    return again
  }

  async #write(
    pairs: readonly Pair[],
    repaired: Map<string, Repaired>,
    closes: Map<string, number>,
  ): Promise<{ path: string; error: ZnodeError }[]> {
    await this.#access.prepare(pairs)
    await this.#kinds.prepare(pairs)
    await this.#formers.prepare(pairs)
    const rules = {
      keeps: (pair: Pair) => keeps(this.#options, pair),
      aclFor: (pair: Pair) => this.#access.aclFor(pair),
      modes: this.#kinds,
      formerOf: (pair: Pair) => this.#formers.of(pair),
    }
    const decisions = pairs.map((pair) => (this.#onlyLeads(pair) ? NOTHING : decide(pair, rules)))
    const failures = await this.#apply(decisions)
    const again: { path: string; error: ZnodeError }[] = []
    for (const [at, pair] of pairs.entries()) {
      const decision = decisions[at] as Decision
      const failure = failures[at] ?? null
      if (decision.do === 'fail') fail(repaired, pair, decision.side, decision.error, decision)
      else if (decision.do === 'unsupported') fail(repaired, pair, 'target', NOT_MADE, decision)
      else if (decision.do === 'occupied') fail(repaired, pair, 'target', OCCUPIED, decision)
      else if (failure === null)
        repaired.set(pair.path, { pair, result: resultOf(decision), decision, side: 'target', error: null })
      else if (isFinal(failure, pairs.length === 1, pair, closes))
        fail(repaired, pair, 'target', tooLarge(failure, pair, closes), decision)
      else again.push({ path: pair.path, error: asError(failure) })
    }
    return again
  }

  /**
   * What is there already, and is not ours: it only leads to what is copied, or is the target's own `/`. It may be
   * asked for because something below it was gone.
   */
  #onlyLeads({ path, target }: Pair): boolean {
    if (target === null) return false
    if (path === '' && leavesRoot(this.#target, this.#options)) return true
    return this.#source.holds?.(path) === 'on-the-way' || this.#options.filter.judge(path) !== 'in'
  }

  /** Applies ACLs first, then the rest, and returns what was not done, by index. */
  async #apply(decisions: readonly Decision[]): Promise<(Exclude<ChangeOutcome, 'done'> | null)[]> {
    const failures: (Exclude<ChangeOutcome, 'done'> | null)[] = decisions.map(() => null)
    const step = async (changeOf: (decision: Decision) => Change | null) => {
      const wanted: { at: number; change: Change }[] = []
      for (const [at, decision] of decisions.entries()) {
        const change = failures[at] === null ? changeOf(decision) : null
        if (change !== null) wanted.push({ at, change })
      }
      if (wanted.length === 0) return
      const outcomes = await this.#target.writeEach(wanted.map((one) => one.change))
      for (const [index, { at }] of wanted.entries()) {
        const outcome = outcomes[index] as ChangeOutcome
        if (outcome !== 'done') failures[at] = outcome
        // After the last look it was not there.
        if (outcome !== 'done' && outcome !== 'unsettled' && outcome.code === 'NODEEXISTS')
          this.#options.made?.bySomebody((wanted[index] as { change: Change }).change.path)
      }
    }
    await step((decision) => (decision.do === 'update' ? decision.acl : null))
    await step((decision) =>
      decision.do === 'update' ? decision.data : decision.do === 'create' ? decision.change : null,
    )
    return failures
  }
}

const NOTHING: Decision = { do: 'nothing' }
const NOT_MADE = new ZnodeError('UNSUPPORTED', 'the target does not make this kind of znode')

/** What the summary has of a repair: the directories of these znodes. */
export function lookedAgain(paths: readonly string[]): JobEvent {
  const directories = new Set(paths.map((path) => parentPath(path) ?? ''))
  return { type: 'survived', side: 'target', what: 'remarched', amount: directories.size }
}

/** The target moved under our feet, or nobody knows: look again. */
export function isPassing(outcome: Exclude<ChangeOutcome, 'done'>): boolean {
  return outcome === 'unsettled' || PASSING.has(outcome.code)
}

const PASSING = new Set([
  'NODEEXISTS',
  'NONODE',
  'BADVERSION',
  'SESSIONMOVED',
  'THROTTLEDOP',
  'OPERATIONTIMEOUT',
  'REQUESTTIMEOUT',
])

function isFinal(
  outcome: Exclude<ChangeOutcome, 'done'>,
  alone: boolean,
  pair: Pair,
  closes: Map<string, number>,
): boolean {
  if (!isPassing(outcome)) return true
  if (outcome !== 'unsettled' || !alone) return false
  const count = (closes.get(pair.path) ?? 0) + 1
  closes.set(pair.path, count)
  return count >= MAX_CLOSES && (pair.source?.data?.length ?? 0) >= LARGE_BYTES
}

function tooLarge(
  outcome: Exclude<ChangeOutcome, 'done'>,
  pair: Pair,
  closes: Map<string, number>,
): ZnodeError {
  if (outcome !== 'unsettled') return outcome
  const bytes = pair.source?.data?.length ?? 0
  return new ZnodeError(
    'CONNECTIONLOSS',
    `the target closed the connection ${closes.get(pair.path)} times on this write of ${bytes} bytes; if that is more than its jute.maxbuffer (1048575 bytes unless set), raise that on the target's servers`,
  )
}

function asError(outcome: Exclude<ChangeOutcome, 'done'>): ZnodeError {
  if (outcome !== 'unsettled') return outcome
  return new ZnodeError('UNSETTLED', 'it is not known whether this write took place')
}

function resultOf(decision: Decision): Repaired['result'] {
  if (decision.do === 'create') return 'created'
  return decision.do === 'update' ? 'updated' : 'left'
}

function fail(
  repaired: Map<string, Repaired>,
  pair: Pair,
  side: Side,
  error: ZnodeError,
  decision: Decision = { do: 'nothing' },
): void {
  repaired.set(pair.path, { pair, result: 'failed', decision, side, error })
}

/** A parent that went away on the target is made again, unless it has failed for good. */
function withMissingParents(
  again: readonly { path: string; error: ZnodeError }[],
  tried: readonly string[],
  repaired: Map<string, Repaired>,
): string[] {
  const open = new Set(again.map((one) => one.path))
  for (const { path, error } of again) {
    if (!error.gone) continue
    for (let parent = parentPath(path); parent !== null; parent = parentPath(parent)) {
      if (repaired.get(parent)?.result === 'failed') break
      if (!tried.includes(parent)) open.add(parent)
    }
  }
  return [...open].sort(byPath)
}
