/** Deletes what was counted, and gets over what went wrong: connections lost, children made and data set meanwhile. */
import { PathSpool, type SpooledPath } from '../journal/index.ts'
import {
  type Change,
  type ChangeOutcome,
  type Former,
  type TreeTarget,
  ZnodeError,
} from '../tree/contracts.ts'
import { SafetyRefusal } from '../tree/errors.ts'
import type { JobContext } from '../tree/events.ts'
import { readFormers } from '../tree/formers.ts'
import { madeAnew, type Read } from '../tree/made-anew.ts'
import { isEphemeral } from '../tree/pairs.ts'
import { plural } from '../tree/plural.ts'
import { czxidOfRoot } from '../tree/same-root.ts'
import { ANY_VERSION, Census, type CensusOptions } from './census.ts'

/** How often a znode that got children meanwhile is tried again. */
const MAX_TRIES = 5

/** `version`: what is kept, or in a copy; −1 where neither is asked for. */
export interface Doomed extends Read {
  version: number
}

export function doomedOf({ path, value, zxid, size }: SpooledPath): Doomed {
  return { path, version: value, mzxid: zxid, size }
}

const CHANGED = new ZnodeError(
  'CHANGED',
  'it changed after it was compared with its copy, so what it is now is in no copy',
)

const CHANGING = new ZnodeError('CHANGING', `it changed at every one of ${MAX_TRIES} tries to delete it`)

function deletion({ path, version }: Doomed): Change {
  return { kind: 'delete', path, version, former: 'kept' }
}

export class Deleter {
  /** Nothing has been sent that deletes. */
  untouched = true
  readonly #location: TreeTarget
  readonly #options: CensusOptions
  readonly #context: JobContext
  /** The root's, when it was counted. */
  readonly #czxid: bigint
  /** Takes a census of what is below a znode; false when the signal stopped it. */
  readonly #count: (census: Census, below: string) => Promise<boolean>
  /** Counted as deleted already, when a parent of theirs had to be swept. */
  readonly #swept = new Set<string>()

  constructor(
    location: TreeTarget,
    options: CensusOptions,
    czxid: bigint,
    count: (census: Census, below: string) => Promise<boolean>,
    context: JobContext,
  ) {
    this.#location = location
    this.#options = options
    this.#czxid = czxid
    this.#count = count
    this.#context = context
  }

  /** Children have to come before their parents. @throws SafetyRefusal when the root is another by now. */
  async delete(doomed: Doomed[]): Promise<void> {
    this.untouched = false
    await this.#refuseAnother()
    const [same] = await this.#asCounted(doomed)
    const outcomes = await this.#location.write(same.map(deletion))
    const done = new Set(same.filter((_, at) => outcomes[at] === 'done'))
    for (const _ of done) this.#deleted()
    const open = doomed.filter((one) => !done.has(one))
    if (open.length > 0) await this.#deleteSlowly(open)
  }

  /** Those that are what was counted, or gone, and those that were made anew since. */
  async #asCounted(doomed: readonly Doomed[]): Promise<[Doomed[], Doomed[]]> {
    const watched = doomed.filter(({ version }) => version !== ANY_VERSION)
    const anew = await madeAnew(this.#location, watched)
    const same = doomed.filter(({ path }) => !anew.has(path))
    const others = doomed.filter(({ path }) => anew.has(path))
    return [same, others]
  }

