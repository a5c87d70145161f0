/** Paths of a generation are below its root, so that one tree under two names is stored once. */
import { isWithin } from '../../tree/path.ts'

/** `path` and `root` are absolute; `''` for the root itself, `null` for what is not in the tree. */
export function belowRoot(path: string, root: string): string | null {
  if (path === root) return ''
  if (!isWithin(path, root)) return null
  return path.slice(root === '/' ? 1 : root.length + 1)
}
