/** One direction of one connection: what is read on one side, delayed, throttled, held or lost, and written to the other. */
import type { Socket } from 'node:net'

/** How fast bytes pass. Changed in place, it holds for what comes from then on. */
export interface Pace {
  delayMs: number
  /** Up to so much more, another for each piece; the order stays. */
  jitterMs: number
  /** `null` for no limit. */
  bytesPerSecond: number | null
}

export const FULL_PACE: Pace = { delayMs: 0, jitterMs: 0, bytesPerSecond: null }

/** Bytes in hand above which no more are read. */
const MOST_HELD = 256 * 1024
/** What `repeatTail` has at hand. */
const TAIL_BYTES = 64 * 1024

export class Flow {
  readonly #from: Socket
  readonly #to: Socket
  readonly #pace: Pace
  readonly #random: () => number
  #queue: { due: number; bytes: Buffer }[] = []
  #held = 0
  #lastDue = 0
  #timer: NodeJS.Timeout | null = null
  #frozen = false
  #lost = false
  #ending = false
  #left: { bytes: number; then: () => void } | null = null
  #tail = Buffer.alloc(0)

  constructor(from: Socket, to: Socket, pace: Pace, random: () => number) {
    this.#from = from
    this.#to = to
    this.#pace = pace
    this.#random = random
  }

  push(bytes: Buffer): void {
    if (this.#lost || bytes.length === 0) return
    let passed = bytes
    if (this.#left !== null) {
      passed = bytes.subarray(0, this.#left.bytes)
      this.#left.bytes -= passed.length
    }
    this.#tail = Buffer.concat([this.#tail, passed]).subarray(-TAIL_BYTES)
    this.#send(passed)
    if (this.#left?.bytes === 0) {
      const { then } = this.#left
      this.#left = null
      this.#lost = true
      this.#to.write('', then)
    }
  }

  /** Passes so many more bytes, wherever in a frame that is, then nothing, and calls `then`. */
  passOnly(bytes: number, then: () => void): void {
    this.#left = { bytes, then }
    if (bytes === 0) this.push(Buffer.alloc(1))
  }

  /** Everything from now on disappears; the connection stays. */
  lose(): void {
    this.#lost = true
    this.#queue = []
  }

  freeze(): void {
    this.#frozen = true
    this.#from.pause()
  }

  thaw(): void {
    if (!this.#frozen) return
    this.#frozen = false
    this.#from.resume()
    this.#pump()
  }

  /** Sends the last so many bytes again. */
  repeatTail(bytes: number): void {
    this.#send(this.#tail.subarray(-bytes))
  }

  /** What was read goes on its way, then the other side hears of the end. */
  end(): void {
    this.#ending = true
    this.#pump()
  }

  stop(): void {
    if (this.#timer) clearTimeout(this.#timer)
    this.#queue = []
  }

  #send(bytes: Buffer): void {
    if (this.#queue.length === 0 && !this.#frozen && isFull(this.#pace)) {
      this.#to.write(bytes)
      return
    }
    const { delayMs, jitterMs, bytesPerSecond } = this.#pace
    const sent = performance.now() + delayMs + jitterMs * this.#random()
    const due =
      bytesPerSecond === null ? sent : Math.max(sent, this.#lastDue) + (bytes.length / bytesPerSecond) * 1000
    this.#lastDue = Math.max(due, this.#lastDue)
    this.#queue.push({ due: this.#lastDue, bytes })
    this.#held += bytes.length
    if (this.#held > MOST_HELD) this.#from.pause()
    this.#pump()
  }

  #pump(): void {
    if (this.#timer) clearTimeout(this.#timer)
    this.#timer = null
    if (this.#frozen) return
    for (let next = this.#queue[0]; next !== undefined; next = this.#queue[0]) {
      const wait = next.due - performance.now()
      if (wait > 0) {
        this.#timer = setTimeout(() => this.#pump(), Math.ceil(wait))
        return
      }
      this.#queue.shift()
      this.#held -= next.bytes.length
      this.#to.write(next.bytes)
    }
    if (this.#held <= MOST_HELD) this.#from.resume()
    if (this.#ending) this.#to.end()
  }
}

function isFull({ delayMs, jitterMs, bytesPerSecond }: Pace): boolean {
  return delayMs === 0 && jitterMs === 0 && bytesPerSecond === null
}