  /** Gone is gone, whoever removed it; but what somebody has made in its place is not what was counted. */
  async #refuseAnother(): Promise<void> {
    const now = await czxidOfRoot(this.#location)
    if (now === null || now === this.#czxid) return
    const { deleted } = this.#context.counts
    throw new SafetyRefusal(
      `${this.#location.name} was removed and made anew by somebody else while it was being removed; that was noticed after ${plural(deleted, 'znode')}, and nothing more is deleted.`,
    )
  }

  /** One by one, after something in the batch was refused or the connection was lost. */
  async #deleteSlowly(doomed: Doomed[]): Promise<void> {
    let open = doomed
    for (let tries = 1; open.length > 0; tries++) {
      await this.#location.settle()
      await this.#refuseAnother()
      const [same, changed] = await this.#asCounted(open)
      const outcomes = await this.#location.writeEach(same.map(deletion))
      const again: Doomed[] = []
      for (const [at, one] of same.entries()) {
        const outcome = outcomes[at] as ChangeOutcome
        // Gone already is what was wanted, whoever did it.
        if (outcome === 'done' || (outcome !== 'unsettled' && outcome.gone)) {
          if (!this.#swept.delete(one.path)) this.#deleted()
        } else if (tries >= MAX_TRIES) this.#fail(one.path, outcome)
        else if (outcome === 'unsettled' || outcome.code === 'THROTTLEDOP') again.push(one)
        else if (outcome.code === 'BADVERSION') changed.push(one)
        else if (outcome.code === 'NOTEMPTY' && (await this.#newChildren(one.path))) again.push(one)
        else this.#fail(one.path, outcome)
      }
      if (tries >= MAX_TRIES) for (const { path } of changed) this.#fail(path, CHANGING)
      else if (changed.length > 0) again.push(...(await this.#keepAnew(changed)))
      open = again
    }
  }

  /** What was set after it was counted is kept as it is now. In the order of the paths, with what is there now. */
  async #keepAnew(changed: readonly Doomed[]): Promise<Doomed[]> {
    const { undo, copiedUpTo } = this.#options
    if (copiedUpTo !== null) for (const { path } of changed) this.#fail(path, CHANGED)
    if (copiedUpTo !== null || undo === null) return []
    const doomed: Doomed[] = []
    const paths = changed.map(({ path }) => path)
    await readFormers(paths, this.#location.settled, async (read) => {
      const formers: { path: string; former: Former }[] = []
      for (const { path, former } of read) {
        if (former === null) {
          if (!this.#swept.delete(path)) this.#deleted()
        } else if (former instanceof ZnodeError) this.#fail(path, former)
        else {
          const { version, mzxid, dataLength } = former.stat
          doomed.push({ path, version, mzxid, size: dataLength })
          if (!isEphemeral(former.stat)) formers.push({ path, former })
        }
      }
      undo.release(formers.map(({ path }) => path))
      undo.keep(formers)
    })
    await undo.synced()
    return doomed
  }

  /** A child made meanwhile goes too, unless it is an ephemeral that the user did not agree to, or is in no copy. */
  async #newChildren(path: string): Promise<boolean> {
    const spool = new PathSpool()
    try {
      const keeps = this.#options.undo !== null
      const below = new Census(spool, this.#options, this.#context, { below: true, keeps })
      const whole = await this.#count(below, path)
      if (!whole || below.unread > 0 || below.firstNewer !== null) return false
      if (below.ephemerals > 0 && !this.#options.withEphemerals) return false
      await this.#options.undo?.synced()
      const doomed = [...spool.backward()].map(doomedOf)
      await this.#refuseAnother()
      const outcomes = await this.#location.writeEach(doomed.map(deletion))
      for (const [at, each] of doomed.entries()) {
        if (outcomes[at] !== 'done') continue
        this.#deleted()
        this.#swept.add(each.path)
      }
      return true
    } finally {
      spool.close()
    }
  }

  #deleted(): void {
    this.#context.counts.deleted++
    this.#context.counts.phaseDone++
  }

  #fail(path: string, outcome: ChangeOutcome): void {
    const error =
      outcome instanceof ZnodeError
        ? outcome
        : new ZnodeError('UNSETTLED', 'it is not known whether it was deleted')
    this.#context.counts.failed++
    this.#context.emit({ type: 'failed', path, side: 'source', code: error.code, message: error.message })
  }
}
