/** Paths below a root: `""` is the root itself, then `"a"`, `"a/b"`. */

/** A child's path. Built once for each znode. */
export function childPath(parent: string, name: string): string {
  return parent === '' ? name : `${parent}/${name}`
}

/** The parent's path; the root has none. */
export function parentPath(path: string): string | null {
  if (path === '') return null
  const slash = path.lastIndexOf('/')
  return slash < 0 ? '' : path.slice(0, slash)
}

/** The absolute path of `path` below the root `root`. */
export function absolutePath(root: string, path: string): string {
  if (path === '') return root
  return root === '/' ? `/${path}` : `${root}/${path}`
}

/** True for the root itself and everything below it. Both are absolute. */
export function isWithin(path: string, root: string): boolean {
  return root === '/' || path === root || path.startsWith(`${root}/`)
}

/** Parents before children, and siblings together: the order in which a tree can be made. */
export function byPath(a: string, b: string): number {
  // "/" sorts before every other character that a name may hold, so that "a/b" comes before "a-b".
  const left = a.replaceAll('/', '\0')
  const right = b.replaceAll('/', '\0')
  return left < right ? -1 : left > right ? 1 : 0
}
