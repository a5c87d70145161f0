/**
 * Znodes that are only on the target, and their deletion (`--delete`): after the march, children first, each with the
 * version that was read, and only what the source still lacks.
 */
import { PathSpool } from '../journal/index.ts'
import {
  type ChangeOutcome,
  type Former,
  type TreeSource,
  type TreeTarget,
  ZnodeError,
} from '../tree/contracts.ts'
import type { JobContext } from '../tree/events.ts'
import { readFormers } from '../tree/formers.ts'
import { madeAnew, type Read } from '../tree/made-anew.ts'
import type { Advance } from '../tree/march.ts'
import { isEphemeral, type Pair } from '../tree/pairs.ts'
import { parentPath } from '../tree/path.ts'
import type { Stat } from '../tree/znode.ts'
import { isPassing } from './repair.ts'

const BATCH = 256
const CHANGED = 'it changed on the target since it was read, so it was not deleted'

interface Doomed extends Read {
  version: number
}

export class Extras {
  /** Parents before children, with the version and the mzxid that were read. */
  readonly #spool = new PathSpool()
  /** Paths that must stay because something below them does. */
  readonly #staying = new Set<string>()
  readonly #context: JobContext
  /** Znodes that are only on the target and stay there. */
  stayed = 0

  constructor(context: JobContext) {
    this.#context = context
  }

  add(pair: Pair): void {
    if (pair.target === null) return
    if (isEphemeral(pair.target.stat)) {
      this.#stay(pair.path, 'ephemeral')
      return
    }
    const { version, mzxid, dataLength } = pair.target.stat
    this.#spool.append(pair.path, version, mzxid, dataLength)
  }

  /** A directory whose excluded children are not ours to delete stays too. */
  keepExcluded(advances: Advance[]): void {
    for (const { directory } of advances) {
      if (directory.holdsExcluded && !directory.inSource) this.#staying.add(directory.path)
    }
  }

  /** What a deletion would take, children first. */
  *doomed(onStay?: (path: string) => void): Generator<Doomed> {
    const staying = new Set(this.#staying)
    for (const { path, value, zxid, size } of this.#spool.backward()) {
      if (staying.has(path)) {
        onStay?.(path)
        const parent = parentPath(path)
        if (parent !== null) staying.add(parent)
      } else yield { path, version: value, mzxid: zxid, size }
    }
  }

  count(): number {
    let count = 0
    for (const _ of this.doomed()) count++
    return count
  }

  /** Names the directories that stay for the sake of what is below them. */
  reportStaying(): void {
    for (const _ of this.doomed((path) => this.#stay(path, 'holds-what-stays')));
  }

  /**
   * `keeps`: what they are is kept first, so it is read now. `mayGoOn` is asked before each batch, and throws where the
   * trees are no longer those that were compared.
   */
  async delete(
    source: TreeSource,
    target: TreeTarget,
    keeps: boolean,
    mayGoOn: () => Promise<void>,
  ): Promise<void> {
    await target.settle()
    let batch: Doomed[] = []
    for (const one of this.doomed()) {
      batch.push(one)
      if (batch.length < BATCH) continue
      if (this.#context.signal.aborted) return
      await mayGoOn()
      await this.#deleteBatch(batch, source, target, keeps)
      batch = []
    }
    if (this.#context.signal.aborted || batch.length === 0) return
    await mayGoOn()
    await this.#deleteBatch(batch, source, target, keeps)
  }

  close(): void {
    this.#spool.close()
  }

  async #deleteBatch(batch: Doomed[], source: TreeSource, target: TreeTarget, keeps: boolean): Promise<void> {
    if (batch.length === 0) return
    const still = await source.lane(0n).stat(batch.map((one) => one.path))
    const doomed = batch.filter((_, at) => {
      const reply = still[at]
      return reply instanceof ZnodeError ? reply.gone : reply !== undefined && isEphemeral(reply.stat)
    })
    if (!keeps) return this.#deleteNow(await this.#asRead(doomed, target), () => 'kept', target)
    const known = new Map(doomed.map((one) => [one.path, one]))
    await readFormers([...known.keys()], target.settled, async (read) => {
      const formers = new Map<string, Former>()
      for (const { path, former } of read) {
        if (former === null) this.#context.counts.deleted++
        else if (former instanceof ZnodeError)
          this.#fail(
            path,
            former.code,
            `it cannot be read, so it could not be brought back: ${former.message}; --no-undo deletes it all the same`,
          )
        else if (isAnother(former.stat, known.get(path) as Doomed)) this.#fail(path, 'BADVERSION', CHANGED)
        else formers.set(path, former)
      }
      const readable = [...formers.keys()].map((path) => known.get(path) as Doomed)
      await this.#deleteNow(readable, (path) => formers.get(path) as Former, target)
    })
  }

  /** What is another by now is left. */
  async #asRead(doomed: Doomed[], target: TreeTarget): Promise<Doomed[]> {
    const anew = await madeAnew(target, doomed)
    for (const path of anew) this.#fail(path, 'BADVERSION', CHANGED)
    return doomed.filter(({ path }) => !anew.has(path))
  }

  async #deleteNow(
    doomed: Doomed[],
    formerOf: (path: string) => Former | 'kept',
    target: TreeTarget,
  ): Promise<void> {
    const outcomes = await target.writeEach(
      doomed.map(({ path, version }) => ({ kind: 'delete', path, version, former: formerOf(path) })),
    )
    for (const [at, { path }] of doomed.entries()) {
      const outcome = outcomes[at] as ChangeOutcome
      if (outcome === 'done' || (outcome !== 'unsettled' && outcome.gone)) {
        this.#context.counts.deleted++
        continue
      }
      const code = outcome === 'unsettled' ? 'UNSETTLED' : outcome.code
      const why =
        outcome === 'unsettled'
          ? 'the connection was lost while it was being deleted'
          : isPassing(outcome) || code === 'NOTEMPTY'
            ? CHANGED
            : outcome.message
      this.#fail(path, code, why)
    }
  }

  #fail(path: string, code: string, message: string): void {
    this.#context.counts.failed++
    this.#context.emit({ type: 'failed', path, side: 'target', code, message })
  }

  #stay(path: string, reason: string): void {
    this.stayed++
    this.#context.counts.skipped++
    this.#context.emit({ type: 'skipped', path, reason })
    for (let parent = parentPath(path); parent !== null; parent = parentPath(parent))
      this.#staying.add(parent)
  }
}

function isAnother(stat: Stat, { version, mzxid }: Doomed): boolean {
  return isEphemeral(stat) || stat.version !== version || stat.mzxid !== mzxid
}
