/** Tells what a session waits for while no server serves it: when a first round over all hosts has failed, then again and again. */
import { performance } from 'node:perf_hooks'

export interface WaitingReport {
  /** One clause for each server that was tried: `127.0.0.1:2181 refuses connections`. */
  reason: string
  /** For how long we have been waiting. */
  seconds: number
  /** For how long we wait at most. */
  atMostSeconds: number
  /** Every server was tried and none served us. Before that, they may be no more than slow. */
  failed: boolean
}

/** A silent server fails no round for a while: say so after this time. */
const FIRST_REPORT_MS = 1000
const REPORT_EVERY_MS = 5000
/** A timer that is so late tells of us: the process was busy, and has not looked at what the servers answer. */
const LATE_MS = 500

export class Waiting {
  readonly #since = performance.now()
  readonly #reasons = new Map<string, string>()
  readonly #onWaiting: (report: WaitingReport) => void
  readonly #atMostMs: number
  #timer: NodeJS.Timeout
  #failed = false

  constructor(atMostMs: number, onWaiting: (report: WaitingReport) => void) {
    this.#atMostMs = atMostMs
    this.#onWaiting = onWaiting
    this.#timer = this.#in(FIRST_REPORT_MS)
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
    if (this.#failed) return
    this.#failed = true
    this.#report()
  }

  stop(): void {
    clearTimeout(this.#timer)
  }

  #in(ms: number): NodeJS.Timeout {
    const due = performance.now() + ms
    return setTimeout(() => {
      if (performance.now() - due > LATE_MS) this.#timer = this.#in(FIRST_REPORT_MS)
      else this.#report()
    }, ms)
  }

  #report(): void {
    clearTimeout(this.#timer)
    this.#timer = this.#in(REPORT_EVERY_MS)
    this.#onWaiting({
      reason: this.reason,
      seconds: this.seconds,
      atMostSeconds: Math.round(this.#atMostMs / 1000),
      failed: this.#failed,
    })
  }
}
