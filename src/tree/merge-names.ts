/** Two sorted lists of names, put in step. */
import type { Filter } from './filter.ts'
import { childPath } from './path.ts'

export const SOURCE = 1
export const TARGET = 2
/** A directory that only leads to what the filter lets in. */
export const ON_THE_WAY = 4

export interface MergedNames {
  names: string[]
  /** For each name, where it is. */
  flags: Uint8Array
  /** The target has some here that are nobody's to delete: left out, or only leading on. */
  excludedOnTarget: boolean
}

/** `after` is a name up to which everything is settled already. */
export function mergeNames(
  directory: string,
  source: readonly string[],
  target: readonly string[],
  filter: Filter,
  after: string | null,
): MergedNames {
  const names: string[] = []
  const flags = new Uint8Array(source.length + target.length)
  let excludedOnTarget = false
  let left = 0
  let right = 0
  while (left < source.length || right < target.length) {
    const a = source[left]
    const b = target[right]
    let flag = 0
    let name = a as string
    if (b === undefined || (a !== undefined && a <= b)) flag |= SOURCE
    if (a === undefined || (b !== undefined && b <= a)) {
      flag |= TARGET
      name = b as string
    }
    if (flag & SOURCE) left++
    if (flag & TARGET) right++
    if (!filter.indifferent) {
      const verdict = filter.judge(childPath(directory, name))
      if (verdict !== 'in' && flag & TARGET) excludedOnTarget = true
      if (verdict === 'out') continue
      if (verdict === 'on-the-way') flag |= ON_THE_WAY
    }
    if (after !== null && name <= after) continue
    flags[names.length] = flag
    names.push(name)
  }
  return { names, flags: flags.subarray(0, names.length), excludedOnTarget }
}
