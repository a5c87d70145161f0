/**
 * Which znodes a job looks at. Globs are picomatch's, with `dot`, on the path below the root.
 *
 * An excluded znode takes its whole subtree with it: nothing of it is read. With includes, only what matches one is
 * compared and counted; a directory that merely leads to a match is `onTheWay`: it is made when the target lacks it,
 * and not compared. The root itself is always in.
 */
import picomatch from 'picomatch'
import { EXCLUDE, type NamedGlob, Unmatched } from './unmatched.ts'

export type Verdict = 'in' | 'on-the-way' | 'out'

type Matcher = (path: string) => boolean

export class Filter {
  readonly include: readonly string[]
  readonly exclude: readonly string[]
  readonly #included: readonly Matcher[]
  readonly #excluded: readonly Matcher[]
  readonly #leads: readonly Matcher[]
  /** Shared with the filters that are made of this one. */
  #unmatched: Unmatched
  /** Of a source that holds parts of a tree only. */
  readonly held: ((path: string) => Verdict) | undefined

  /** `others`: globs of other options, which let nothing in or out; the filter sees whether they match anything. */
  constructor(
    include: readonly string[] = [],
    exclude: readonly string[] = [],
    held?: (path: string) => Verdict,
    others: readonly NamedGlob[] = [],
  ) {
    this.held = held
    this.include = include
    this.exclude = exclude
    this.#included = include.map((glob) => picomatch(glob, { dot: true }))
    this.#excluded = exclude.map((glob) => picomatch(glob, { dot: true }))
    this.#leads = include.map(leadsTo)
    const own = [
      ...include.map((glob) => ({ option: '--include', glob })),
      ...exclude.map((glob) => ({ option: EXCLUDE, glob })),
    ]
    this.#unmatched = new Unmatched([...own, ...others])
  }

  /** The same filter, on a source that holds parts of a tree only. */
  on(held: ((path: string) => Verdict) | undefined): Filter {
    return held === undefined ? this : this.#alike(new Filter(this.include, this.exclude, held))
  }

  /** The same filter, with an exclude that the user has not asked for. */
  without(path: string): Filter {
    return this.#alike(new Filter(this.include, [...this.exclude, path], this.held))
  }

  /** Whether every path has to be shown to it. */
  get indifferent(): boolean {
    return this.everything && !this.#unmatched.any
  }

  get everything(): boolean {
    return this.held === undefined && this.#included.length === 0 && this.#excluded.length === 0
  }

  /** Whether there can be directories that only lead to what it lets in. */
  get leads(): boolean {
    return this.held !== undefined || this.#included.length > 0
  }

  /** The globs that no path has matched yet. */
  get unmatched(): NamedGlob[] {
    return this.#unmatched.globs
  }

  /** Asked from the top down: a path is only asked about when its ancestors were not `out`. */
  judge(path: string): Verdict {
    const verdict = this.#both(this.held?.(path) ?? 'in', this.#asked(path))
    this.#unmatched.see(path, verdict === 'out')
    return verdict
  }

  #both(held: Verdict, asked: Verdict): Verdict {
    if (held === 'out' || asked === 'out') return 'out'
    return held === 'in' && asked === 'in' ? 'in' : 'on-the-way'
  }

  #asked(path: string): Verdict {
    if (path === '' || (this.#included.length === 0 && this.#excluded.length === 0)) return 'in'
    if (this.#excluded.some((matches) => matches(path))) return 'out'
    if (this.#included.length === 0 || this.#included.some((matches) => matches(path))) return 'in'
    return this.#leads.some((leads) => leads(path)) ? 'on-the-way' : 'out'
  }

  /** Asked of a single path, ancestors and all. */
  holds(path: string): boolean {
    for (let slash = path.indexOf('/'); slash >= 0; slash = path.indexOf('/', slash + 1)) {
      if (this.judge(path.slice(0, slash)) === 'out') return false
    }
    return this.judge(path) === 'in'
  }

  #alike(other: Filter): Filter {
    other.#unmatched = this.#unmatched
    return other
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
