/**
 * Counters: the sequence counter of every znode, and the data version of those whose version is a counter.
 * They only grow, so a target's that is behind can be repaired, and one that is ahead cannot: that is normal after a
 * cutover, and no difference unless the user says so.
 */
import picomatch from 'picomatch'
import { type CreateMode, containersOf } from './create-mode.ts'
import { nextSequence, type Znode } from './znode.ts'

export interface CounterRules {
  /** False: the target's is behind, or ahead where that counts. */
  sequence(path: string, source: Znode, target: Znode): boolean
  version(path: string, source: Znode, target: Znode): boolean
  /** Whether this znode's data version is a counter that is kept. */
  keepsVersion(path: string, source: Znode): boolean
  readonly keepsSequence: boolean
  /** False: both places tell what kind of znode it is, and they differ. */
  kind(source: Znode, target: Znode): boolean
  /**
   * Whether this is a container, whose sequence counter must stay as it is while it has no children: a server deletes
   * an empty container whose counter has moved.
   */
  isContainer(path: string, znode: Pick<Znode, 'mode'>): boolean
  /** Empty containers whose sequence counter was left behind, a hundred at most. */
  readonly leftBehind: ReadonlySet<string>
  leaveBehind(path: string): void
}

const MOST_LEFT_BEHIND = 100

export const NO_COUNTERS: CounterRules = {
  sequence: () => true,
  version: () => true,
  kind: () => true,
  keepsVersion: () => false,
  keepsSequence: false,
  isContainer: () => false,
  leftBehind: new Set(),
  leaveBehind: () => {},
}

export interface CounterOptions {
  sequence: boolean
  /** A target's sequence counter that is ahead is a difference. */
  strictSequence: boolean
  /** Compare and keep data versions at all. */
  version: boolean
  /** Znodes whose version is kept besides those with empty data. */
  versions: readonly string[]
  /** Compare kinds, where both places tell them. @default true */
  kinds?: boolean
  /** Znodes that are containers. @default none */
  containers?: readonly string[]
}

export function counterRules(options: CounterOptions): CounterRules {
  const named = options.versions.map((glob) => picomatch(glob, { dot: true }))
  // Empty data with a version above 0 is the mark of a counter, such as Kafka's /brokers/seqid.
  const keepsVersion = (path: string, { data, stat }: Znode) =>
    options.version &&
    ((stat.version > 0 && (data === null || data.length === 0)) || named.some((matches) => matches(path)))
  const isNamed = containersOf(options.containers ?? [])
  const isContainer = (path: string, { mode }: Pick<Znode, 'mode'>) => mode === 'container' || isNamed(path)
  const leftBehind = new Set<string>()
  const leaveBehind = (path: string) => {
    if (leftBehind.size < MOST_LEFT_BEHIND) leftBehind.add(path)
  }
  return {
    isContainer,
    leftBehind,
    leaveBehind,
    keepsSequence: options.sequence,
    keepsVersion,
    kind: (source, target) => options.kinds === false || sameKind(source.mode, target.mode),
    sequence(path, source, target) {
      if (!options.sequence) return true
      const [wanted, there] = [nextSequence(source.stat), nextSequence(target.stat)]
      if (there < wanted && target.stat.numChildren === 0 && isContainer(path, source)) {
        leaveBehind(path)
        return true
      }
      return options.strictSequence ? there === wanted : there >= wanted
    },
    version: (path, source, target) =>
      !keepsVersion(path, source) || target.stat.version >= source.stat.version,
  }
}

function sameKind(a: CreateMode | undefined, b: CreateMode | undefined): boolean {
  if (a === undefined || b === undefined) return true
  return typeof a === 'object' && typeof b === 'object' ? a.ttlMs === b.ttlMs : a === b
}
