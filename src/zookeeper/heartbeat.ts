/**
 * Keeps a session alive while nothing else is sent, and notices a server that has gone silent.
 *
 * Pings after a third of the session timeout, gives up after two thirds without a byte.
 */
import { performance } from 'node:perf_hooks'

const CHECKS_PER_TIMEOUT = 12

export class Heartbeat {
  readonly #timeoutMs: number
  readonly #ping: () => void
  readonly #silent: (seconds: number) => void
  readonly #timer: NodeJS.Timeout
  readonly #period: number
  #lastSent = performance.now()
  #lastHeard = this.#lastSent
  #lastCheck = this.#lastSent

  constructor(timeoutMs: number, ping: () => void, silent: (seconds: number) => void) {
    this.#timeoutMs = timeoutMs
    this.#ping = ping
    this.#silent = silent
    this.#period = Math.max(20, timeoutMs / CHECKS_PER_TIMEOUT)
    this.#timer = setInterval(() => this.#check(), this.#period)
  }

  sent(): void {
    this.#lastSent = performance.now()
  }

  heard(): void {
    this.#lastHeard = performance.now()
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  #check(): void {
    const now = performance.now()
    // When we ourselves were stopped or busy, silence proves nothing: what came in has not been read yet.
    const wasStopped = now - this.#lastCheck > this.#period + this.#timeoutMs / 6
    this.#lastCheck = now
    if (wasStopped) this.#lastHeard = now
    const quiet = now - this.#lastHeard
    if (quiet > (this.#timeoutMs * 2) / 3) {
      this.#silent(Math.round(quiet / 100) / 10)
    } else if (wasStopped || quiet > this.#timeoutMs / 3 || now - this.#lastSent > this.#timeoutMs / 3) {
      this.#lastSent = now
      this.#ping()
    }
  }
}
