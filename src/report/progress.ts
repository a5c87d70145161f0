/** The progress model: what the counts mean over time. Printers poll it; it knows no stream. */

import type { Counts, JobEvent, Phase } from '../tree/events.ts'

export interface ProgressState {
  phase: Phase
  /** In the place of the phase and its counts, where those say nothing. */
  says: string | null
  /** Znodes and bytes done in this phase. */
  znodes: number
  bytes: number
  /** Over the last ten seconds. */
  znodesPerSecond: number
  /** Seconds left in this phase; `null` until one can be given. */
  estimate: number | null
  /** What the job waits for, or `null` when it is not waiting. */
  waiting: Omit<Extract<JobEvent, { type: 'waiting' }>, 'type'> | null
  /** The side that was slowed down for in the last seconds, or `null`. */
  slowed: Extract<JobEvent, { type: 'slowed' }> | null
  /** What is held in the phase `hold`. */
  holding: Extract<JobEvent, { type: 'holding' }> | null
}

interface Sample {
  at: number
  done: number
}

const WINDOW_MS = 10_000
/** It is said again as long as it lasts. */
const SLOWED_MS = 12_000
/** Below this much history a rate, and what is derived from it, would only jump about. */
const SETTLED_MS = 2_000

export class ProgressModel {
  readonly #counts: Counts
  readonly #now: () => number
  #phase: Phase = 'connect'
  #says: string | null = null
  #samples: Sample[] = []
  #waiting: ProgressState['waiting'] = null
  #doneWhenWaiting = 0
  #holding: ProgressState['holding'] = null
  #slowed: ProgressState['slowed'] = null
  #slowedAt = 0

  /** `now` gives milliseconds that never go back. */
  constructor(counts: Counts, now: () => number) {
    this.#counts = counts
    this.#now = now
    this.#begin()
  }

  see(event: JobEvent): void {
    if (event.type === 'phase') {
      this.#phase = event.phase
      this.#says = event.says ?? null
      this.#waiting = null
      this.#holding = null
      this.#begin()
    } else if (event.type === 'holding') this.#holding = event
    else if (event.type === 'slowed') {
      this.#slowed = event
      this.#slowedAt = this.#now()
    } else if (event.type === 'waiting') {
      const { side, reason, seconds, atMostSeconds } = event
      this.#waiting = { side, reason, seconds, atMostSeconds }
      this.#doneWhenWaiting = this.#counts.phaseDone
    }
  }

  poll(): ProgressState {
    const done = this.#counts.phaseDone
    // Nobody says that a wait is over; work that goes on shows it.
    if (this.#waiting && done !== this.#doneWhenWaiting) this.#waiting = null
    if (this.#slowed && this.#now() - this.#slowedAt > SLOWED_MS) this.#slowed = null
    const elapsed = this.#sample(done)
    const first = this.#samples[0] as Sample
    const rate = elapsed > 0 ? Math.max(0, ((done - first.done) * 1000) / elapsed) : 0
    return {
      phase: this.#phase,
      says: this.#says,
      znodes: done,
      bytes: this.#counts.phaseBytes,
      znodesPerSecond: Math.round(rate),
      estimate: elapsed < SETTLED_MS ? null : this.#estimate(rate, done),
      waiting: this.#waiting,
      slowed: this.#slowed,
      holding: this.#holding,
    }
  }

  #begin(): void {
    this.#samples = [{ at: this.#now(), done: this.#counts.phaseDone }]
  }

  /** Adds a sample, forgets those outside the window, and gives the milliseconds that the window spans. */
  #sample(done: number): number {
    const at = this.#now()
    const last = this.#samples.at(-1) as Sample
    // A phase may begin by setting its counts back before or after it is announced.
    if (done < last.done) this.#samples = []
    this.#samples.push({ at, done })
    while (this.#samples.length > 2 && at - (this.#samples[1] as Sample).at >= WINDOW_MS)
      this.#samples.shift()
    return at - (this.#samples[0] as Sample).at
  }

  #estimate(rate: number, done: number): number | null {
    const total = this.#counts.phaseTotal
    if (total === null || rate <= 0) return null
    return Math.max(0, Math.round((total - done) / rate))
  }
}
