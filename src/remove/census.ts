/** The count before a removal: everything that would go, and every reason why it must not. */
import type { PathSpool } from '../journal/index.ts'
import type { Former, Side, UndoRecord, ZnodeError } from '../tree/contracts.ts'
import type { Directory } from '../tree/directory.ts'
import type { JobContext } from '../tree/events.ts'
import type { Advance, MarchHand, MarchPair } from '../tree/march.ts'
import { isEphemeral } from '../tree/pairs.ts'
import type { Stat } from '../tree/znode.ts'

export const ANY_VERSION = -1

export interface CensusOptions {
  dryRun: boolean
  /** Refuse when there are more znodes than this; `null` is no limit. */
  maxDelete: number | null
  /** Remove what is below the root, not the root itself. */
  keepRoot: boolean
  withEphemerals: boolean
  /** Leave what is persistent and newer than this zxid, and refuse when it is counted: it is in no copy. `null`: do not look. */
  copiedUpTo: bigint | null
  /** Gets everything persistent before it is deleted; `null` to keep nothing. */
  undo: UndoRecord | null
}

/** The hand that counts, and remembers every path; and keeps what is there, when it is to be deleted at once. */
export class Census implements MarchHand {
  znodes = 0
  bytes = 0
  ephemerals = 0
  firstEphemeral = ''
  firstNewer: string | null = null
  unread = 0
  readonly keeps: boolean
  readonly #spool: PathSpool
  readonly #options: CensusOptions
  readonly #context: JobContext
  readonly #below: boolean

  /** `below`: of a znode that is counted already. `keeps`: data are read, and what is there is kept. */
  constructor(
    spool: PathSpool,
    options: CensusOptions,
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
      const seen = this.keeps || this.#options.copiedUpTo !== null
      if (seen) this.#spool.append(pair.path, stat.version, stat.mzxid, stat.dataLength)
      else this.#spool.append(pair.path, ANY_VERSION)
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
