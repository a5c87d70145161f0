/**
 * A znode with children, on its way through a march: the unit of work, of the journal and of the child hash.
 * It is listed once, then taken slice by slice.
 */
import type { ListReply, Side } from './contracts.ts'
import type { CreateMode } from './create-mode.ts'
import { DigestSum } from './digest.ts'
import type { Filter } from './filter.ts'
import type { Advance } from './march.ts'
import { type MergedNames, mergeNames, ON_THE_WAY, SOURCE, TARGET } from './merge-names.ts'
import type { Znode } from './znode.ts'

export interface DirectorySetup {
  inSource: boolean
  inTarget: boolean
  /** How many children its Stat promised; only a hint, for making groups. */
  expected?: number
  /** Where an earlier run had got to. */
  watermark?: string | null
  childHash?: Uint8Array
  children?: number
  /** A directory that only leads to what the filter lets in, and that the target lacks: made when it is needed. */
  unmade?: Znode | null
  /** What kind of znode it is on the source, where that is told. */
  mode?: CreateMode
  /** A side that could not be read here: nothing is known of what it has below. */
  unread?: Side | null
}

export class Directory {
  readonly path: string
  readonly parent: Directory | null
  /** Where it has children. A side that has none is not listed. */
  readonly inSource: boolean
  readonly inTarget: boolean
  readonly expected: number
  /** Child hash of each side, of the children settled so far. */
  readonly sourceSum: DigestSum
  readonly targetSum = new DigestSum()
  children: number
  /** Something below could not be read or written: the journal must not call it done. */
  incomplete = false
  /** The number that its next sequential child shall get; 0 when nothing has to be done for it, `null` when not known. */
  sequence: number | null = null
  /** It could not be made on the target, so nothing below can be. */
  lost = false
  unmade: Znode | null
  mode: CreateMode | undefined
  /** The target has children here that the filter leaves out, or that only lead on. */
  holdsExcluded = false
  #unread: Side | null
  sourceZxid = 0n
  targetZxid = 0n
  #sourceNames: string[] = []
  #targetNames: string[] = []
  #merged: MergedNames | null = null
  #next = 0
  readonly #from: string | null
  readonly #open: Part[] = []
  #watermark: string | null

  constructor(path: string, parent: Directory | null, setup: DirectorySetup) {
    this.path = path
    this.parent = parent
    this.inSource = setup.inSource
    this.inTarget = setup.inTarget
    this.expected = setup.expected ?? 0
    this.unmade = setup.unmade ?? null
    this.mode = setup.mode
    this.#unread = setup.unread ?? null
    this.#from = setup.watermark ?? null
    this.#watermark = this.#from
    this.sourceSum = setup.childHash === undefined ? new DigestSum() : DigestSum.from(setup.childHash)
    this.children = setup.children ?? 0
  }

  /** Nothing below can be written: an ancestor could not be made. */
  get unreachable(): boolean {
    return this.lost || (this.parent?.unreachable ?? false)
  }

  /** A side of which nothing is known here, since this directory or one above it could not be read. */
  get unread(): Side | null {
    return this.#unread ?? this.parent?.unread ?? null
  }

  /** Its children cannot be listed on that side. */
  unlisted(side: Side): void {
    this.incomplete = true
    this.#unread = side
  }

  setNames(side: Side, reply: ListReply): void {
    if (side === 'source') {
      this.#sourceNames = reply.names
      this.sourceZxid = reply.zxid
    } else {
      this.#targetNames = reply.names
      this.targetZxid = reply.zxid
    }
  }

  /** Puts both sides' names in step; what the filter leaves out is dropped, and so is what an earlier run settled. */
  merge(filter: Filter): void {
    this.#merged = mergeNames(this.path, this.#sourceNames, this.#targetNames, filter, this.#from)
    this.holdsExcluded = this.#merged.excludedOnTarget
    this.#sourceNames = []
    this.#targetNames = []
  }

  get listed(): boolean {
    return this.#merged !== null
  }

  get width(): number {
    return this.#names.names.length
  }

  get allTaken(): boolean {
    return this.#next >= this.width
  }

  nameAt(at: number): string {
    return this.#names.names[at] as string
  }

  inSourceAt(at: number): boolean {
    return ((this.#names.flags[at] as number) & SOURCE) !== 0
  }

  inTargetAt(at: number): boolean {
    return ((this.#names.flags[at] as number) & TARGET) !== 0
  }

  countedAt(at: number): boolean {
    return ((this.#names.flags[at] as number) & ON_THE_WAY) === 0
  }

  /** The next `most` children at most. */
  slice(most: number): Part {
    const part = new Part(this, this.#next, Math.min(this.width, this.#next + most))
    this.#next = part.to
    this.#open.push(part)
    return part
  }

  /**
   * Marks a part as settled. Parts may settle in any order; the watermark passes them in the order of their names.
   * Null when nothing can be put on record.
   */
  settle(part: Part): Advance | null {
    part.settled = true
    let moved = false
    for (let first = this.#open[0]; first?.settled; first = this.#open[0]) {
      this.#open.shift()
      this.sourceSum.addSum(first.sourceSum)
      this.targetSum.addSum(first.targetSum)
      this.children += first.counted
      if (first.to > first.from) this.#watermark = this.nameAt(first.to - 1)
      if (first.incomplete) this.incomplete = true
      moved = true
    }
    if (!moved || this.incomplete) return null
    return { directory: this, watermark: this.#watermark, done: this.allTaken && this.#open.length === 0 }
  }

  get #names(): MergedNames {
    if (this.#merged === null) throw new Error(`directory ${this.path} was not listed`)
    return this.#merged
  }
}

/** A slice of a directory's children. */
export class Part {
  readonly directory: Directory
  readonly from: number
  readonly to: number
  readonly sourceSum = new DigestSum()
  readonly targetSum = new DigestSum()
  /** Znodes that are in the source's sum. */
  counted = 0
  incomplete = false
  settled = false

  constructor(directory: Directory, from: number, to: number) {
    this.directory = directory
    this.from = from
    this.to = to
  }

  get size(): number {
    return this.to - this.from
  }
}
