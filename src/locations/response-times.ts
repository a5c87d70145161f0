/**
 * How much is asked of an ensemble at once, which follows how long its servers take to answer others: additive
 * increase, multiplicative decrease, as TCP does. What is measured is a small request on an idle session, against the
 * shortest time seen; that floor rises slowly, so that a network that has become slower is not taken for a busy server.
 */

export interface Pacing {
  /** Requests in flight to one ensemble, all sessions together: at first, and never fewer or more. */
  first: number
  least: number
  most: number
  /** Groups of znodes at once, at least: while one is read, the one before it is written. */
  groups: number
  /** In one batch of writes, at most. */
  changes: number
  /** Added after each answer in time. */
  step: number
  /** What is left after an answer that took too long. */
  shrink: number
  /** Milliseconds above which an answer took too long. */
  limit(floorMs: number): number
  /** Between two measurements. */
  everyMs: number
}

/** What one group of znodes, and one batch of writes, are at full speed. */
const GROUP = 256
const LEAST_CHANGES = 20

/** Always on: only for servers that are in trouble. */
export const MILD: Pacing = {
  first: 16 * GROUP,
  least: GROUP / 2,
  most: 16 * GROUP,
  groups: 1,
  changes: 1000,
  step: GROUP / 2,
  shrink: 0.7,
  limit: (floorMs) => Math.max(8 * floorMs, floorMs + 250),
  everyMs: 200,
}

/** `--gentle` */
export const GENTLE: Pacing = {
  first: 128,
  least: 12,
  most: 4 * GROUP,
  groups: 3,
  changes: 40,
  step: 8,
  shrink: 0.7,
  limit: (floorMs) => Math.max(3 * floorMs, floorMs + 0.5),
  everyMs: 20,
}

/** The shortest of so many measurements counts: our own process may have been busy when an answer came. */
const OF_LATEST = 3
/** By which the floor rises with each measurement. */
const FLOOR_RISE = 1.001

export class ResponseTimes {
  /** How often less was asked than before. */
  throttled = 0
  readonly #pacing: Pacing
  readonly #slowed: (answerMs: number, usualMs: number) => void
  readonly #latest: number[] = []
  #requests: number
  #floor = Number.POSITIVE_INFINITY

  /** `slowed` is called whenever less is asked from now on. */
  constructor(pacing: Pacing, slowed: (answerMs: number, usualMs: number) => void) {
    this.#pacing = pacing
    this.#requests = pacing.first
    this.#slowed = slowed
  }

  /** Requests that may be in flight. */
  get requests(): number {
    return this.#requests
  }

  /** Groups of znodes that may be read at once. */
  get groups(): number {
    return Math.max(this.#pacing.groups, Math.ceil(this.#requests / GROUP))
  }

  /** Requests in flight of one group. */
  get window(): number {
    return Math.max(1, Math.floor(this.#requests / this.groups))
  }

  /** Changes in one batch of writes, and batches in flight. */
  get changes(): number {
    return Math.round(Math.min(this.#pacing.changes, Math.max(LEAST_CHANGES, this.#requests)))
  }

  get batches(): number {
    return this.#requests >= 8 * GROUP ? 4 : this.#requests >= 2 * GROUP ? 2 : 1
  }

  /** One small request took so long. */
  answered(ms: number): void {
    const { step, most, limit } = this.#pacing
    this.#floor = Math.min(ms, this.#floor * FLOOR_RISE)
    this.#latest.push(ms)
    if (this.#latest.length > OF_LATEST) this.#latest.shift()
    const shortest = Math.min(...this.#latest)
    if (this.#latest.length === OF_LATEST && shortest > limit(this.#floor)) {
      // Measured anew before the next step down.
      this.#latest.length = 0
      this.#less(this.#pacing.shrink, shortest)
    } else if (ms <= limit(this.#floor)) this.#requests = Math.min(most, this.#requests + step)
  }

  /** A server refused a request because it has too many. */
  refused(): void {
    this.#less(0.5, 0)
  }

  #less(share: number, answerMs: number): void {
    this.throttled++
    this.#requests = Math.max(this.#pacing.least, this.#requests * share)
    this.#slowed(answerMs, Number.isFinite(this.#floor) ? this.#floor : 0)
  }
}
