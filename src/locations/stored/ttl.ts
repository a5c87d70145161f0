/** A znode's kind as one number: 0 for a plain one, −1 for a container, else its TTL in milliseconds. */
import type { CreateMode } from '../../tree/create-mode.ts'

const CONTAINER = -1

export function modeToTtl(mode: CreateMode): number {
  if (mode === 'persistent') return 0
  return mode === 'container' ? CONTAINER : mode.ttlMs
}

export function ttlToMode(ttl: number): CreateMode {
  if (ttl === 0) return 'persistent'
  return ttl === CONTAINER ? 'container' : { ttlMs: ttl }
}
