/**
 * Children that a znode has on the source and is still to get on the target: they were born after the list that was
 * copied, or could not be made. Each advances its parent's counter when it is made, and to count it twice cannot be
 * undone.
 */
import {
  type ListReply,
  type StatReply,
  type TreeReader,
  type TreeSource,
  type TreeTarget,
  ZnodeError,
} from '../tree/contracts.ts'
import type { Filter } from '../tree/filter.ts'
import { isEphemeral } from '../tree/pairs.ts'
import { childPath } from '../tree/path.ts'

const BATCH = 256

export class StillToMake {
  readonly #source: TreeSource
  readonly #target: TreeTarget
  readonly #filter: Filter

  constructor(source: TreeSource, target: TreeTarget, filter: Filter) {
    this.#source = source
    this.#target = target
    this.#filter = filter
  }

  /** How many each of these is still to get; `null` where that cannot be seen. */
  async count(paths: readonly string[]): Promise<(number | null)[]> {
    const counts: (number | null)[] = []
    for (let at = 0; at < paths.length; at += BATCH)
      counts.push(...(await this.#count(paths.slice(at, at + BATCH))))
    return counts
  }

  async #count(paths: readonly string[]): Promise<(number | null)[]> {
    const lane = this.#source.lane(0n)
    const [there, here] = await Promise.all([lane.list(paths), this.#target.settled.list(paths)])
    const counts: (number | null)[] = []
    for (const [at, path] of paths.entries()) {
      const [listed, made] = [there[at], here[at]] as (ListReply | ZnodeError)[]
      if (!isList(listed) || !isList(made)) counts.push(null)
      else counts.push(await this.#missing(path, listed.names, new Set(made.names), lane))
    }
    return counts
  }

  async #missing(path: string, names: string[], made: Set<string>, lane: TreeReader): Promise<number> {
    const missing = names.filter((name) => !made.has(name)).map((name) => childPath(path, name))
    const verdicts = missing.map((child) => this.#filter.judge(child))
    const stats = await lane.stat(missing.filter((_, at) => verdicts[at] === 'in'))
    const ways = await this.#leading(missing.filter((_, at) => verdicts[at] === 'on-the-way'))
    return stats.filter(mayBeMade).length + ways
  }

  /** Of directories that only lead on: how many have something below them that is copied, or cannot be looked into. */
  async #leading(directories: readonly string[]): Promise<number> {
    const leading = new Set<string>()
    let level = directories.map((path) => ({ from: path, path }))
    while (level.length > 0) {
      const lane = this.#source.lane(0n)
      const next: typeof level = []
      for (let at = 0; at < level.length; at += BATCH) {
        const open = level.slice(at, at + BATCH).filter(({ from }) => !leading.has(from))
        const lists = await lane.list(open.map(({ path }) => path))
        const inside: typeof level = []
        for (const [index, { from, path }] of open.entries()) {
          const reply = lists[index] as ListReply | ZnodeError
          if (reply instanceof ZnodeError) {
            if (!reply.gone) leading.add(from)
            continue
          }
          for (const name of reply.names) {
            const child = { from, path: childPath(path, name) }
            const verdict = this.#filter.judge(child.path)
            if (verdict !== 'out') (verdict === 'in' ? inside : next).push(child)
          }
        }
        const stats = await lane.stat(inside.map(({ path }) => path))
        for (const [index, { from }] of inside.entries()) {
          if (mayBeMade(stats[index] as StatReply | ZnodeError)) leading.add(from)
        }
      }
      level = next.filter(({ from }) => !leading.has(from))
    }
    return leading.size
  }
}

/** What cannot be read now is made by whoever may read it. Ephemerals are not copied: nobody else takes their steps. */
function mayBeMade(reply: StatReply | ZnodeError): boolean {
  return reply instanceof ZnodeError ? !reply.gone : !isEphemeral(reply.stat)
}

function isList(reply: ListReply | ZnodeError | undefined): reply is ListReply {
  return reply !== undefined && !(reply instanceof ZnodeError)
}
