/** Which generation is meant by a path, and what there is when none is. */
import type { Side } from '../../tree/contracts.ts'
import type { ArchiveFile } from './archive-file.ts'
import { ChunkedTree } from './chunked-tree.ts'
import type { Generation } from './generation.ts'
import { belowRoot } from './paths.ts'
import { ArchiveProblem } from './problems.ts'

export interface Wanted {
  /** Absolute in the archive. */
  path: string
  side: Side
  /** `null` for the newest that holds the path. */
  generation: number | null
  note?: (message: string) => void
}

/** What a message names of many. */
const MOST_TREES = 8
const MOST_GENERATIONS = 8

/** @param generations the archive's, oldest first. @throws ArchiveProblem */
export function chooseGeneration(
  archive: ArchiveFile,
  generations: readonly Generation[],
  { path, side, generation, note }: Wanted,
): Generation {
  const { file } = archive
  const problem = (sentence: string) =>
    new ArchiveProblem(side === 'source' ? 'usage' : 'unreadable', sentence)
  if (generations.length === 0) throw problem(`The archive ${file} holds no tree yet.`)
  if (generation !== null) {
    const one = generations.find(({ id }) => id === generation)
    if (one === undefined)
      throw problem(`The archive ${file} has no generation ${generation}: it has ${listed(generations)}.`)
    if (holds(archive, one, path) || isUnlike(one, path, side)) return one
    throw problem(
      `Generation ${generation} of the archive ${file} is of the tree ${one.root}, which does not hold ${path}; the archive has ${listed(generations)}.`,
    )
  }
  const newest = generations.findLast((one) => holds(archive, one, path))
  if (newest !== undefined) {
    if (newest !== generations.at(-1))
      note?.(
        `Generation ${newest.id} of ${file} is read, made ${new Date(newest.made).toISOString()}: it is the newest that holds ${path}.`,
      )
    return newest
  }
  const unlike = generations.findLast((one) => isUnlike(one, path, side))
  if (unlike !== undefined) return unlike
  throw problem(
    `No generation of the archive ${file} holds ${path}: it has ${listed(generations)}; write archive:FILE#${generations.at(-1)?.root}.`,
  )
}

/** Of parts of a tree (`rows`) it is said elsewhere what they hold. */
function holds(archive: ArchiveFile, generation: Generation, path: string): boolean {
  if (belowRoot(path, generation.root) === null) return false
  return generation.form === 'rows' || ChunkedTree.mayHold(archive, generation, path)
}

/** A target that lacks what its tree should have is one that differs. */
function isUnlike({ root }: Generation, path: string, side: Side): boolean {
  return side === 'target' && belowRoot(path, root) !== null
}

/** Trees with their generations, the newest of many. */
function listed(generations: readonly Generation[]): string {
  const newestFirst = [...generations].reverse()
  const roots = [...new Set(newestFirst.map(({ root }) => root))]
  const trees = roots.slice(0, MOST_TREES).map((root) => {
    const ids = newestFirst.filter((one) => one.root === root).map(({ id }) => id)
    const more = ids.length > MOST_GENERATIONS ? ', …' : ''
    const which = ids.length === 1 ? 'generation' : 'generations'
    return `${root} (${which} ${ids.slice(0, MOST_GENERATIONS).join(', ')}${more})`
  })
  const more = roots.length > MOST_TREES ? `, and other trees (${roots.length - MOST_TREES})` : ''
  return trees.join(', ') + more
}
