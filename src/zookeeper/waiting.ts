/** Tells what a session waits for while no server serves it: when a first round over all hosts has failed, then again and again. */
import { performance } from 'node:perf_hooks'

export interface WaitingReport {
  /** One clause for each server that was tried: `127.0.0.1:2181 refuses connections`. */
  reason: string
  /** For how long we have been waiting. */
  seconds: number
}

/** A silent server fails no round for a while: say so after this time. */
const FIRST_REPORT_MS = 1000
const REPORT_EVERY_MS = 5000

export class Waiting {
  readonly #since = performance.now()
  readonly #reasons = new Map<string, string>()
  readonly #onWaiting: (report: WaitingReport) => void
  #timer: NodeJS.Timeout
  #reported = false

  constructor(onWaiting: (report: WaitingReport) => void) {
    this.#onWaiting = onWaiting
    this.#timer = setTimeout(() => this.#report(), FIRST_REPORT_MS)
  }

  get elapsedMs(): number {
    return performance.now() - this.#since
  }

  get seconds(): number {
    return Math.round(this.elapsedMs / 1000)
  }

  get reason(): string {
    return [...this.#reasons].map(([server, reason]) => `${server} ${reason}`).join('; ')
  }

  /** An attempt begins. Unless an earlier one said more, what we know of the server is its silence. */
  trying(server: string): void {
    if (!this.#reasons.has(server)) this.#reasons.set(server, 'does not answer')
  }

  failed(server: string, reason: string): void {
    this.#reasons.set(server, reason)
  }

  roundFailed(): void {
    if (!this.#reported) this.#report()
  }

  stop(): void {
    clearTimeout(this.#timer)
  }

  #report(): void {
    this.#reported = true
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#report(), REPORT_EVERY_MS)
    this.#onWaiting({ reason: this.reason, seconds: this.seconds })
  }
}
