/**
 * Keeps a session alive while nothing else is sent, and notices a server that has gone silent.
 *
 * Pings after a third of the session timeout, gives up after two thirds in which no frame was completed or came well
 * along: after a length that is not one, pings' answers would fill the frame for ever. A server answers in the order
 * of the requests, pings included: one that goes on answering pings while it owes other answers for two whole
 * timeouts will not give them any more.
 */
import { performance } from 'node:perf_hooks'

const CHECKS_PER_TIMEOUT = 12
const OWING_TIMEOUTS = 2

export interface Pulse {
  ping(): void
  /** Whether an answer to anything but a ping is owed. */
  owes(): boolean
  /** @param why completes a sentence about the server */
  lost(why: string): void
}

export class Heartbeat {
  readonly #timeoutMs: number
  readonly #pulse: Pulse
  readonly #timer: NodeJS.Timeout
  readonly #period: number
  #lastSent = performance.now()
  #lastHeard = this.#lastSent
  #lastAnswer = this.#lastSent
  #lastCheck = this.#lastSent

  constructor(timeoutMs: number, pulse: Pulse) {
    this.#timeoutMs = timeoutMs
    this.#pulse = pulse
    this.#period = Math.max(20, timeoutMs / CHECKS_PER_TIMEOUT)
    this.#timer = setInterval(() => this.#check(), this.#period)
  }

  sent(): void {
    this.#lastSent = performance.now()
  }

  /** A whole frame, or a good piece of a long one. */
  heard(): void {
    this.#lastHeard = performance.now()
  }

  /** To something that is no ping. */
  answered(): void {
    this.#lastAnswer = performance.now()
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
    if (wasStopped || !this.#pulse.owes()) this.#lastAnswer = now
    const quiet = now - this.#lastHeard
    const owing = now - this.#lastAnswer
    if (quiet > (this.#timeoutMs * 2) / 3) {
      this.#pulse.lost(`it has been silent for ${inSeconds(quiet)} s`)
    } else if (owing > this.#timeoutMs * OWING_TIMEOUTS) {
      this.#pulse.lost(`it has answered pings and nothing else for ${inSeconds(owing)} s`)
    } else if (wasStopped || quiet > this.#timeoutMs / 3 || now - this.#lastSent > this.#timeoutMs / 3) {
      this.#lastSent = now
      this.#pulse.ping()
    }
  }
}

function inSeconds(ms: number): number {
  return Math.round(ms / 100) / 10
}
