/**
 * `--ephemeral hold`: once a copy is done, the source's ephemerals are kept alive on the target by a session of the
 * tool's, until the user stops it: a bridge for clients that find each other through `/jodis`, say.
 *
 * Nothing is remembered that cannot be seen: each round looks at what stands on the target, and brings it to what the
 * source has now. So a lost reply, an expired session and a stranger's delete are all the same to it.
 */
import { sameAcl } from '../tree/acl.ts'
import {
  type ChangeOutcome,
  type EphemeralHolder,
  type HoldChange,
  type Occupant,
  type Side,
  type TreeSource,
  type TreeTarget,
  ZnodeError,
} from '../tree/contracts.ts'
import { LocationProblem } from '../tree/errors.ts'
import type { JobContext, JobEvent, JobResult } from '../tree/events.ts'
import type { MarchOptions } from '../tree/march.ts'
import { plural } from '../tree/plural.ts'
import { pause } from '../tree/windows.ts'
import { type Original, Originals } from './originals.ts'

const ROUND_MS = 1_000
/** With very many ephemerals a round takes longer: looking at them is a small part of the time all the same. */
const ROUND_SHARE = 1 / 4

/** A version that nothing has: what was sent last may or may not have arrived. */
const UNSURE = -2
const ANY = -1

interface Held extends Pick<Original, 'data' | 'acl'> {
  version: number
  /** Seen or acknowledged; until then it may not be there. */
  sure: boolean
}

interface Problem {
  side: Side
  error: ZnodeError
}

/**
 * Holds until the signal. `result` is the copy's own, which is on record already.
 * @throws LocationProblem when a side cannot be reached any more; nothing is held then
 */
export async function hold(
  source: TreeSource,
  target: TreeTarget,
  options: MarchOptions,
  result: JobResult,
  context: JobContext,
): Promise<JobResult> {
  const holder = target.holder()
  const holding = new Holding(new Originals(source, options), holder, context)
  let problem: LocationProblem | null = null
  try {
    const rounds = holding.run()
    // After the signal nobody waits for a round that is under way.
    rounds.catch(() => {})
    await Promise.race([rounds, stopped(context.signal)])
  } catch (error) {
    if (!(error instanceof LocationProblem)) throw error
    problem = error
  } finally {
    holding.released = await holder.close()
  }
  const ending = holding.ending()
  if (problem !== null && !context.signal.aborted) {
    const message = `${problem.message.replace(/\.$/, '')}; the copy itself was done, and ${ending}.`
    throw new LocationProblem(problem.side, message, { cause: problem })
  }
  return {
    ...result,
    status: 'interrupted',
    message: `Interrupted while holding ephemerals: the copy itself was done, and ${ending}.`,
  }
}

class Holding {
  /** The ensemble has confirmed that the session is over. */
  released = false
  readonly #originals: Originals
  readonly #holder: EphemeralHolder
  readonly #context: JobContext
  readonly #failedBefore: number
  readonly #held = new Map<string, Held>()
  /** Paths that the tool may not look at: whether something is there shows only when it is made. */
  readonly #hidden = new Set<string>()
  #problems = new Map<string, Problem>()
  readonly #totals = { made: 0, updated: 0, dropped: 0, renewed: 0 }
  #looked = false
  #told = ''

  constructor(originals: Originals, holder: EphemeralHolder, context: JobContext) {
    this.#originals = originals
    this.#holder = holder
    this.#context = context
    this.#failedBefore = context.counts.failed
  }

