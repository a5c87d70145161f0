/**
 * What kind of znode is made. No live server shows which of its znodes are containers or have a TTL, so a user names
 * them by the path below the root; files tell.
 */
import picomatch from 'picomatch'

/** `ttlMs`: how long after its last change a childless znode may go, 1 to `LONGEST_TTL_MS`. */
export type CreateMode = 'persistent' | 'container' | { ttlMs: number }

export const LONGEST_TTL_MS = 0xffffffffff

export interface KindOptions {
  /** Globs of containers. */
  containers: readonly string[]
  /** Globs of znodes with a TTL. The first that matches counts, and any of them beats a container's. */
  ttls: readonly { glob: string; ttlMs: number }[]
  /** What the target does not make as its kind is made as a plain znode. @default false */
  plain?: boolean
}

export const NO_KINDS: KindOptions = { containers: [], ttls: [] }

/** Which mode the user wants for a path; `null` where nothing is said of it. */
export function modesOf(options: KindOptions): (path: string) => CreateMode | null {
  if (options.containers.length === 0 && options.ttls.length === 0) return () => null
  const isContainer = containersOf(options.containers)
  const ttls = options.ttls.map(({ glob, ttlMs }) => ({ matches: picomatch(glob, { dot: true }), ttlMs }))
  return (path) => {
    if (path === '') return null
    const ttl = ttls.find(({ matches }) => matches(path))
    if (ttl !== undefined) return { ttlMs: ttl.ttlMs }
    return isContainer(path) ? 'container' : null
  }
}

export function containersOf(globs: readonly string[]): (path: string) => boolean {
  const matchers = globs.map((glob) => picomatch(glob, { dot: true }))
  return (path) => path !== '' && matchers.some((matches) => matches(path))
}
