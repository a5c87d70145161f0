/** Which paths ZooKeeper takes. */
import { PathError } from './errors.ts'

// 3.4 took the range's ends (001F, 007F, 009F, F8FF, FFF0, FFFF) as allowed; 3.5.5 and later do not.
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
const REFUSED = /[\u0000-\u001f\u007f-\u009f\ud800-\uf8ff\ufff0-\uffff]/
// biome-ignore lint/suspicious/noControlCharactersInRegex: the same, less the range's ends
const NEVER_SEEN = /[\u0000-\u001e\u0080-\u009e\ud800-\uf8fe\ufff1-\ufffe]/

/** Why a server would refuse the path, as the end of a sentence; `null` when it would not. */
export function pathFlaw(path: string): string | null {
  return shapeFlaw(path) ?? characterFlaw(path, REFUSED)
}

/** @throws PathError for a path that no server takes in a create */
export function checkPath(path: string): void {
  const flaw = pathFlaw(path)
  if (flaw !== null) throw new PathError(`the path ${JSON.stringify(path)} ${flaw}`)
}

/** Why no server can have the path: a 3.4 server may hold names that later ones refuse to create. */
export function existingPathFlaw(path: string): string | null {
  return shapeFlaw(path) ?? characterFlaw(path, NEVER_SEEN)
}

/**
 * For znodes that exist already.
 * @throws PathError for a path that no server can have
 */
export function checkExistingPath(path: string): void {
  const flaw = existingPathFlaw(path)
  if (flaw !== null) throw new PathError(`the path ${JSON.stringify(path)} ${flaw}`)
}

function shapeFlaw(path: string): string | null {
  if (path === '/') return null
  if (path === '') return 'is empty'
  if (!path.startsWith('/')) return 'does not begin with a slash'
  if (path.endsWith('/')) return `ends with a slash: write ${path.replace(/\/+$/, '') || '/'}`
  if (path.includes('//')) return 'has an empty segment'
  const dots = path.split('/').find((segment) => segment === '.' || segment === '..')
  return dots === undefined ? null : `has "${dots}" as a segment, which ZooKeeper does not allow`
}

function characterFlaw(path: string, pattern: RegExp): string | null {
  const found = pattern.exec(path)
  if (found === null) return null
  const code = found[0].charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')
  return `has the character U+${code}, which ZooKeeper does not allow`
}
