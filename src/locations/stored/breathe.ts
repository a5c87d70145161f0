/** Reading what is in memory waits for nothing, and would let nobody else have a turn: signals, sessions, progress. */
import { setImmediate as turn } from 'node:timers/promises'

/** Milliseconds without a turn for others. */
const MOST_WITHOUT = 10

let lastTurn = performance.now()

/** Resolves at once, or after a turn for all others when there was none for a while. */
export async function breathe(): Promise<void> {
  if (performance.now() - lastTurn < MOST_WITHOUT) return
  await turn()
  lastTurn = performance.now()
}
