/**
 * Requests that are written and not yet answered, in order: a ring, so that a request costs no object.
 * It also counts the xids: 1 to 2³¹−1, then from 1 again. They are consecutive, so a slot's xid follows from the first's.
 */
import type { Burst } from './burst.ts'
import type { ZooKeeperError } from './errors.ts'

const LAST_XID = 2 ** 31 - 1

export class InFlight {
  readonly #mask: number
  readonly #bursts: (Burst | null)[]
  readonly #indexes: Int32Array
  readonly #sizes: Int32Array
  #head = 0
  #count = 0
  #bytes = 0
  #headXid: number

  /** @param capacity how many there can be at most */
  constructor(capacity: number, firstXid = 1) {
    const slots = 2 ** Math.ceil(Math.log2(Math.max(2, capacity)))
    this.#mask = slots - 1
    this.#bursts = new Array<Burst | null>(slots).fill(null)
    this.#indexes = new Int32Array(slots)
    this.#sizes = new Int32Array(slots)
    this.#headXid = firstXid
  }

  get count(): number {
    return this.#count
  }

  /** The size of their requests. */
  get bytes(): number {
    return this.#bytes
  }

  /** The xid that the next reply must have. */
  get headXid(): number {
    return this.#headXid
  }

  /** The xid that the next request gets. */
  get nextXid(): number {
    return this.#after(this.#count)
  }

  get headBurst(): Burst | null {
    return this.#count === 0 ? null : (this.#bursts[this.#head] ?? null)
  }

  get headIndex(): number {
    return this.#indexes[this.#head] ?? 0
  }

  add(burst: Burst, index: number, bytes: number): void {
    const slot = (this.#head + this.#count) & this.#mask
    this.#bursts[slot] = burst
    this.#indexes[slot] = index
    this.#sizes[slot] = bytes
    this.#count++
    this.#bytes += bytes
    burst.inFlight++
  }

  removeHead(): void {
    const burst = this.#bursts[this.#head]
    if (burst) burst.inFlight--
    this.#bytes -= this.#sizes[this.#head] ?? 0
    this.#bursts[this.#head] = null
    this.#head = (this.#head + 1) & this.#mask
    this.#count--
    this.#headXid = this.#after(1)
  }

  /** How many are before the one with this xid; −1 when it is not in flight. */
  find(xid: number): number {
    for (let ahead = 0; ahead < this.#count; ahead++) if (this.#after(ahead) === xid) return ahead
    return -1
  }

  at(ahead: number): { burst: Burst; index: number } {
    const slot = (this.#head + ahead) & this.#mask
    const burst = this.#bursts[slot]
    if (!burst || ahead >= this.#count) throw new RangeError(`no request ${ahead} places ahead`)
    return { burst, index: this.#indexes[slot] ?? 0 }
  }

  /** Settles all of them; the one that `except` requests are before, if any, with its own error. */
  failAll(error: ZooKeeperError, except = -1, own: ZooKeeperError = error): void {
    for (let ahead = 0; this.#count > 0; ahead++) {
      const burst = this.headBurst
      const index = this.headIndex
      this.removeHead()
      burst?.settle(index, ahead === except ? own : error)
    }
  }

  #after(steps: number): number {
    const xid = this.#headXid + steps
    return xid > LAST_XID ? xid - LAST_XID : xid
  }
}
