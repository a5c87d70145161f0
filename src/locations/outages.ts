/** The times in which a session of one location had no server: told with one voice, and counted once. */
import type { Side } from '../tree/contracts.ts'
import type { Emit } from '../tree/events.ts'
import type { WaitingReport } from '../zookeeper/index.ts'

/** Other sessions wait for the same servers, and have the same to say: less than a session's own interval. */
const SILENCE_MS = 4_000
/** A connection that is replaced at once was not waited for. */
const WAIT_MS = 1_000

export class Outages {
  readonly #side: Side
  readonly #emit: Emit
  /** Sessions without a server now. */
  #open = 0
  /** When a server was there last; `null` as long as all that is known is that a connection takes a while. */
  #since: number | null = null
  #said = Number.NEGATIVE_INFINITY

  constructor(side: Side, emit: Emit) {
    this.#side = side
    this.#emit = emit
  }

  /** A session waits, and would say so: whichever is first says it. */
  waiting({ reason, seconds, atMostSeconds, failed }: WaitingReport): void {
    const now = performance.now()
    if (failed) this.#lost(now - seconds * 1000)
    if (now - this.#said < SILENCE_MS) return
    this.#said = now
    this.#emit({ type: 'waiting', side: this.#side, reason, seconds, atMostSeconds })
  }

  /**
   * A session has been without a server for so long: from now on, when it has just lost one, and else since it looks for
   * its first, which may be no more than slow. Returns what to call when it has one, or is given up.
   */
  begin(seconds = 0): () => void {
    this.#open++
    if (seconds === 0) this.#lost(performance.now())
    let over = false
    return () => {
      if (over) return
      over = true
      this.#open--
      if (this.#open === 0) this.#end()
    }
  }

  reconnected(count: number): void {
    this.#emit({ type: 'survived', side: this.#side, what: 'reconnects', amount: count })
  }

  expired(): void {
    this.#emit({ type: 'survived', side: this.#side, what: 'expiredSessions', amount: 1 })
  }

  #lost(since: number): void {
    this.#since = Math.min(this.#since ?? since, since)
  }

  #end(): void {
    const ms = this.#since === null ? 0 : performance.now() - this.#since
    this.#since = null
    this.#said = Number.NEGATIVE_INFINITY
    if (ms >= WAIT_MS)
      this.#emit({ type: 'survived', side: this.#side, what: 'waitedSeconds', amount: ms / 1000 })
  }
}
