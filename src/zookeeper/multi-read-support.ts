/**
 * Whether the server that we are attached to knows multiRead. It is asked anew for each connection:
 * the members of an ensemble may differ. Those before 3.6 close the connection on it, and the session attaches again.
 */
import { Burst } from './burst.ts'
import { UnimplementedError, ZooKeeperError } from './errors.ts'
import { multiReadData } from './operations/multi-read.ts'
import type { Session } from './session.ts'

export class MultiReadSupport {
  readonly #session: Session
  /** The connection that the answer is for. */
  #connectionId = -1
  #answer: Promise<boolean> | null = null
  /** Servers that have said no since the last real loss of a connection: we may come back to them at once. */
  #without = new Set<string>()
  #reconnects = 0

  constructor(session: Session) {
    this.#session = session
  }

  async known(): Promise<boolean> {
    for (;;) {
      await this.#session.attached()
      const { connectionId } = this.#session
      if (this.#answer === null || this.#connectionId !== connectionId) {
        this.#connectionId = connectionId
        this.#answer = this.#ask()
      }
      const answer = await this.#answer
      await this.#session.attached()
      // The answer may have cost us the connection; then another server may serve us now.
      if (this.#session.connectionId === connectionId) return answer
    }
  }

  async #ask(): Promise<boolean> {
    const { reconnects, endpointLabel } = this.#session
    if (reconnects !== this.#reconnects) this.#without.clear()
    this.#reconnects = reconnects
    if (endpointLabel !== null && this.#without.has(endpointLabel)) return false
    const probe = new Burst(multiReadData, [['/']])
    this.#session.submit(probe)
    const [outcome] = await probe.outcomes
    if (!(outcome instanceof ZooKeeperError)) return true
    if (outcome instanceof UnimplementedError && endpointLabel !== null) this.#without.add(endpointLabel)
    return false
  }
}
