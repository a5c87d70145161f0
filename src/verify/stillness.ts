/** Whether a place stood still while it was read: the only sure sign that nothing in a tree moved. */
import type { TreeSource } from '../tree/contracts.ts'

export interface Standing {
  /** What changed after this zxid has moved. */
  since: bigint
  sessions: number
}

export async function standing(source: TreeSource): Promise<Standing> {
  const since = await source.position()
  // Counted after: a session that was opened for this look is below it.
  return { since, sessions: source.sessionsOpened }
}

/** Every transaction moves the position; those of our own sessions' opening are known. */
export async function stoodStill(source: TreeSource, before: Standing): Promise<boolean> {
  const moved = (await source.position()) - before.since
  return moved === 0n || moved === BigInt(source.sessionsOpened - before.sessions)
}
