/**
 * Who looked at what of a target. A filtered run says nothing of what it left out: rule 1 holds for each path from the
 * last finished run that looked at it, and what no run was ever shown is a stranger's.
 */
import type { JournalReader, RunInfo } from '../journal/index.ts'
import type { RootIdentity } from '../tree/contracts.ts'
import { Filter } from '../tree/filter.ts'

/** Whether somebody else's write was the one with this zxid. */
export type Newer = (zxid: bigint) => boolean

export function isNewerThan({ lastWrite, lateWrites }: Pick<RunInfo, 'lastWrite' | 'lateWrites'>): Newer {
  return (zxid) => zxid > (lastWrite ?? 0n) && !lateWrites.has(zxid)
}

interface Look {
  run: RunInfo
  filter: Filter
}

export class Looks {
  /** Newest first, down to the first that looked at all that is looked at now. */
  readonly #looks: Look[] = []
  /** The latest finished run that looked at all of it. */
  readonly previous: RunInfo | null
  /** The same of those whose digests are of the same as ours: with ACLs, or without. */
  readonly hashed: RunInfo | null
  /** What was broken off since the latest run that ended, and will not be gone on with: newest first. */
  readonly givenUp: readonly RunInfo[]
  /**
   * The filters of all runs that know something of the target, however they ended; empty where one of them looked at
   * all of it, or there were none.
   */
  readonly #shown: Filter[]
  readonly #filter: Filter
  readonly #acl: boolean

  constructor(journal: JournalReader | null, target: RootIdentity | null, filter: Filter, acl: boolean) {
    this.#filter = filter
    this.#acl = acl
    const runs = (journal?.runs() ?? []).filter((run) => isOf(run, target))
    // What was refused before it wrote anything has no last write, and is as if it had not been.
    const finished = runs.filter((one) => one.state === 'finished' && one.lastWrite).reverse()
    this.hashed = finished.find((run) => this.hashesAlike(run) && isAsWide(filterOf(run), filter)) ?? null
    for (const run of finished) {
      const look = { run, filter: filterOf(run) }
      this.#looks.push(look)
      if (isAsWide(look.filter, filter)) break
    }
    const since = runs.slice(runs.indexOf(finished[0] as RunInfo) + 1)
    this.givenUp = since.filter(({ state, wrote }) => state === 'abandoned' && wrote).reverse()
    const last = this.#looks.at(-1)
    this.previous = last !== undefined && isAsWide(last.filter, filter) ? last.run : null
    const shown = runs.filter((run) => hasKnown(run) && run.targetIdentity !== null).map(filterOf)
    this.#shown = shown.some((one) => isAsWide(one, filter)) ? [] : shown
  }

  /** The latest finished run that looked at any of it. */
  get latest(): RunInfo | null {
    return this.#looks[0]?.run ?? null
  }

  /** The previous run looked at the same as this one, and none has since. */
  get alike(): boolean {
    const { previous } = this
    if (this.#looks.length !== 1 || previous === null || !this.hashesAlike(previous)) return false
    return isSame(filterOf(previous), this.#filter)
  }

  /** Whether its digests and ours are of the same: with ACLs, or without. */
  hashesAlike(run: RunInfo): boolean {
    return (run.options.acl !== false) === this.#acl
  }

  /** There may be znodes that no run was shown. */
  get partial(): boolean {
    return this.#shown.length > 0
  }

  /** What is newer than the last run that looked at this znode; `null` when none did. */
  newerThan(path: string): Newer | null {
    const look = this.#looks.find(({ run, filter }) => run === this.previous || filter.holds(path))
    return look === undefined ? null : isNewerThan(look.run)
  }

  /** The same of the last run that made and removed children there. */
  newerBelow(path: string): Newer | null {
    const look = this.#looks.find(({ run, filter }) => run === this.previous || sees(filter, path))
    return look === undefined ? null : isNewerThan(look.run)
  }

  /** No other run made or removed children there since the previous one. */
  sawLast(path: string): boolean {
    return (
      this.previous !== null && this.#looks.find(({ filter }) => sees(filter, path))?.run === this.previous
    )
  }

  /** A run's record of a directory is of the same children. `excluded`: some there are left out now. */
  seesAlike(run: RunInfo, excluded: boolean): boolean {
    const then = filterOf(run)
    return isSame(then, this.#filter) || (!excluded && isSubset(then.include, this.#filter.include))
  }

  isStranger(path: string): boolean {
    return this.partial && !this.#shown.some((filter) => sees(filter, path))
  }
}

/**
 * Whether a run knows what is on the target: it wrote there, or found it equal. One that was refused, or broken off
 * before it wrote, has made nobody's znodes ours.
 */
export function hasKnown({
  wrote,
  state,
  lastWrite,
}: Pick<RunInfo, 'wrote' | 'state' | 'lastWrite'>): boolean {
  return wrote || (state === 'finished' && Boolean(lastWrite))
}

function isOf({ targetIdentity: then }: RunInfo, now: RootIdentity | null): boolean {
  if (then === null || now === null) return true
  return then.czxid === now.czxid && then.ctime === now.ctime
}

function filterOf({ options }: RunInfo): Filter {
  const { include, exclude } = options as { include?: string[]; exclude?: string[] }
  return new Filter(include, exclude)
}

/** As far as the globs themselves tell. No include at all is the widest. */
function isAsWide(then: Filter, now: Filter): boolean {
  const included =
    then.include.length === 0 || (now.include.length > 0 && isSubset(now.include, then.include))
  return included && isSubset(then.exclude, now.exclude)
}

function isSame(a: Filter, b: Filter): boolean {
  return isAsWide(a, b) && isAsWide(b, a)
}

function isSubset(globs: readonly string[], of: readonly string[]): boolean {
  return globs.every((glob) => of.includes(glob))
}

/** It is in, or on the way to what is. */
function sees(filter: Filter, path: string): boolean {
  for (let slash = path.indexOf('/'); slash >= 0; slash = path.indexOf('/', slash + 1)) {
    if (filter.judge(path.slice(0, slash)) === 'out') return false
  }
  return filter.judge(path) !== 'out'
}
