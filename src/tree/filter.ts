/**
 * Which znodes a job looks at. Globs are picomatch's, with `dot`, on the path below the root.
 *
 * An excluded znode takes its whole subtree with it: nothing of it is read. With includes, only what matches one is
 * compared and counted; a directory that merely leads to a match is `onTheWay`: it is made when the target lacks it,
 * and not compared. The root itself is always in.
 */
import picomatch from 'picomatch'

export type Verdict = 'in' | 'on-the-way' | 'out'

type Matcher = (path: string) => boolean

interface Include {
  readonly glob: string
  readonly matches: Matcher
}

/** What has matched, by list of includes: a filter made of another's list goes on with what that one remembers. */
const MET = new WeakMap<readonly string[], Set<string>>()

export class Filter {
  readonly include: readonly string[]
  readonly exclude: readonly string[]
  readonly #included: readonly Include[]
  readonly #met: Set<string>
  readonly #excluded: readonly Matcher[]
  readonly #leads: readonly Matcher[]
  /** Of a source that holds parts of a tree only. */
  readonly held: ((path: string) => Verdict) | undefined

  constructor(
    include: readonly string[] = [],
    exclude: readonly string[] = [],
    held?: (path: string) => Verdict,
  ) {
    this.held = held
    this.include = include
    this.exclude = exclude
    this.#included = include.map((glob) => ({ glob, matches: picomatch(glob, { dot: true }) }))
    this.#met = MET.get(include) ?? new Set()
    MET.set(include, this.#met)
    this.#excluded = exclude.map((glob) => picomatch(glob, { dot: true }))
    this.#leads = include.map(leadsTo)
  }

  /** The same filter, on a source that holds parts of a tree only. */
  on(held: ((path: string) => Verdict) | undefined): Filter {
    return held === undefined ? this : new Filter(this.include, this.exclude, held)
  }

  get everything(): boolean {
    return this.held === undefined && this.#included.length === 0 && this.#excluded.length === 0
  }

  /** Whether there can be directories that only lead to what it lets in. */
  get leads(): boolean {
    return this.held !== undefined || this.#included.length > 0
  }

  /** The includes that no path has matched yet. */
  get unmatched(): string[] {
    return this.include.filter((glob) => !this.#met.has(glob))
  }

  /** Asked from the top down: a path is only asked about when its ancestors were not `out`. */
  judge(path: string): Verdict {
    if (this.held === undefined) return this.#asked(path)
    const [held, asked] = [this.held(path), this.#asked(path)]
    if (held === 'out' || asked === 'out') return 'out'
    return held === 'in' && asked === 'in' ? 'in' : 'on-the-way'
  }

  #asked(path: string): Verdict {
    if (path === '' || (this.#included.length === 0 && this.#excluded.length === 0)) return 'in'
    if (this.#excluded.some((matches) => matches(path))) return 'out'
    if (this.#included.length === 0 || this.#isIncluded(path)) return 'in'
    return this.#leads.some((leads) => leads(path)) ? 'on-the-way' : 'out'
  }

  /** Asked of a single path, ancestors and all. */
  holds(path: string): boolean {
    for (let slash = path.indexOf('/'); slash >= 0; slash = path.indexOf('/', slash + 1)) {
      if (this.judge(path.slice(0, slash)) === 'out') return false
    }
    return this.judge(path) === 'in'
  }

  /** Asks an include that has matched nothing yet even when another one has let the path in already. */
  #isIncluded(path: string): boolean {
    let included = false
    for (const { glob, matches } of this.#included) {
      if ((included && this.#met.has(glob)) || !matches(path)) continue
      included = true
      this.#met.add(glob)
    }
    return included
  }
}

/** Could something below this directory match the glob? When in doubt, yes. */
function leadsTo(glob: string): Matcher {
  if (/[{(!]/.test(glob)) return () => true
  const segments = glob.split('/')
  const deep = segments.indexOf('**')
  const heads = (deep < 0 ? segments : segments.slice(0, deep)).map((segment) =>
    picomatch(segment, { dot: true }),
  )
  return (path) => {
    const names = path.split('/')
    if (deep < 0 && names.length >= segments.length) return false
    return names.every((name, at) => heads[at] === undefined || heads[at](name))
  }
}
