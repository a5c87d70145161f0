/** Globs that have matched no path yet: at the end most likely mistakes, which would else pass in silence. */
import picomatch from 'picomatch'

export interface NamedGlob {
  /** What the user gave it with, such as `--exclude`. */
  option: string
  glob: string
}

interface Open extends NamedGlob {
  matches: (path: string) => boolean
}

export class Unmatched {
  #open: Open[]

  constructor(globs: readonly NamedGlob[]) {
    this.#open = globs.map(({ option, glob }) => ({ option, glob, matches: picomatch(glob, { dot: true }) }))
  }

  get globs(): NamedGlob[] {
    return this.#open.map(({ option, glob }) => ({ option, glob }))
  }

  get any(): boolean {
    return this.#open.length > 0
  }

  /** `out`: nothing of it is read, so it is for excludes alone to have matched it. */
  see(path: string, out: boolean): void {
    if (this.#open.length === 0) return
    const stays = out ? (one: Open) => !isAbout(one, path) : ({ matches }: Open) => !matches(path)
    if (!this.#open.every(stays)) this.#open = this.#open.filter(stays)
  }
}

/** Of what is in a subtree that is left out nobody knows whether a glob matches it. */
function isAbout({ option, glob, matches }: Open, out: string): boolean {
  return option === EXCLUDE && (matches(out) || glob.startsWith(`${out}/`))
}

export const EXCLUDE = '--exclude'
