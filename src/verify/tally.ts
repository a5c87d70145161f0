/**
 * The hand that compares: it names every difference, sums both sides' digests, and counts what moved on the source.
 * Copy's verification, `verify` itself and the look before a second copy all march with it.
 */

import { type Comparison, compare, pairDigests } from '../tree/compare.ts'
import type { Side, ZnodeError } from '../tree/contracts.ts'
import type { CounterRules } from '../tree/counter-rules.ts'
import { DigestSum } from '../tree/digest.ts'
import type { Directory } from '../tree/directory.ts'
import type { DifferenceKind, JobContext } from '../tree/events.ts'
import type { Advance, MarchHand, MarchPair } from '../tree/march.ts'
import type { Pair } from '../tree/pairs.ts'
import { type Data, newestZxid, nextSequence } from '../tree/znode.ts'

/** Differences that are kept for another look; beyond it they are reported as found. */
const MOST_KEPT = 100_000

export interface Difference {
  path: string
  what: DifferenceKind[]
  /** What the two sums hold for this path, so that a later look can take it out again. */
  source: PackedDigest | null
  target: PackedDigest | null
  /** When the children on each side were last made or removed, as the march saw it; 0 where there was nothing. */
  readonly sourcePzxid: bigint
  readonly targetPzxid: bigint
}

/** A digest as text of its 32 bytes: a Buffer takes several times its size, and there may be 100,000 of these. */
export type PackedDigest = string

export function pack(digest: Buffer | null): PackedDigest | null {
  return digest === null ? null : digest.toString('latin1')
}

export function unpack(digest: PackedDigest | null): Buffer | null {
  return digest === null ? null : Buffer.from(digest, 'latin1')
}

export interface TallyOptions {
  /** A change on the source after this zxid counts as moved. */
  since: bigint
  /** Znodes that are only on the target are no difference (`copy --merge` without `--delete`). */
  allowExtras: boolean
  /** Data and ACL of znodes that are on both sides are no difference (`copy --keep-existing`). */
  allowChanged: boolean
  /** But for these. */
  made?: ((path: string, data: Data) => boolean) | undefined
  /** Leave the root itself out (`/` as a copy's target). */
  skipRoot: boolean
  counters: CounterRules
  /** Emit a mark for every znode. */
  combined: boolean
  /** Failures that have been reported already. */
  reported?: ReadonlySet<string>
  /** Count ephemerals as skipped and name them. A copy has done so already. */
  nameEphemerals: boolean
  /** The source's ephemerals are failures, each with this sentence (`copy --ephemeral fail`). */
  ephemeralsFail?: string | null
  /** Count what is read: not for a copy's verification, whose `read` is the copy's own. */
  countRead: boolean
}

export class Tally implements MarchHand {
  /** It names every znode as it goes. */
  get marks(): boolean {
    return this.#options.combined
  }

  /**
   * A second look found a directory whose children are others by now: sums and differences say nothing of those. Only
   * another march does.
   */
  childrenMoved = false

  readonly differences: Difference[] = []
  readonly sourceSum = new DigestSum()
  readonly targetSum = new DigestSum()
  /** Differences beyond those kept. */
  overflow = 0
  /** Znodes or directories that could not be compared. */
  unknown = 0
  /** Znodes left out by `allowExtras` and `allowChanged`. */
  extras = 0
  kept = 0
  moved = 0
  /** Sequence counters of the target that are ahead of the source's. */
  ahead = 0
  /** Persistent znodes seen on the source, and on the target. */
  znodes = 0
  /** The newest zxid on the target among what was seen. */
  newestTarget = 0n
  onSettled: ((advances: Advance[], discovered: Directory[]) => void) | null = null
  /** Called when a second look found the source's side of a difference changed: its digest then, and now. */
  onSourceChanged: ((path: string, before: Buffer | null, now: Buffer | null) => void) | null = null
  /** Called for each target znode that a rule wants to look at; `compared` is false for what is in no digest. */
  onTarget: ((pair: MarchPair, compared: boolean) => void) | null = null
  readonly #options: TallyOptions
  readonly #context: JobContext

  constructor(options: TallyOptions, context: JobContext) {
    this.#options = options
    this.#context = context
  }

  get found(): number {
    return this.differences.length + this.overflow
  }

