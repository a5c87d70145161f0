/**
 * Requests of one kind that go out together and share one promise.
 *
 * There is nothing per request but its outcome: no promise, no closure, no copy. What is not yet written
 * is the tail of `requests`, so a flood that waits costs nothing beyond what the caller handed over.
 */
import type { ZooKeeperError } from './errors.ts'
import type { Operation } from './operations/operation.ts'

export interface BurstOptions {
  /** At most so many of these requests in flight; later calls may then overtake the rest. @default no limit of its own */
  window?: number
}

export class Burst<Q = unknown, R = unknown> {
  readonly operation: Operation<Q, R>
  readonly requests: readonly Q[]
  readonly window: number
  /** Never rejects. */
  readonly outcomes: Promise<(R | ZooKeeperError)[]>
  /** The first request that is not yet written. */
  next = 0
  inFlight = 0
  readonly #outcomes: (R | ZooKeeperError)[]
  #unsettled: number
  #resolve: (outcomes: unknown) => void = () => {}

  constructor(operation: Operation<Q, R>, requests: readonly Q[], options: BurstOptions = {}) {
    this.operation = operation
    this.requests = requests
    this.window = options.window ?? Number.POSITIVE_INFINITY
    this.#outcomes = new Array(requests.length)
    this.#unsettled = requests.length
    this.outcomes = new Promise((resolve) => {
      this.#resolve = resolve as (outcomes: unknown) => void
    })
    if (requests.length === 0) this.#resolve(this.#outcomes)
  }

  get written(): boolean {
    return this.next === this.requests.length
  }

  /** Each index is settled exactly once. */
  settle(index: number, outcome: R | ZooKeeperError): void {
    this.#outcomes[index] = outcome
    if (--this.#unsettled === 0) this.#resolve(this.#outcomes)
  }

  failUnwritten(error: ZooKeeperError): void {
    while (!this.written) this.settle(this.next++, error)
  }
}
