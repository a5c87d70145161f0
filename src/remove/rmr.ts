/**
 * The job `rmr`: counts a subtree, asks, and removes it children first.
 *
 * The count keeps the paths on disk, parents before children; read backwards that is an order in which they can be
 * deleted. Everything that is deleted was seen by the count, or stands below something that was.
 */
import { PathSpool } from '../journal/index.ts'
import {
  type Change,
  type ChangeOutcome,
  type Former,
  type Side,
  type TreeTarget,
  type UndoRecord,
  ZnodeError,
} from '../tree/contracts.ts'
import { Directory } from '../tree/directory.ts'
import { SafetyRefusal, UsageProblem } from '../tree/errors.ts'
import type { JobContext, JobResult, Status } from '../tree/events.ts'
import { Filter } from '../tree/filter.ts'
import { readFormers } from '../tree/formers.ts'
import { type Advance, type MarchHand, type MarchPair, march } from '../tree/march.ts'
import { isEphemeral } from '../tree/pairs.ts'
import { plural } from '../tree/plural.ts'
import { czxidOfRoot } from '../tree/same-root.ts'
import { Pace } from '../tree/windows.ts'
import type { Stat } from '../tree/znode.ts'

const BATCH = 500
const BATCHES_IN_FLIGHT = 6
/** How often a znode that got children meanwhile is tried again. */
const MAX_TRIES = 5
const ANY_VERSION = -1
const NOT_KEPT = 'Ephemerals are not in the undo file: they belong to their sessions.'

export interface RmrOptions {
  dryRun: boolean
  /** Refuse when there are more znodes than this; `null` is no limit. */
  maxDelete: number | null
  /** Remove what is below the root, not the root itself. */
  keepRoot: boolean
  withEphemerals: boolean
  /** Refuse when anything persistent is newer than this zxid: it is in no copy. `null`: do not look. */
  copiedUpTo: bigint | null
  concurrency: number
  rate: number | null
  confirm: (counted: { znodes: number; bytes: number; ephemerals: number }) => Promise<boolean>
  /** Somebody is asked, and may take a while to answer: only then is read what has to be kept. */
  asks: boolean
  /** Gets everything persistent before it is deleted; `null` to keep nothing. */
  undo: UndoRecord | null
}

export async function rmr(
  location: TreeTarget,
  options: RmrOptions,
  context: JobContext,
): Promise<JobResult> {
  return new Removal(location, options, context).run()
}

class Removal {
  readonly #location: TreeTarget
  readonly #options: RmrOptions
  readonly #context: JobContext
  readonly #pace: Pace
  /** Counted as deleted already, when a parent of theirs had to be swept. */
  readonly #swept = new Set<string>()
  #ephemerals = 0
  /** Nothing has been sent that deletes. */
  #untouched = true
  #czxid = 0n

  constructor(location: TreeTarget, options: RmrOptions, context: JobContext) {
    this.#location = location
    this.#options = options
    this.#context = context
    this.#pace = new Pace(options.rate)
  }

