/** What the servers of a version make of a snapshot: which kinds of znodes and which names they live with. */
import { pathFlaw } from '../../zookeeper/path.ts'

/** `patch` is `null` for the newest of its line. */
export interface ServerVersion {
  major: number
  minor: number
  patch: number | null
}

/** From `3.4`, `3.4.14`, `3.9`; `null` for what is no version of ZooKeeper from 3.4 on. */
export function parseServerVersion(text: string): ServerVersion | null {
  const match = /^(\d{1,3})\.(\d{1,3})(?:\.(\d{1,3}))?$/.exec(text)
  if (match === null) return null
  const [major, minor] = [Number(match[1]), Number(match[2])]
  if (major < 3 || (major === 3 && minor < 4)) return null
  return { major, minor, patch: match[3] === undefined ? null : Number(match[3]) }
}

/** Before, a container was the ephemeral of a session that is gone: deleted at boot. */
export function knowsContainers(version: ServerVersion | null): boolean {
  return isSince(version, 5, 1)
}

/** 3.5.3 marked them otherwise. */
export function knowsTtl(version: ServerVersion | null): boolean {
  return isSince(version, 5, 4)
}

/** In the tree, beside the quotas, from 3.5 on. */
export function keepsConfig(version: ServerVersion | null): boolean {
  return isSince(version, 5, 0)
}

/**
 * Why clients could do nothing with a znode of this path, as the end of a sentence; `null` when they can. A server
 * that boots does not look at names, and refuses each request for one that it would not have made.
 */
export function nameFlaw(version: ServerVersion | null, path: string): string | null {
  return isSince(version, 5, 5) ? pathFlaw(path) : null
}

/** `null` is since everything. */
function isSince(version: ServerVersion | null, otherMinor: number, otherPatch: number): boolean {
  if (version === null) return true
  const { major, minor, patch } = version
  if (major > 3 || minor > otherMinor) return true
  return minor === otherMinor && (patch === null || patch >= otherPatch)
}
