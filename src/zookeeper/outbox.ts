/**
 * Turns what waits in the queue into bytes for one connection, as far as its limits allow:
 * so many requests and bytes in flight, so many bytes in the socket. The rest waits unencoded.
 */
import type { Burst } from './burst.ts'
import { RequestError } from './errors.ts'
import type { InFlight } from './in-flight.ts'
import { isNewer } from './operations/operation.ts'
import type { RequestQueue } from './request-queue.ts'
import { JuteWriter } from './wire/writer.ts'

export interface OutboxLimits {
  /** Requests in flight, and their bytes. */
  maxInFlight: number
  maxInFlightBytes: number
}

/** Where the bytes go. */
export interface ByteSink {
  write(bytes: Buffer): void
  /** Bytes that it holds and has not sent yet. */
  readonly waiting: number
}

/** Bytes handed over in one write, and bytes that may wait in the socket. */
const WRITE_BYTES = 256 * 1024
const MAX_WAITING_BYTES = 1024 * 1024

export class Outbox {
  readonly #queue: RequestQueue
  readonly #inFlight: InFlight
  readonly #limits: OutboxLimits
  readonly #sink: ByteSink
  readonly #out = new JuteWriter()
  /** Operations of newer releases that this server has answered. */
  readonly #known = new Set<number>()
  /** One that it has not answered yet is in flight: nothing may follow it. */
  #trying = false

  constructor(queue: RequestQueue, inFlight: InFlight, limits: OutboxLimits, sink: ByteSink) {
    this.#queue = queue
    this.#inFlight = inFlight
    this.#limits = limits
    this.#sink = sink
  }

  pump(): void {
    if (this.#queue.empty) return
    this.#queue.offer((burst) => this.#writeBurst(burst))
    this.#flush()
  }

  /** A request was answered. @param understood the server knows the operation */
  answered(opcode: number, understood: boolean): void {
    if (!this.#trying) return
    this.#trying = false
    if (understood) this.#known.add(opcode)
  }

  /** Returns whether another burst may be written after it. */
  #writeBurst(burst: Burst): boolean {
    if (this.#trying) return false
    const { opcode } = burst.operation
    if (isNewer(opcode) && !this.#known.has(opcode)) return this.#tryOut(burst)
    while (!burst.written) {
      if (this.#full()) return false
      if (burst.inFlight >= burst.window) return true
      this.#writeRequest(burst, burst.next++)
      if (this.#out.length >= WRITE_BYTES) this.#flush()
    }
    return true
  }

  /** Sends one request with nothing else in flight: a server that does not know the operation closes the connection. */
  #tryOut(burst: Burst): boolean {
    if (this.#inFlight.count > 0) return false
    this.#writeRequest(burst, burst.next++)
    this.#trying = this.#inFlight.count > 0
    // One that could not be encoded is not on its way, and nothing need wait for it.
    return !this.#trying
  }

  #full(): boolean {
    return (
      this.#inFlight.count >= this.#limits.maxInFlight ||
      this.#inFlight.bytes >= this.#limits.maxInFlightBytes ||
      this.#sink.waiting >= MAX_WAITING_BYTES
    )
  }

  #writeRequest(burst: Burst, index: number): void {
    const { operation } = burst
    this.#out.beginFrame()
    try {
      this.#out.int(this.#inFlight.nextXid).int(operation.opcode)
      operation.write(this.#out, burst.requests[index])
    } catch (error) {
      this.#out.dropFrame()
      burst.settle(index, new RequestError(operation.name, { cause: error }))
      return
    }
    this.#inFlight.add(burst, index, this.#out.endFrame())
  }

  #flush(): void {
    if (this.#out.length > 0) this.#sink.write(this.#out.take())
  }
}