  async run(): Promise<JobResult> {
    const { rootPath, name } = this.#location
    if (rootPath === '/' || rootPath === '/zookeeper' || rootPath.startsWith('/zookeeper/')) {
      throw new UsageProblem(
        `${rootPath} belongs to the ensemble itself and is never removed; name the subtree of one application.`,
      )
    }
    const before = await this.#location.identity()
    if (before === null) throw new UsageProblem(`The root ${name} does not exist.`)
    this.#czxid = before.czxid
    if (!this.#options.dryRun) {
      const unsure = await this.#location.occupy?.({ command: 'rmr', run: null })
      if (unsure) this.#context.emit({ type: 'note', message: unsure })
    }
    const { asks, dryRun, undo } = this.#options
    const keepsAtOnce = undo !== null && !dryRun && !asks
    let spool = new PathSpool()
    try {
      const early = await this.#census(spool, keepsAtOnce)
      if (early !== null) return early
      const now = await this.#location.identity()
      if (now === null || now.czxid !== before.czxid) {
        throw new SafetyRefusal(`${name} was removed or made anew while it was counted; nothing was deleted.`)
      }
      if (undo !== null && asks) {
        spool.close()
        spool = new PathSpool()
        const changed = await this.#recount(spool)
        if (changed !== null) return changed
      }
      return await this.#delete(spool)
    } finally {
      spool.close()
      if (this.#untouched) undo?.forget()
    }
  }

  /** Counts, and asks. What ends the job before anything is deleted, or `null`. */
  async #census(spool: PathSpool, keeps: boolean): Promise<JobResult | null> {
    const census = await this.#count(spool, keeps)
    const unusable = this.#unusable(census)
    if (unusable !== null) return unusable
    if (this.#options.dryRun) return this.#result('done', '')
    const { znodes, bytes, ephemerals } = census as Census
    if (await this.#options.confirm({ znodes, bytes, ephemerals })) return null
    throw new SafetyRefusal(`The removal of ${this.#location.name} was not confirmed; nothing was deleted.`)
  }

  /** After the answer: what is there now is what is kept. */
  async #recount(spool: PathSpool): Promise<JobResult | null> {
    const { counts } = this.#context
    Object.assign(counts, { read: 0, directories: 0, phaseDone: 0 })
    return this.#unusable(await this.#count(spool, true))
  }

  /** Why nothing can be deleted after this count. @throws SafetyRefusal */
  #unusable(census: Census | null): JobResult | null {
    if (census === null)
      return this.#result('interrupted', 'Interrupted while counting; nothing was deleted.')
    if (census.unread > 0) {
      const advice = census.keeps ? ' (--no-undo reads no data)' : ''
      const message = `${plural(census.unread, 'znode')} could not be read, so it is not known what would be deleted; nothing was deleted${advice}.`
      return this.#result('incomplete', message)
    }
    this.#ephemerals = census.ephemerals
    const refusal = this.#refusal(census)
    if (refusal !== null) throw refusal
    return null
  }