  async pairs(pairs: MarchPair[]): Promise<void> {
    for (const pair of pairs) {
      const compared = pair.counted && !(pair.path === '' && this.#options.skipRoot)
      if (pair.target !== null) this.onTarget?.(pair, compared)
      if (compared) this.#one(pair)
    }
  }

  unlisted(directory: Directory, side: Side, error: ZnodeError): void {
    this.#fail(directory.path, side, error)
  }

  settled(advances: Advance[], discovered: Directory[]): void {
    if (this.#options.countRead)
      this.#context.counts.directories += advances.filter((advance) => advance.done).length
    this.onSettled?.(advances, discovered)
  }

  #one(pair: MarchPair): void {
    const { counts, emit } = this.#context
    const comparison = this.judge(pair)
    this.#count(pair)
    if (comparison.is === 'unknown') {
      if (pair.part !== null) pair.part.incomplete = true
      return this.#fail(pair.path, comparison.side, comparison.error)
    }
    if (comparison.is === 'ephemeral' && this.#options.ephemeralsFail != null) {
      this.#tell(pair.path, 'source', 'EPHEMERAL', this.#options.ephemeralsFail)
    } else if (comparison.is === 'ephemeral' && this.#options.nameEphemerals) {
      counts.skipped++
      emit({ type: 'skipped', path: pair.path, reason: 'ephemeral' })
    }
    const digests = pairDigests(pair, comparison.is === 'same')
    if (digests.source !== null) {
      this.sourceSum.add(digests.source)
      this.znodes++
    }
    if (digests.target !== null) this.targetSum.add(digests.target)
    // What the user lets stand on the target is as it shall be.
    const wanted = comparison.is === 'nothing' ? digests.target : digests.source
    if (pair.part !== null) {
      if (digests.target !== null) pair.part.targetSum.add(digests.target)
      if (wanted !== null) {
        pair.part.sourceSum.add(wanted)
        pair.part.counted++
      }
    }
    if (comparison.is === 'same') {
      if (this.#options.combined) emit({ type: 'combined', path: pair.path, mark: '=' })
    } else if (comparison.is === 'different')
      this.#differ({
        path: pair.path,
        what: comparison.what,
        source: pack(digests.source),
        target: pack(digests.target),
        sourcePzxid: pair.source?.stat.pzxid ?? 0n,
        targetPzxid: pair.target?.stat.pzxid ?? 0n,
      })
  }

  /** What is no difference because the user allows it is counted, and is `nothing`. */
  judge(pair: Pair): Comparison {
    const comparison = compare(pair, this.#options.counters)
    if (comparison.is !== 'different') return comparison
    const { what } = comparison
    if (this.#options.allowExtras && what[0] === 'missing-in-source') {
      this.extras++
      return { is: 'nothing' }
    }
    if (
      this.#options.allowChanged &&
      this.#options.made?.(pair.path, pair.target?.data ?? null) !== true &&
      !what.some((kind) => kind.startsWith('missing') || kind === 'ephemeral')
    ) {
      this.kept++
      return { is: 'nothing' }
    }
    return comparison
  }

  #count(pair: Pair): void {
    const { counts } = this.#context
    const { source, target } = pair
    if (source !== null) {
      const bytes = source.data?.length ?? 0
      if (this.#options.countRead) {
        counts.read++
        counts.bytesRead += bytes
      }
      counts.phaseBytes += bytes
      if (newestZxid(source.stat) > this.#options.since) this.moved++
    }
    counts.phaseDone++
    if (source !== null && target !== null && this.#options.counters.keepsSequence) {
      if (nextSequence(target.stat) > nextSequence(source.stat)) this.ahead++
    }
    if (target !== null) {
      const newest = newestZxid(target.stat)
      if (newest > this.newestTarget) this.newestTarget = newest
    }
  }

  #differ(difference: Difference): void {
    if (this.differences.length < MOST_KEPT) {
      this.differences.push(difference)
      return
    }
    this.overflow++
    report(difference, this.#options.combined, this.#context)
  }

  #fail(path: string, side: Side, error: ZnodeError): void {
    this.unknown++
    this.#tell(path, side, error.code, error.message)
  }

  #tell(path: string, side: Side, code: string, message: string): void {
    const { counts, emit } = this.#context
    if (this.#options.reported?.has(path)) return
    counts.failed++
    emit({ type: 'failed', path, side, code, message })
    if (this.#options.combined) emit({ type: 'combined', path, mark: '!' })
  }
}

/** Names a difference that stays. */
export function report(difference: Difference, combined: boolean, context: JobContext): void {
  context.counts.differences++
  context.emit({ type: 'difference', path: difference.path, what: difference.what })
  if (combined) context.emit({ type: 'combined', path: difference.path, mark: markOf(difference.what) })
}

function markOf(what: DifferenceKind[]): '+' | '-' | '*' {
  if (what.includes('missing-in-target')) return '+'
  return what.includes('missing-in-source') ? '-' : '*'
}
