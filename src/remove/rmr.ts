/**
 * The job `rmr`: counts a subtree, asks, and removes it children first.
 *
 * The count keeps the paths on disk, parents before children; read backwards that is an order in which they can be
 * deleted. Everything that is deleted was seen by the count, or stands below something that was.
 */
import { PathSpool } from '../journal/index.ts'
import type { TreeTarget } from '../tree/contracts.ts'
import { Directory } from '../tree/directory.ts'
import { MissingRoot, SafetyRefusal, UsageProblem } from '../tree/errors.ts'
import type { JobContext, JobResult, Status } from '../tree/events.ts'
import { Filter } from '../tree/filter.ts'
import { type MarchStart, march } from '../tree/march.ts'
import { plural } from '../tree/plural.ts'
import { Pace } from '../tree/windows.ts'
import { Census, type CensusOptions } from './census.ts'
import { Deleter, type Doomed, doomedOf } from './deleter.ts'

const BATCH = 500
const BATCHES_IN_FLIGHT = 6
const NOT_KEPT = 'Ephemerals are not in the undo file: they belong to their sessions.'

export interface RmrOptions extends CensusOptions {
  concurrency: number
  rate: number | null
  confirm: (counted: { znodes: number; bytes: number; ephemerals: number }) => Promise<boolean>
  /** Somebody is asked, and may take a while to answer: only then is read what has to be kept. */
  asks: boolean
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
  #ephemerals = 0

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
    if (before === null) throw new MissingRoot('The root', name)
    if (!this.#options.dryRun) {
      const unsure = await this.#location.occupy?.({ command: 'rmr', run: null })
      if (unsure) this.#context.emit({ type: 'note', message: unsure })
    }
    const { asks, dryRun, undo } = this.#options
    const keepsAtOnce = undo !== null && !dryRun && !asks
    const deleter = new Deleter(
      this.#location,
      this.#options,
      before.czxid,
      (census, below) => this.#march(census, below),
      this.#context,
    )
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
      return await this.#delete(spool, deleter)
    } finally {
      spool.close()
      if (deleter.untouched) undo?.forget()
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
    return (await this.#march(census)) ? census : null
  }

  /** From the root, or of what is `below` a znode that is counted already. */
  #march(census: Census, below?: string): Promise<boolean> {
    const start: MarchStart =
      below === undefined
        ? { from: 'root', target: false }
        : {
            from: 'directories',
            directories: [new Directory(below, null, { inSource: true, inTarget: false })],
          }
    const options = {
      acl: true,
      data: census.keeps,
      targetOnlyData: false,
      filter: new Filter(),
      concurrency: this.#options.concurrency,
      pace: this.#pace,
      bytePace: new Pace(null),
      descendTargetOnly: false,
      signal: this.#context.signal,
    }
    return march(this.#location, this.#location, census, options, start)
  }

  #refusal(census: Census): SafetyRefusal | null {
    const { name } = this.#location
    if (census.ephemerals > 0 && !this.#options.withEphemerals) {
      return new SafetyRefusal(
        `${name} holds ${plural(census.ephemerals, 'ephemeral znode')}, such as ${census.firstEphemeral || '(the root)'}: somebody lives there. Stop the applications, and after a crash wait for their session timeout; --with-ephemerals removes it all the same.`,
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

  async #delete(spool: PathSpool, deleter: Deleter): Promise<JobResult> {
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
      const sent: Promise<void> = deleter
        .delete(doomed)
        .catch((error: unknown) => {
          failure ??= error
        })
        .finally(() => flying.delete(sent))
      flying.add(sent)
    }
    for (const one of spool.backward()) {
      batch.push(doomedOf(one))
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
