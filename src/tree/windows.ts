/** Limits that a march keeps to: bytes held in memory, and znodes or bytes a second. */

/** Lets at most so many bytes be in hand at once. One holder larger than the window gets it alone. */
export class ByteWindow {
  #free: number
  readonly #size: number
  readonly #waiting: { bytes: number; go: () => void }[] = []

  constructor(size: number) {
    this.#size = size
    this.#free = size
  }

  /** Resolves when `bytes` may be held; give the returned number back. First come, first served. */
  async take(bytes: number): Promise<number> {
    const held = Math.min(bytes, this.#size)
    if (this.#waiting.length === 0 && held <= this.#free) {
      this.#free -= held
      return held
    }
    await new Promise<void>((go) => this.#waiting.push({ bytes: held, go }))
    return held
  }

  give(held: number): void {
    this.#free += held
    for (
      let next = this.#waiting[0];
      next !== undefined && next.bytes <= this.#free;
      next = this.#waiting[0]
    ) {
      this.#waiting.shift()
      this.#free -= next.bytes
      next.go()
    }
  }
}

/** Spreads work evenly: at most `perSecond` units a second, measured from the first. `null` is no limit. */
export class Pace {
  readonly #perSecond: number | null
  #due = 0

  constructor(perSecond: number | null) {
    this.#perSecond = perSecond
  }

  /** Waits until `units` more may be done. */
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
