/** The bursts that still have requests to write, in the order of the calls. It outlives connections. */
import type { Burst } from './burst.ts'
import type { ZooKeeperError } from './errors.ts'

export class RequestQueue {
  #bursts: Burst[] = []

  get empty(): boolean {
    return this.#bursts.length === 0
  }

  push(burst: Burst): void {
    if (!burst.written) this.#bursts.push(burst)
  }

  /**
   * Offers the bursts one after another, and forgets those that are written to their end.
   * @param write writes what it can; `false` to offer no more
   */
  offer(write: (burst: Burst) => boolean): void {
    let offered = 0
    let done = 0
    for (const burst of this.#bursts) {
      offered++
      const more = write(burst)
      if (burst.written) done++
      if (!more) break
    }
    if (done === 0) return
    if (this.#bursts.slice(0, done).every((burst) => burst.written)) this.#bursts.splice(0, done)
    else this.#bursts = this.#bursts.filter((burst, index) => index >= offered || !burst.written)
  }

  failAll(error: ZooKeeperError): void {
    const bursts = this.#bursts
    this.#bursts = []
    for (const burst of bursts) burst.failUnwritten(error)
  }
}