  async #count(spool: PathSpool, keeps: boolean): Promise<Census | null> {
    this.#context.emit({ type: 'phase', phase: 'count' })
    const census = new Census(spool, this.#options, this.#context, { keeps })
    await this.#location.position()
    const whole = await march(this.#location, this.#location, census, this.#marchOptions(keeps), {
      from: 'root',
      target: false,
    })
    return whole ? census : null
  }

  #marchOptions(data: boolean) {
    return {
      acl: true,
      data,
      targetOnlyData: false,
      filter: new Filter(),
      concurrency: this.#options.concurrency,
      pace: this.#pace,
      bytePace: new Pace(null),
      descendTargetOnly: false,
      signal: this.#context.signal,
    }
  }

  #refusal(census: Census): SafetyRefusal | null {
    const { name } = this.#location
    if (census.ephemerals > 0 && !this.#options.withEphemerals) {
      return new SafetyRefusal(
        `${name} holds ${plural(census.ephemerals, 'ephemeral znode')}, such as ${census.firstEphemeral || '(the root)'}: somebody lives there; --with-ephemerals removes it all the same.`,
      )
    }
    if (census.firstNewer !== null) {
      return new SafetyRefusal(
        `${name} changed after it was compared with its copy, such as ${census.firstNewer || 'the root'}; nothing was deleted.`,
      )
    }
    const { maxDelete } = this.#options
    if (maxDelete !== null && census.znodes > maxDelete) {
      return new SafetyRefusal(
        `${name} has ${plural(census.znodes, 'znode')} to delete, more than --max-delete ${maxDelete} allows; nothing was deleted.`,
      )
    }
    return null
  }

  async #delete(spool: PathSpool): Promise<JobResult> {
    const { emit, counts, signal } = this.#context
    await this.#options.undo?.synced()
    if (this.#options.undo !== null && this.#ephemerals > 0) emit({ type: 'note', message: NOT_KEPT })
    emit({ type: 'phase', phase: 'delete' })
    counts.phaseDone = 0
    counts.phaseTotal = spool.size
    const flying = new Set<Promise<void>>()
    let batch: Doomed[] = []
    let failure: unknown = null
    const send = (doomed: Doomed[]) => {
      this.#untouched = false
      const sent: Promise<void> = this.#deleteBatch(doomed)
        .catch((error: unknown) => {
          failure ??= error
        })
        .finally(() => flying.delete(sent))
      flying.add(sent)
    }
    for (const { path, value } of spool.backward()) {
      batch.push({ path, version: value })
      if (batch.length < BATCH) continue
      if (signal.aborted || failure !== null) break
      await this.#pace.take(batch.length, signal)
      send(batch)
      batch = []
      if (flying.size >= BATCHES_IN_FLIGHT) await Promise.race(flying)
    }
    if (batch.length > 0 && !signal.aborted && failure === null) send(batch)
    await Promise.all(flying)
    if (failure !== null) throw failure
    if (signal.aborted) return this.#result('interrupted', 'Interrupted; the same command removes the rest.')
    if (counts.failed > 0)
      return this.#result('incomplete', `${plural(counts.failed, 'znode')} could not be deleted.`)
    return this.#result('done', '')
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

  async #deleteBatch(doomed: Doomed[]): Promise<void> {
    await this.#refuseAnother()
    const outcomes = await this.#location.write(doomed.map(deletion))
    const open: Doomed[] = []
    for (const [at, one] of doomed.entries()) {
      if (outcomes[at] === 'done') this.#deleted()
      else open.push(one)
    }
    if (open.length > 0) await this.#deleteSlowly(open)
  }

  /** One by one, after something in the batch was refused or the connection was lost. */
  async #deleteSlowly(doomed: Doomed[]): Promise<void> {
    let open = doomed
    for (let tries = 1; open.length > 0; tries++) {
      await this.#location.settle()
      await this.#refuseAnother()
      const outcomes = await this.#location.writeEach(open.map(deletion))
      const again: Doomed[] = []
      const changed: Doomed[] = []
      for (const [at, one] of open.entries()) {
        const outcome = outcomes[at] as ChangeOutcome
        // Gone already is what was wanted, whoever did it.
        if (outcome === 'done' || (outcome !== 'unsettled' && outcome.gone)) {
          if (!this.#swept.delete(one.path)) this.#deleted()
        } else if (tries === MAX_TRIES) this.#fail(one.path, outcome)
        else if (outcome === 'unsettled' || outcome.code === 'THROTTLEDOP') again.push(one)
        else if (outcome.code === 'BADVERSION') changed.push(one)
        else if (outcome.code === 'NOTEMPTY' && (await this.#newChildren(one.path))) again.push(one)
        else this.#fail(one.path, outcome)
      }
      if (changed.length > 0) again.push(...(await this.#keepAnew(changed)))
      open = again
    }
  }

  /** What was set after it was counted is kept as it is now. In the order of the paths, with what is there now. */
  async #keepAnew(changed: readonly Doomed[]): Promise<Doomed[]> {
    const { undo } = this.#options
    if (undo === null) return []
    const doomed: Doomed[] = []
    const paths = changed.map(({ path }) => path)
    await readFormers(paths, this.#location.settled, async (read) => {
      const formers: { path: string; former: Former }[] = []
      for (const { path, former } of read) {
        if (former === null) {
          if (!this.#swept.delete(path)) this.#deleted()
        } else if (former instanceof ZnodeError) this.#fail(path, former)
        else {
          doomed.push({ path, version: former.stat.version })
          if (!isEphemeral(former.stat)) formers.push({ path, former })
        }
      }
      undo.release(formers.map(({ path }) => path))
      undo.keep(formers)
    })
    await undo.synced()
    return doomed
  }

  /** A child made meanwhile goes too, unless it is an ephemeral that the user did not agree to. */
  async #newChildren(path: string): Promise<boolean> {
    const spool = new PathSpool()
    try {
      const keeps = this.#options.undo !== null
      const below = new Census(spool, this.#options, this.#context, { below: true, keeps })
      const directory = await this.#subtree(path, below)
      if (!directory || below.unread > 0 || (below.ephemerals > 0 && !this.#options.withEphemerals))
        return false
      await this.#options.undo?.synced()
      const doomed = [...spool.backward()].map((one) => ({ path: one.path, version: one.value }))
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

  async #subtree(path: string, census: Census): Promise<boolean> {
    const start = {
      from: 'directories' as const,
      directories: [new Directory(path, null, { inSource: true, inTarget: false })],
    }
    return march(this.#location, this.#location, census, this.#marchOptions(census.keeps), start)
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

  #result(status: Status, message: string): JobResult {
    return {
      status,
      message,
      counts: this.#context.counts,
      digest: { source: null, target: null },
      sourceMoved: 0,
      consistency: 'unknown',
    }
  }
}

/** `version`: what is kept, or −1 where nothing is. */
interface Doomed {
  path: string
  version: number
}

function deletion({ path, version }: Doomed): Change {
  return { kind: 'delete', path, version, former: 'kept' }
}

/** The hand that counts, and remembers every path; and keeps what is there, when it is to be deleted at once. */
class Census implements MarchHand {
  znodes = 0
  bytes = 0
  ephemerals = 0
  firstEphemeral = ''
  firstNewer: string | null = null
  unread = 0
  readonly keeps: boolean
  readonly #spool: PathSpool
  readonly #options: RmrOptions
  readonly #context: JobContext
  readonly #below: boolean

  /** `below`: of a znode that is counted already. `keeps`: data are read, and what is there is kept. */
  constructor(
    spool: PathSpool,
    options: RmrOptions,
    context: JobContext,
    { below = false, keeps }: { below?: boolean; keeps: boolean },
  ) {
    this.#spool = spool
    this.#options = options
    this.#context = context
    this.#below = below
    this.keeps = keeps
  }

  async pairs(pairs: MarchPair[]): Promise<void> {
    const { counts, emit } = this.#context
    const formers: { path: string; former: Former }[] = []
    for (const pair of pairs) {
      if (pair.sourceError !== null) this.#fail(pair.path, pair.sourceError)
      if (pair.source === null) continue
      if (!this.#below) {
        counts.read++
        counts.phaseDone++
      }
      const { stat, acl, data } = pair.source
      if (isEphemeral(stat)) {
        this.ephemerals++
        this.firstEphemeral ||= pair.path
      } else if (this.#isNewer(stat)) this.firstNewer ??= pair.path
      if (pair.path === '' && this.#options.keepRoot) continue
      this.znodes++
      this.bytes += stat.dataLength
      if (this.#options.dryRun)
        emit({ type: 'plan', path: pair.path, action: 'delete', bytes: stat.dataLength })
      this.#spool.append(pair.path, this.keeps ? stat.version : ANY_VERSION)
      if (acl !== null && !isEphemeral(stat)) formers.push({ path: pair.path, former: { stat, acl, data } })
    }
    const { undo } = this.#options
    if (undo === null || !this.keeps || this.#isRefused) return
    // What is still there, or there again, is kept as it is deleted.
    if (this.#below) undo.release(formers.map(({ path }) => path))
    undo.keep(formers)
  }

  /** It is certain by now that nothing will be deleted. */
  get #isRefused(): boolean {
    const { maxDelete, withEphemerals } = this.#options
    return (
      this.unread > 0 ||
      this.firstNewer !== null ||
      (maxDelete !== null && this.znodes > maxDelete) ||
      (this.ephemerals > 0 && !withEphemerals)
    )
  }

  unlisted(directory: Directory, _side: Side, error: ZnodeError): void {
    this.#fail(directory.path, error)
  }

  settled(advances: Advance[]): void {
    this.#context.counts.directories += advances.filter((advance) => advance.done).length
  }

  /** Not by its children's comings and goings: those that came are looked at themselves. */
  #isNewer({ czxid, mzxid }: Stat): boolean {
    const { copiedUpTo } = this.#options
    return copiedUpTo !== null && (czxid > copiedUpTo || mzxid > copiedUpTo)
  }

  #fail(path: string, error: ZnodeError): void {
    this.unread++
    this.#context.counts.failed++
    this.#context.emit({ type: 'failed', path, side: 'source', code: error.code, message: error.message })
  }
}
