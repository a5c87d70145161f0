/** Limits that a march keeps to: bytes held in memory, and znodes or bytes a second. */

/** Bytes of data, and znodes. */
export interface Held {
  bytes: number
  znodes: number
}

export const UNLIMITED: Held = { bytes: Number.MAX_SAFE_INTEGER, znodes: Number.MAX_SAFE_INTEGER }

/** Lets at most so much be in hand at once. One holder larger than the window gets it alone. */
export class Window {
  readonly #size: Held
  readonly #free: Held
  readonly #waiting: { held: Held; go: () => void }[] = []

  constructor(size: Held) {
    this.#size = size
    this.#free = { ...size }
  }

  /** Resolves when so much may be held; give back what it returns. First come, first served. */
  async take(wanted: Held): Promise<Held> {
    const held = {
      bytes: Math.min(wanted.bytes, this.#size.bytes),
      znodes: Math.min(wanted.znodes, this.#size.znodes),
    }
    if (this.#waiting.length === 0 && this.#fits(held)) this.#hold(held)
    else await new Promise<void>((go) => this.#waiting.push({ held, go }))
    return held
  }

  give(held: Held): void {
    this.#free.bytes += held.bytes
    this.#free.znodes += held.znodes
    for (let next = this.#waiting[0]; next !== undefined && this.#fits(next.held); next = this.#waiting[0]) {
      this.#waiting.shift()
      this.#hold(next.held)
      next.go()
    }
  }

  #fits(held: Held): boolean {
    return held.bytes <= this.#free.bytes && held.znodes <= this.#free.znodes
  }

  #hold(held: Held): void {
    this.#free.bytes -= held.bytes
    this.#free.znodes -= held.znodes
  }
}

/** Spreads work evenly: at most `perSecond` units a second, measured from the first. `null` is no limit. */
export class Pace {
  readonly #perSecond: number | null
  #due = 0

  constructor(perSecond: number | null) {
    this.#perSecond = perSecond
  }

  get limits(): boolean {
    return this.#perSecond !== null
  }

  /** Waits until `units` more may be done, or the signal is aborted. */
  async take(units: number, signal?: AbortSignal): Promise<void> {
    if (this.#perSecond === null || units === 0) return
    const now = performance.now()
    const start = Math.max(now, this.#due)
    this.#due = start + (units / this.#perSecond) * 1000
    if (start > now) await pause(start - now, signal)
  }
}

/** Waits, or returns early when the signal is aborted. */
export function pause(milliseconds: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve()
    const done = () => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, milliseconds)
    signal?.addEventListener('abort', done)
  })
}
