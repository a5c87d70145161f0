/**
 * Brings counters of the target up to the source's: the number of the next sequential child, and data versions that
 * are counters. Steps go in multis; what a counter still lacks is always read through the writing session, because a
 * counter that overshoots cannot be lowered.
 */
import {
  type Change,
  type ChangeOutcome,
  type StatReply,
  type TreeTarget,
  ZnodeError,
} from '../tree/contracts.ts'
import type { JobContext } from '../tree/events.ts'
import { type Data, nextSequence } from '../tree/znode.ts'

/** Steps in one change: its create and delete pairs must fit into one multi, so fewer where the path is long. */
const STEPS_A_CHANGE = 500
const CHANGE_BYTES = 400_000
/** Of a step, besides the path: two headers, an ACL, a name, and the path of the root. */
const STEP_BYTES = 300
/** Steps of one znode under way before its counter is read again. */
const STEPS_A_ROUND = 100_000
const MAX_IDLE_ROUNDS = 5

export interface CounterGoal {
  path: string
  /** The number that the next sequential child shall get; `null` to leave it. */
  sequence: number | null
  /** The data version, and the data that are set again to raise it; `null` to leave it. */
  version: number | null
  data: Data
}

/** The same without the steps that are taken later; where nobody knows how many those are, its sequence stays. */
export function lessened(goal: CounterGoal, later: number | null): CounterGoal {
  if (goal.sequence === null) return goal
  return { ...goal, sequence: later === null ? null : goal.sequence - later }
}

export class Counters {
  readonly #target: TreeTarget
  readonly #context: JobContext
  readonly #maxSteps: number

  /** `maxSteps`: for the whole run. */
  constructor(target: TreeTarget, maxSteps: number, context: JobContext) {
    this.#target = target
    this.#maxSteps = maxSteps
    this.#context = context
  }

  /** Returns why, for each znode whose counters could not be brought up. */
  async bring(goals: readonly CounterGoal[]): Promise<Map<string, ZnodeError>> {
    const failed = new Map<string, ZnodeError>()
    let open = [...goals]
    let idle = 0
    for (let before = Number.POSITIVE_INFINITY; open.length > 0; ) {
      const stats = await this.#target.settled.stat(open.map((goal) => goal.path))
      const changes: Change[] = []
      const next: CounterGoal[] = []
      let lacking = 0
      for (const [at, goal] of open.entries()) {
        const reply = stats[at] as StatReply | ZnodeError
        if (reply instanceof ZnodeError) {
          failed.set(goal.path, reply)
          continue
        }
        const steps = stepsOf(goal, reply)
        if (steps.sequence + steps.version === 0) continue
        lacking += steps.sequence + steps.version
        const refusal = this.#overLimit(goal, steps.sequence + steps.version)
        if (refusal !== null) failed.set(goal.path, refusal)
        else {
          changes.push(...changesFor(goal, steps, reply))
          next.push(goal)
        }
      }
      idle = lacking < before ? 0 : idle + 1
      before = lacking
      open = idle < MAX_IDLE_ROUNDS ? next : giveUp(next, failed)
      if (open.length > 0) open = await this.#write(open, changes, failed)
    }
    return failed
  }

  async #write(
    goals: CounterGoal[],
    changes: Change[],
    failed: Map<string, ZnodeError>,
  ): Promise<CounterGoal[]> {
    const outcomes = await this.#target.write(changes)
    let unsettled = false
    for (const [at, change] of changes.entries()) {
      const outcome = outcomes[at] as ChangeOutcome
      if (outcome === 'done') this.#context.counts.steps += stepsIn(change)
      else if (outcome === 'unsettled' || PASSING.has(outcome.code)) unsettled = true
      else failed.set(change.path, outcome)
    }
    if (unsettled) await this.#target.settle()
    return goals.filter((goal) => !failed.has(goal.path))
  }

  #overLimit(goal: CounterGoal, steps: number): ZnodeError | null {
    if (this.#context.counts.steps + steps <= this.#maxSteps) return null
    return new ZnodeError(
      'SEQUENCE',
      `its counters lack ${steps} steps on the target, and the run may take ${this.#maxSteps} in all; --max-steps raises that (${goal.sequence === null ? 'data version' : 'sequence counter'})`,
    )
  }
}

const PASSING = new Set([
  'NODEEXISTS',
  'BADVERSION',
  'SESSIONMOVED',
  'THROTTLEDOP',
  'OPERATIONTIMEOUT',
  'REQUESTTIMEOUT',
])

interface Steps {
  sequence: number
  version: number
}

function stepsOf(goal: CounterGoal, { stat }: StatReply): Steps {
  return {
    sequence: goal.sequence === null ? 0 : Math.max(0, goal.sequence - nextSequence(stat)),
    version: goal.version === null ? 0 : Math.max(0, goal.version - stat.version),
  }
}

function changesFor(goal: CounterGoal, steps: Steps, { stat }: StatReply): Change[] {
  const { path, data } = goal
  const changes: Change[] = []
  const sequence = Math.min(steps.sequence, STEPS_A_ROUND)
  const fitting = Math.floor(CHANGE_BYTES / 2 / (Buffer.byteLength(path) + STEP_BYTES))
  const most = Math.max(1, Math.min(STEPS_A_CHANGE, fitting))
  for (let done = 0; done < sequence; done += most) {
    changes.push({ kind: 'advance', path, steps: Math.min(most, sequence - done) })
  }
  const perChange =
    data === null || data.length === 0 ? STEPS_A_CHANGE : Math.max(1, Math.floor(256_000 / data.length))
  const version = Math.min(steps.version, STEPS_A_ROUND)
  for (let done = 0; done < version; ) {
    const times = Math.min(perChange, STEPS_A_CHANGE, version - done)
    changes.push({ kind: 'touch', path, data, version: stat.version + done, times })
    done += times
  }
  return changes
}

function stepsIn(change: Change): number {
  if (change.kind === 'advance') return change.steps
  return change.kind === 'touch' ? change.times : 0
}

function giveUp(goals: readonly CounterGoal[], failed: Map<string, ZnodeError>): CounterGoal[] {
  for (const { path } of goals) {
    failed.set(
      path,
      new ZnodeError('SEQUENCE', `its counters could not be brought up in ${MAX_IDLE_ROUNDS} tries`),
    )
  }
  return []
}
