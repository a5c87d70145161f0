/**
 * One merge-walk over two trees, in step. It says for each path what is there on either side; a hand acts on it.
 *
 * Directories (znodes with children) are taken from a stack, deepest first, several narrow ones or a slice of a wide
 * one at a time, so that one round trip serves many znodes whatever the tree's shape. What is held in memory is the
 * widest directory's names, the stack, and a fixed window of znodes in flight: never the tree.
 */
import pLimit from 'p-limit'
import type { ListReply, Side, TreeSource } from './contracts.ts'
import { ZnodeError } from './contracts.ts'
import { Directory, type Part } from './directory.ts'
import { LocationProblem } from './errors.ts'
import type { Filter } from './filter.ts'
import { type Lanes, type Pair, type PairOptions, readPairs } from './pairs.ts'
import { childPath } from './path.ts'
import { type Pace, UNLIMITED, Window } from './windows.ts'

/** Znodes in one group: enough to fill a batch, few enough to lose little when the process is killed. */
const GROUP_ZNODES = 256
/** Groups in flight: their Stats and ACLs, which cost a server most, keep all sessions busy. */
const GROUPS = 32
/** Znodes whose data are in hand: what a killed process has read in vain. */
const WINDOW_ZNODES = 2048
/** Data in hand, both sides together. */
const WINDOW_BYTES = 16 * 1024 * 1024
/** What a directory that waits costs in memory, besides its path. */
const DIRECTORY_BYTES = 1000
/** Directories that wait. A tree of a million levels, or a server that makes up children for ever, ends here. */
const MOST_WAITING_BYTES = 200 * 1024 * 1024

/** That a side was not looked at is no sign that it has nothing there. */
const BELOW_UNREAD = new ZnodeError('PARENT', 'its parent could not be read there')

export interface MarchPair extends Pair {
  /** The directory that holds it; the root has none. */
  readonly directory: Directory | null
  readonly part: Part | null
  /** False for a directory that only leads to what the filter lets in: neither compared nor counted. */
  readonly counted: boolean
  /** Whether the march goes on below. A hand may say no before its first await. */
  descend: boolean
  /** What the march will go on below with. */
  below: Directory | null
  /** Set by a hand that could not do what it should. */
  failed: boolean
}

/** A directory's progress: all children up to and including `watermark` are settled; `done` when there are no more. */
export interface Advance {
  directory: Directory
  watermark: string | null
  done: boolean
}

export interface MarchHand {
  /** What has to be awaited before these are acted on; null when there is nothing. */
  prepare?(pairs: MarchPair[]): Promise<void> | null
  /**
   * Acts on pairs, parents always before their children. What must reach the target before the children do has to be
   * queued before the first await. Resolves when nothing of it is in flight any more.
   */
  pairs(pairs: MarchPair[]): Promise<void>
  /** A directory whose children cannot be listed: its subtree on that side is not looked at. */
  unlisted(directory: Directory, side: Side, error: ZnodeError): void
  /** Called after each group, with the directories that got further: none, where something failed. */
  settled?(advances: Advance[], discovered: Directory[]): void
  /** Called when all children of these directories are settled, before that goes on record. */
  complete?(directories: Directory[]): Promise<void>
  /** A directory that an earlier run has on record needs no second visit. */
  known?(path: string): boolean
}

export interface MarchOptions extends PairOptions {
  filter: Filter
  /** Directories in flight. */
  concurrency: number
  pace: Pace
  bytePace: Pace
  /** Go on below znodes that are only on the target. */
  descendTargetOnly: boolean
  signal: AbortSignal
}

/** Where to begin: at the root, or with the directories that a broken-off run left. */
export type MarchStart = { from: 'root'; target: boolean } | { from: 'directories'; directories: Directory[] }

/** Walks; resolves to false when the signal stopped it early. Rejects when a location or the hand gives up. */
export async function march(
  source: TreeSource,
  target: TreeSource,
  hand: MarchHand,
  options: MarchOptions,
  start: MarchStart,
): Promise<boolean> {
  return new March(source, target, hand, options).run(start)
}