  async run(): Promise<void> {
    const { counts, emit, signal } = this.#context
    emit({ type: 'phase', phase: 'hold' })
    Object.assign(counts, { phaseDone: 0, phaseBytes: 0, phaseTotal: null })
    let looking: Promise<void> | null = null
    while (!signal.aborted) {
      const round = pause(ROUND_MS, signal)
      // A source that does not answer must not keep the session from holding what it holds.
      looking ??= this.#look().then(() => {
        looking = null
      })
      looking.catch(() => {})
      await Promise.race([looking, round])
      const begun = performance.now()
      if (this.#looked && !signal.aborted) await this.#bring()
      const spent = performance.now() - begun
      await round
      await pause(spent / ROUND_SHARE - ROUND_MS, signal)
    }
  }

  ending(): string {
    const held = this.#heldNow
    if (held === 0 && this.released) return 'no ephemeral was held at the end'
    const what = held === 1 ? 'the ephemeral that was held was' : `the ${held} ephemerals that were held were`
    return this.released
      ? `${what} released from the target`
      : 'the target has not confirmed the end of the session that held them, so they go when it times out'
  }

  get #heldNow(): number {
    let sure = 0
    for (const held of this.#held.values()) if (held.sure) sure++
    return sure
  }

  async #look(): Promise<void> {
    await this.#originals.look()
    this.#looked = true
    // Shows that a wait is over.
    this.#context.counts.phaseDone += Math.max(1, this.#originals.wanted.size)
  }

  /** One round: what stands on the target becomes what the source has. */
  async #bring(): Promise<void> {
    const problems = new Map<string, Problem>()
    for (const [path, error] of this.#originals.unreadable) problems.set(path, { side: 'source', error })
    const paths = [...new Set([...this.#originals.wanted.keys(), ...this.#held.keys()])]
    if (paths.length > 0) {
      const occupants = await this.#holder.look(paths)
      this.#hidden.clear()
      this.#seeExpiry()
      const changes: HoldChange[] = []
      for (const [at, path] of paths.entries()) {
        const change = this.#changeFor(path, occupants[at] as Occupant, problems)
        if (change !== null) changes.push(change)
      }
      await this.#apply(changes, problems)
    }
    this.#report(problems)
  }

  #seeExpiry(): void {
    const expired = this.#holder.expired - this.#totals.renewed
    if (expired === 0) return
    this.#totals.renewed += expired
    const lost = this.#heldNow
    this.#held.clear()
    this.#context.emit({
      type: 'note',
      message: `the session on the target had expired, and ${plural(lost, 'ephemeral')} with it: a new one makes them again`,
    })
  }

  #changeFor(path: string, occupant: Occupant, problems: Map<string, Problem>): HoldChange | null {
    const original = this.#originals.wanted.get(path)
    const held = this.#held.get(path)
    // From 3.8.4 on a znode that its own maker may not read does not even show its Stat.
    const hidden = occupant instanceof ZnodeError && held?.sure === true
    const ours = hidden || (!(occupant instanceof ZnodeError) && occupant.is === 'ours')
    if (!ours) return this.#place(path, occupant, original, problems)
    const version = hidden ? known(held.version) : (occupant as { version: number }).version
    if (held !== undefined && !held.sure) {
      held.sure = true
      this.#totals.made++
    }
    if (original === undefined) return { kind: 'drop', path, version }
    const { data, acl } = original
    if (held === undefined || !sameAcl(held.acl, acl)) return { kind: 'replace', path, data, acl, version }
    if (held.version === version && sameBytes(held.data, data)) return null
    return { kind: 'set', path, data, version }
  }

  /** Where nothing of ours stands. */
  #place(
    path: string,
    occupant: Occupant,
    original: Original | undefined,
    problems: Map<string, Problem>,
  ): HoldChange | null {
    this.#held.delete(path)
    if (original === undefined) return null
    if (!(occupant instanceof ZnodeError) && occupant.is !== 'free') {
      const whose = occupant.is === 'persistent' ? 'a persistent znode' : 'another session’s ephemeral'
      const code = occupant.is === 'persistent' ? 'PERSISTENT' : 'EPHEMERAL'
      const error = new ZnodeError(code, `${whose} is in its place on the target, and is left there`)
      problems.set(path, { side: 'target', error })
      return null
    }
    if (occupant instanceof ZnodeError) this.#hidden.add(path)
    return { kind: 'make', path, data: original.data, acl: original.acl }
  }

  async #apply(changes: readonly HoldChange[], problems: Map<string, Problem>): Promise<void> {
    if (changes.length === 0) return
    for (const change of changes) {
      if (change.kind !== 'make') continue
      const { data, acl } = change
      this.#held.set(change.path, { data, acl, version: 0, sure: false })
    }
    const outcomes = await this.#holder.apply(changes)
    const again: HoldChange[] = []
    for (const [at, change] of changes.entries()) {
      const outcome = outcomes[at] as ChangeOutcome
      if (outcome === 'done') this.#done(change)
      else if (outcome === 'unsettled') this.#unsure(change)
      else if (change.kind === 'set' && outcome.code === 'NOAUTH') {
        // Its own ACL does not let the tool write: making it anew needs only what making it needed.
        const acl = this.#held.get(change.path)?.acl
        if (acl !== undefined) again.push({ ...change, kind: 'replace', acl })
      } else this.#refused(change, outcome, problems)
    }
    await this.#apply(again, problems)
  }

  #done(change: HoldChange): void {
    const { path } = change
    if (change.kind === 'drop') {
      this.#held.delete(path)
      this.#totals.dropped++
      return
    }
    const held = this.#held.get(path)
    const acl = change.kind === 'set' ? held?.acl : change.acl
    if (acl === undefined) return
    const version = change.kind === 'set' && change.version !== ANY ? change.version + 1 : 0
    this.#held.set(path, { data: change.data, acl, version, sure: true })
    if (change.kind === 'make') this.#totals.made++
    else this.#totals.updated++
  }

  #unsure(change: HoldChange): void {
    const held = this.#held.get(change.path)
    if (held !== undefined && change.kind !== 'make' && change.kind !== 'drop') held.version = UNSURE
  }

  #refused(change: HoldChange, error: ZnodeError, problems: Map<string, Problem>): void {
    const { path, kind } = change
    if (kind === 'make') this.#held.delete(path)
    if (error.code === 'NODEEXISTS' && this.#hidden.has(path))
      problems.set(path, { side: 'target', error: HIDDEN })
    // Someone was faster: the next round sees what stands there.
    if (error.code === 'NODEEXISTS' || error.code === 'BADVERSION') return
    if (error.gone) {
      if (kind === 'make') problems.set(path, { side: 'target', error: NO_PARENT })
      return
    }
    const told =
      kind === 'drop'
        ? new ZnodeError(error.code, `it is gone on the source and cannot be dropped: ${error.message}`)
        : error
    problems.set(path, { side: 'target', error: told })
  }

  /** Names what cannot be held when that begins, and again when it can; the rest is counts. */
  #report(problems: Map<string, Problem>): void {
    const { counts, emit } = this.#context
    for (const [path, { side, error }] of problems) {
      if (this.#problems.get(path)?.error.code === error.code) continue
      emit({ type: 'failed', path, side, code: error.code, message: error.message })
    }
    for (const path of this.#problems.keys()) {
      if (!problems.has(path) && this.#held.get(path)?.sure)
        emit({ type: 'note', message: `${path} is held now` })
    }
    this.#problems = problems
    counts.failed = this.#failedBefore + problems.size
    const event: JobEvent = {
      type: 'holding',
      held: this.#heldNow,
      failed: problems.size,
      ...this.#totals,
    }
    const told = JSON.stringify(event)
    if (told === this.#told) return
    this.#told = told
    emit(event)
  }
}

const NO_PARENT = new ZnodeError(
  'NONODE',
  'its directory is not on the target; stop this and copy again, with --overwrite-newer, to have it there',
)

const HIDDEN = new ZnodeError(
  'NODEEXISTS',
  'a znode that the tool may not look at is in its place on the target, and is left there',
)

function known(version: number): number {
  return version === UNSURE ? ANY : version
}

function sameBytes(a: Buffer | null, b: Buffer | null): boolean {
  return a === null || b === null ? a === b : a.equals(b)
}

function stopped(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve()
    signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
