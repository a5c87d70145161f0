/**
 * Measures how long an ensemble takes to answer: a sync now and then, on a session that does nothing else, for as long
 * as there is work. A sync goes the way of reads and of writes, through the server and through the leader.
 */
import { LocationProblem } from '../tree/errors.ts'
import type { ResponseTimes } from './response-times.ts'
import type { SessionKeeper } from './session-keeper.ts'

/** No work for so long: it ends, and begins anew with the next. */
const IDLE_MS = 2_000

export class Sounding {
  readonly #session: SessionKeeper
  readonly #times: ResponseTimes
  readonly #everyMs: number
  /** So much work is too little to need it. */
  #spared: number
  #lastWork = 0
  #running = false
  #closed = false

  constructor(session: SessionKeeper, times: ResponseTimes, everyMs: number, spared: number) {
    this.#session = session
    this.#times = times
    this.#everyMs = everyMs
    this.#spared = spared
  }

  /** Called with each batch of work. */
  work(): void {
    this.#lastWork = performance.now()
    if (this.#running || this.#closed || this.#spared-- > 0) return
    this.#running = true
    void this.#measure().finally(() => {
      this.#running = false
    })
  }

  close(): void {
    this.#closed = true
  }

  async #measure(): Promise<void> {
    try {
      await this.#session.client()
      while (!this.#closed && performance.now() - this.#lastWork < IDLE_MS) {
        const before = performance.now()
        const { reconnects } = this.#session
        await this.#session.sync()
        // How long it took to find a server is not how long one takes.
        if (reconnects === this.#session.reconnects) this.#times.answered(performance.now() - before)
        await new Promise((resolve) => setTimeout(resolve, this.#everyMs).unref())
      }
    } catch (error) {
      // Whoever works with this ensemble will hear of it too.
      if (!(error instanceof LocationProblem)) throw error
      this.#closed = true
    }
  }
}