class March {
  readonly #source: TreeSource
  readonly #target: TreeSource
  readonly #hand: MarchHand
  readonly #options: MarchOptions
  readonly #window = new Window({ bytes: WINDOW_BYTES, znodes: WINDOW_ZNODES })
  /** The next to do is at the end. Wide directories stay until their last slice is taken. */
  readonly #stack: Directory[] = []
  /** The size of what is on the stack, and how large it may get: what a broken-off run left is there from the start. */
  #waiting = 0
  #mostWaiting = MOST_WAITING_BYTES
  /** A group was given up before anything was done about it. */
  #left = false
  readonly #perGroup: number
  readonly #limit: ReturnType<typeof pLimit>

  constructor(source: TreeSource, target: TreeSource, hand: MarchHand, options: MarchOptions) {
    this.#source = source
    this.#target = target
    this.#hand = hand
    this.#options = options
    this.#limit = pLimit(Math.max(1, Math.min(GROUPS, options.concurrency)))
    this.#perGroup = Math.max(1, Math.floor(options.concurrency / this.#limit.concurrency))
  }

  async run(start: MarchStart): Promise<boolean> {
    if (start.from === 'root') await this.#root(start.target)
    else for (const directory of start.directories) this.#stack.push(directory)
    for (const directory of this.#stack) this.#mostWaiting += weightOf(directory)
    this.#waiting = this.#mostWaiting - MOST_WAITING_BYTES
    const running = new Set<Promise<void>>()
    let failure: { error: unknown } | null = null
    // A group may discover more work, so the end is an empty stack with nothing running.
    while (this.#stack.length > 0 || running.size > 0) {
      while (this.#stack.length > 0 && running.size < this.#most && !this.#stopped(failure)) {
        const group = this.#take()
        const done: Promise<void> = this.#limit(() => this.#group(group))
          .catch((error: unknown) => {
            failure ??= { error }
          })
          .finally(() => running.delete(done))
        running.add(done)
      }
      if (running.size === 0) break
      await Promise.race(running)
    }
    if (failure !== null) throw (failure as { error: unknown }).error
    return this.#stack.length === 0 && !this.#left
  }

  /** Groups in flight: fewer while a side's servers take long to answer. */
  get #most(): number {
    return Math.max(1, Math.min(this.#limit.concurrency, this.#source.groups, this.#target.groups))
  }

  #stopped(failure: unknown): boolean {
    return failure !== null || this.#options.signal.aborted
  }

  async #root(inTarget: boolean): Promise<void> {
    // Of a place that holds parts of a tree only, the root may be no more than the way to them.
    const counted = this.#options.filter.judge('') === 'in'
    const root = newPair('', true, inTarget, null, null, counted)
    const discovered: Directory[] = []
    const lanes = this.#lanes(0n, 0n)
    await readPairs([root], lanes, this.#options, this.#window, (pairs) => this.#act(pairs, discovered))
    this.#hand.settled?.([], discovered)
  }

  #lanes(afterSource: bigint, afterTarget: bigint): Lanes {
    return { source: this.#source.lane(afterSource), target: this.#target.lane(afterTarget) }
  }

  #push(directory: Directory): void {
    this.#waiting += weightOf(directory)
    if (this.#waiting > this.#mostWaiting) {
      const { side, name } = directory.inSource ? this.#source : this.#target
      const levels = directory.path.split('/').length
      throw new LocationProblem(
        side,
        `The ${side} ${name} has directories without end: ${this.#stack.length} of them are known and not read yet, ${levels} levels deep by now.`,
      )
    }
    this.#stack.push(directory)
  }

