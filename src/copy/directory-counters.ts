/**
 * Sequence counters of directories: they come after the children, whose creation advances them. A child that only leads
 * to what the filter lets in may be made long after its siblings are settled, so its directory's counter comes last.
 */
import { type TreeSource, ZnodeError } from '../tree/contracts.ts'
import type { CounterRules } from '../tree/counter-rules.ts'
import type { Directory } from '../tree/directory.ts'
import type { Filter } from '../tree/filter.ts'
import type { Advance, MarchPair } from '../tree/march.ts'
import { nextSequence } from '../tree/znode.ts'
import type { CounterGoal, Counters } from './counters.ts'
import { staysBehind } from './goals.ts'

export interface DirectoryCountersSetup {
  source: TreeSource
  counters: Counters
  rules: CounterRules
  filter: Filter
}

export class DirectoryCounters {
  readonly #setup: DirectoryCountersSetup
  /** Directories with children that are made only if something below them is. */
  readonly #leading = new Set<Directory>()
  /** Those of them that are complete, with what goes on record once their counters are up. */
  readonly #last = new Map<Directory, Advance | null>()

  constructor(setup: DirectoryCountersSetup) {
    this.#setup = setup
  }

  /** To be told of every pair before it is acted on. */
  see({ below, directory }: MarchPair): void {
    if (below !== null && below.unmade !== null && directory !== null) this.#leading.add(directory)
  }

  /** Brings up those of directories whose children are settled. Returns why, where that failed. */
  async complete(directories: Directory[]): Promise<Map<string, ZnodeError>> {
    const { counters, rules, filter } = this.#setup
    const unknown = directories.filter((directory) => directory.sequence === null)
    await this.#learn(unknown)
    const goals: CounterGoal[] = []
    for (const directory of directories) {
      // Of what an earlier run had seen of it nobody knows any more.
      const leads = this.#leading.delete(directory) || (filter.leads && unknown.includes(directory))
      const { sequence, children, incomplete } = directory
      // Each child that was made counts already.
      if (staysBehind(directory, sequence ?? 0, children, rules)) continue
      if (sequence === null || sequence <= children || incomplete) continue
      if (leads) this.#last.set(directory, null)
      else goals.push(goalOf(directory))
    }
    return goals.length === 0 ? new Map() : counters.bring(goals)
  }

  /** Whether a directory is to go on record as done later, because its counter is not up yet. */
  isLast(advance: Advance): boolean {
    if (!advance.done || !this.#last.has(advance.directory)) return false
    this.#last.set(advance.directory, advance)
    return true
  }

  /** After the last znode. `allMade`: everything that leads anywhere is there by now; else counters stay behind. */
  async finish(allMade: boolean): Promise<{ failed: Map<string, ZnodeError>; advances: Advance[] }> {
    // What is not up is not done: a resumed run is to bring it up.
    if (!allMade) return { failed: new Map(), advances: [] }
    const failed = await this.#setup.counters.bring([...this.#last.keys()].map(goalOf))
    const advances = [...this.#last.values()].filter(
      (advance): advance is Advance => advance !== null && !failed.has(advance.directory.path),
    )
    this.#last.clear()
    return { failed, advances }
  }

  /** Directories that an earlier run has on record: their counters are not, since they may have moved on. */
  async #learn(directories: Directory[]): Promise<void> {
    if (directories.length === 0) return
    const replies = await this.#setup.source.lane(0n).stat(directories.map((directory) => directory.path))
    for (const [at, directory] of directories.entries()) {
      const reply = replies[at]
      const there = reply === undefined || reply instanceof ZnodeError ? null : reply
      directory.sequence = there === null ? 0 : nextSequence(there.stat)
      directory.mode = there?.mode
    }
  }
}

function goalOf({ path, sequence }: Directory): CounterGoal {
  return { path, sequence, version: null, data: null }
}