  #pop(): void {
    const directory = this.#stack.pop()
    if (directory !== undefined) this.#waiting -= weightOf(directory)
  }

  /** The next slice of a wide directory, or as many narrow ones as make a group. */
  #take(): Part[] | Directory[] {
    const top = this.#stack.at(-1) as Directory
    if (top.listed) {
      const part = top.slice(GROUP_ZNODES)
      if (top.allTaken) this.#pop()
      return [part]
    }
    const group: Directory[] = []
    let znodes = 0
    while (group.length < this.#perGroup && znodes < GROUP_ZNODES) {
      const next = this.#stack.at(-1)
      if (next === undefined || next.listed || (group.length > 0 && znodes + next.expected > GROUP_ZNODES))
        break
      this.#pop()
      group.push(next)
      znodes += next.expected
    }
    return group
  }

  async #group(work: Part[] | Directory[]): Promise<void> {
    const directories = work.filter((one): one is Directory => one instanceof Directory)
    let parts = work.filter((one): one is Part => !(one instanceof Directory))
    const behind = parts[0]?.directory
    const lanes = this.#lanes(behind?.sourceZxid ?? 0n, behind?.targetZxid ?? 0n)
    if (directories.length > 0) {
      await Promise.all([this.#list(directories, 'source', lanes), this.#list(directories, 'target', lanes)])
      parts = this.#partsOf(directories)
    }
    await this.#options.pace.take(
      parts.reduce((sum, part) => sum + part.size, 0),
      this.#options.signal,
    )
    // Whoever interrupts it does not lift the limit that this waited for.
    if (this.#options.pace.limits && this.#options.signal.aborted) {
      this.#left = true
      return
    }
    const discovered: Directory[] = []
    await readPairs(this.#pairsOf(parts), lanes, this.#options, this.#window, async (pairs) => {
      await this.#paceBytes(pairs)
      await this.#lookAgain(pairs, lanes)
      await this.#act(pairs, discovered)
    })
    await this.#settle(parts, discovered)
  }

  async #list(directories: Directory[], side: Side, lanes: Lanes): Promise<void> {
    const wanted = directories.filter((one) => (side === 'source' ? one.inSource : one.inTarget))
    if (wanted.length === 0) return
    const replies = await lanes[side].list(wanted.map((one) => one.path))
    for (const [at, directory] of wanted.entries()) {
      const reply = replies[at] as ListReply | ZnodeError
      if (!(reply instanceof ZnodeError)) directory.setNames(side, reply)
      // A directory that went away has no children; that it went is found by the verification.
      else if (!reply.gone) {
        directory.unlisted(side)
        this.#hand.unlisted(directory, side, reply)
      }
    }
  }

  #partsOf(directories: Directory[]): Part[] {
    const parts: Part[] = []
    for (const directory of directories) {
      directory.merge(this.#options.filter)
      if (directory.width > GROUP_ZNODES) this.#push(directory)
      else parts.push(directory.slice(GROUP_ZNODES))
    }
    return parts
  }

  #pairsOf(parts: Part[]): MarchPair[] {
    const pairs: MarchPair[] = []
    for (const part of parts) {
      const { directory } = part
      for (let at = part.from; at < part.to; at++) {
        const path = childPath(directory.path, directory.nameAt(at))
        const pair = newPair(
          path,
          directory.inSourceAt(at),
          directory.inTargetAt(at),
          directory,
          part,
          directory.countedAt(at),
        )
        const { unread } = directory
        if (unread === 'source') pair.sourceError = BELOW_UNREAD
        else if (unread === 'target') pair.targetError = BELOW_UNREAD
        pairs.push(pair)
      }
    }
    return pairs
  }

  async #paceBytes(pairs: MarchPair[]): Promise<void> {
    let bytes = 0
    for (const pair of pairs) bytes += (pair.source?.data?.length ?? 0) + (pair.target?.data?.length ?? 0)
    await this.#options.bytePace.take(bytes, this.#options.signal)
  }

  /** A listed child that was gone when it was read may have been made anew since: then it is read once more. */
  async #lookAgain(pairs: MarchPair[], lanes: Lanes): Promise<void> {
    for (const side of ['source', 'target'] as const) {
      const gone = pairs.filter((pair) =>
        side === 'source'
          ? pair.inSource && pair.source === null && pair.sourceError === null
          : pair.inTarget && pair.target === null && pair.targetError === null,
      )
      if (gone.length === 0) continue
      const only = gone.map((pair) =>
        newPair(pair.path, side === 'source', side === 'target', null, null, true),
      )
      const options = { ...this.#options, targetOnlyData: true }
      await readPairs(only, lanes, options, new Window(UNLIMITED), async () => {})
      for (const [at, pair] of gone.entries()) {
        const again = only[at] as MarchPair
        pair[side] = again[side]
        if (side === 'source') pair.sourceError = again.sourceError
        else pair.targetError = again.targetError
      }
    }
  }

  async #act(pairs: MarchPair[], discovered: Directory[]): Promise<void> {
    for (const pair of pairs) {
      pair.descend = this.#hasChildren(pair)
      if (pair.descend) pair.below = directoryOf(pair)
    }
    const preparing = this.#hand.prepare?.(pairs) ?? null
    if (preparing !== null) await preparing
    const acted = this.#hand.pairs(pairs)
    for (const pair of pairs) if (!pair.counted) this.#tellUnread(pair)
    const found: Directory[] = []
    for (const pair of pairs) {
      if (pair.below === null) continue
      if (pair.descend && !this.#hand.known?.(pair.path)) found.push(pair.below)
      else pair.below = null
    }
    discovered.push(...found)
    // The stack is last in, first out: pushed backwards, directories are walked in the order of their names.
    for (const directory of found.reverse()) this.#push(directory)
    await acted
  }

  /** What only leads on is nobody's to count; but where it cannot be read, what it leads to was not looked at. */
  #tellUnread(pair: MarchPair): void {
    const { path, directory, part, source, sourceError, targetError } = pair
    const side = sourceError !== null ? 'source' : 'target'
    const error = sourceError ?? (this.#options.descendTargetOnly || source === null ? targetError : null)
    if (error === null) return
    if (part !== null) part.incomplete = true
    const lists = { inSource: side === 'source', inTarget: side === 'target' }
    this.#hand.unlisted(new Directory(path, directory, lists), side, error)
  }

  #hasChildren(pair: MarchPair): boolean {
    if (pair.source !== null && pair.source.stat.numChildren > 0) return true
    if (pair.target === null || pair.target.stat.numChildren === 0) return false
    return pair.source !== null || (this.#options.descendTargetOnly && pair.sourceError === null)
  }

  async #settle(parts: Part[], discovered: Directory[]): Promise<void> {
    let advances: Advance[] = []
    for (const part of parts) {
      const advance = part.directory.settle(part)
      if (advance !== null) advances.push(advance)
    }
    const finished = advances.filter((advance) => advance.done).map((advance) => advance.directory)
    if (finished.length > 0 && this.#hand.complete !== undefined) {
      await this.#hand.complete(finished)
      advances = advances.filter((advance) => !advance.directory.incomplete)
    }
    this.#hand.settled?.(advances, discovered)
  }
}

function directoryOf(pair: MarchPair): Directory {
  const inSource = pair.source?.stat.numChildren ?? 0
  const inTarget = pair.target?.stat.numChildren ?? 0
  return new Directory(pair.path, pair.directory, {
    inSource: inSource > 0,
    inTarget: inTarget > 0,
    expected: Math.max(inSource, inTarget),
    unmade: pair.counted || pair.target !== null ? null : pair.source,
    mode: pair.source?.mode,
    unread: pair.sourceError !== null ? 'source' : pair.targetError !== null ? 'target' : null,
  })
}

function weightOf({ path }: Directory): number {
  return DIRECTORY_BYTES + path.length
}

export function newPair(
  path: string,
  inSource: boolean,
  inTarget: boolean,
  directory: Directory | null,
  part: Part | null,
  counted: boolean,
): MarchPair {
  return {
    path,
    inSource,
    inTarget,
    directory,
    part,
    counted,
    source: null,
    target: null,
    sourceError: null,
    targetError: null,
    descend: false,
    below: null,
    failed: false,
  }
}
