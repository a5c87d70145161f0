/**
 * One socket to one server, after the handshake: frames in, requests out, replies matched in order.
 * It ends exactly once, with one error; what was in flight then has an unknown outcome.
 */
import type { Socket } from 'node:net'
import { type AuthInfo, userOf } from './auth.ts'
import type { Burst } from './burst.ts'
import {
  AuthFailedError,
  ConnectionLossError,
  ProtocolError,
  ServerError,
  SessionExpiredError,
  UnimplementedError,
  type ZooKeeperError,
} from './errors.ts'
import { Heartbeat } from './heartbeat.ts'
import { InFlight } from './in-flight.ts'
import { authFrame, type ConnectResponse, PING_FRAME, saslFrame } from './operations/connect.ts'
import { Opcode, Xid } from './operations/operation.ts'
import { readNotification, type WatchEvent } from './operations/watches.ts'
import { Outbox, type OutboxLimits } from './outbox.ts'
import type { RequestQueue } from './request-queue.ts'
import type { Endpoint } from './socket.ts'
import { Errno } from './wire/errors.ts'
import { FrameAssembler } from './wire/framing.ts'
import { JuteReader, MalformedRecordError } from './wire/reader.ts'

export interface ConnectionLimits extends OutboxLimits {
  maxFrameBytes: number
}

const PROGRESS_BYTES = 64 * 1024

export interface ConnectionListener {
  onZxid(zxid: bigint): void
  onWatchEvent(event: WatchEvent): void
  /** A request that leaves a watch was answered, with an error code or 0. */
  onWatchReply(burst: Burst, index: number, errno: number): void
  /** @param expected the server ended it because it did not know an operation, and nothing else was in flight */
  onEnd(error: ZooKeeperError, expected: boolean): void
}

interface Waiter<T = void> {
  resolve: (reply: T) => void
  reject: (error: ZooKeeperError) => void
}

export class Connection {
  readonly endpoint: Endpoint
  readonly response: ConnectResponse
  /** Whether a request was answered: a server that takes us in and then only hangs up is to be left alone for a while. */
  answered = false
  readonly #socket: Socket
  readonly #listener: ConnectionListener
  readonly #frames: FrameAssembler
  readonly #reader = new JuteReader()
  readonly #inFlight: InFlight
  readonly #outbox: Outbox
  readonly #heartbeat: Heartbeat
  readonly #pings: Waiter[] = []
  readonly #auths: (Waiter & { info: AuthInfo })[] = []
  readonly #setWatches: Waiter[] = []
  /** Nothing else may be sent. */
  #negotiating = false
  #saslStep: Waiter<Buffer | null> | null = null
  #open = false
  #ended: ZooKeeperError | null = null
  #pumpScheduled = false
  /** Of the frame that is not complete, when it was last seen to grow. */
  #filled = 0

  constructor(
    socket: Socket,
    endpoint: Endpoint,
    response: ConnectResponse,
    queue: RequestQueue,
    limits: ConnectionLimits,
    listener: ConnectionListener,
  ) {
    this.#socket = socket
    this.endpoint = endpoint
    this.response = response
    this.#listener = listener
    this.#frames = new FrameAssembler(limits.maxFrameBytes)
    this.#inFlight = new InFlight(limits.maxInFlight)
    this.#outbox = new Outbox(queue, this.#inFlight, limits, {
      write: (bytes) => this.#write(bytes),
      get waiting() {
        return socket.writableLength
      },
    })
    this.#heartbeat = new Heartbeat(response.timeoutMs, {
      ping: () => {
        if (!this.#negotiating) void this.ping().catch(() => {})
      },
      owes: () => this.#inFlight.count + this.#auths.length + this.#setWatches.length > 0,
      lost: (why) => this.#lose(why),
    })
    socket.on('data', (chunk) => this.receive(chunk))
    socket.on('drain', () => this.#pump())
    socket.on('error', (error) => this.#lose((error as NodeJS.ErrnoException).code ?? error.message))
    socket.on('close', () => this.#lose('the server closed it'))
  }

  /** Why it ended; `null` as long as it has not. */
  get ended(): ZooKeeperError | null {
    return this.#ended
  }

  /** From now on, requests are taken from the queue. */
  openForRequests(): void {
    this.#open = true
    this.#pump()
  }

  /** There is something in the queue. It is written once per turn of the event loop, with whatever else came up. */
  wake(): void {
    if (this.#pumpScheduled) return
    this.#pumpScheduled = true
    setImmediate(() => {
      this.#pumpScheduled = false
      this.#pump()
    })
  }

  ping(): Promise<void> {
    return this.#sendSpecial(this.#pings, PING_FRAME, {})
  }

  /** Runs a SASL exchange, whose steps are sent with `send`. A server that refuses one ends the connection, or answers `null`. */
  async negotiate(
    exchange: (send: (token: Buffer) => Promise<Buffer | null>) => Promise<void>,
  ): Promise<void> {
    this.#negotiating = true
    try {
      await exchange((token) => this.#stepOfSasl(token))
    } finally {
      this.#negotiating = false
    }
  }

  /** Rejects with `AuthFailedError`, and ends, when the server does not accept it. */
  authenticate(info: AuthInfo): Promise<void> {
    return this.#sendSpecial(this.#auths, authFrame(info), { info })
  }

  /** @param frame of setWatches or setWatches2 */
  restoreWatches(frame: Buffer): Promise<void> {
    return this.#sendSpecial(this.#setWatches, frame, {})
  }

  receive(chunk: Buffer): void {
    if (this.#ended) return
    try {
      this.#frames.push(chunk)
      for (let frame = this.#frames.next(); frame !== null; frame = this.#frames.next()) {
        this.#heartbeat.heard()
        this.#onFrame(frame)
        if (this.#ended) return
      }
    } catch (error) {
      if (!(error instanceof MalformedRecordError)) throw error
      this.end(new ProtocolError(this.endpoint.label, error.message, { cause: error }))
    }
    this.#noticeProgress()
    this.#pump()
  }

  /** A reply that takes long to arrive is on its way, and one of which there is a byte now and then is not. */
  #noticeProgress(): void {
    const { filled } = this.#frames
    if (filled < this.#filled) this.#filled = 0
    if (filled - this.#filled < PROGRESS_BYTES) return
    this.#filled = filled
    this.#heartbeat.heard()
    this.#heartbeat.answered()
  }

  get localAddress(): string | null {
    return this.#socket.localAddress ?? null
  }

  end(error: ZooKeeperError, expected = false): void {
    if (this.#ended) return
    this.#ended = error
    this.#heartbeat.stop()
    this.#socket.destroy()
    this.#inFlight.failAll(error)
    for (const waiter of [...this.#pings, ...this.#auths, ...this.#setWatches]) waiter.reject(error)
    this.#saslStep?.reject(error)
    this.#listener.onEnd(error, expected)
  }

  #lose(why: string): void {
    this.end(new ConnectionLossError(this.endpoint.label, why))
  }

  #sendSpecial<T extends object>(waiters: (Waiter & T)[], frame: Buffer, more: T): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#ended) return reject(this.#ended)
      waiters.push({ resolve, reject, ...more })
      this.#write(frame)
    })
  }

  #write(bytes: Buffer): void {
    this.#heartbeat.sent()
    this.#socket.write(bytes)
  }

  #pump(): void {
    if (this.#open && !this.#ended) this.#outbox.pump()
  }

  #onFrame(frame: Buffer): void {
    const body = this.#reader.reset(frame)
    const xid = body.int()
    const zxid = body.long()
    const errno = body.int()
    if (xid > 0) return this.#onReply(xid, zxid, errno, body)
    if (errno === Errno.saslRequired && xid !== Xid.sasl)
      return this.end(new AuthFailedError(this.endpoint.label, null, null, errno))
    switch (xid) {
      case Xid.sasl:
        return this.#onSaslReply(errno, body)
      case Xid.notification: {
        const event = readNotification(body, zxid)
        this.#saw(zxid)
        return this.#listener.onWatchEvent(event)
      }
      case Xid.ping:
        this.#saw(zxid)
        return this.#pings.shift()?.resolve()
      case Xid.auth:
        return this.#onAuthReply(errno)
      case Xid.setWatches:
        this.#saw(zxid)
        if (errno === 0) return this.#setWatches.shift()?.resolve()
        return this.#lose(`it could not restore watches (error ${errno})`)
    }
    throw new MalformedRecordError(`a reply with xid ${xid}`)
  }

  /** Of a frame that makes sense: a wrong zxid would make every server seem to be behind, for as long as the session lives. */
  #saw(zxid: bigint): void {
    if (zxid > 0n) this.#listener.onZxid(zxid)
  }

  #stepOfSasl(token: Buffer): Promise<Buffer | null> {
    return new Promise((resolve, reject) => {
      if (this.#ended) return reject(this.#ended)
      this.#saslStep = { resolve, reject }
      this.#write(saslFrame(token))
    })
  }

  #onSaslReply(errno: number, body: JuteReader): void {
    const step = this.#saslStep
    if (step === null) throw new MalformedRecordError('a reply with xid 0, where no SASL step was sent')
    // A refusal has no token, and whoever leads the exchange knows what that means.
    const token = errno === 0 ? body.buffer() : null
    this.#saslStep = null
    step.resolve(token === null ? null : Buffer.from(token))
  }

  #onAuthReply(errno: number): void {
    const waiter = this.#auths.shift()
    if (errno === 0) {
      waiter?.resolve()
      return
    }
    const { info } = waiter ?? {}
    const error = new AuthFailedError(
      this.endpoint.label,
      info?.scheme ?? null,
      info ? userOf(info) : null,
      errno,
    )
    waiter?.reject(error)
    this.end(error)
  }

  #onReply(xid: number, zxid: bigint, errno: number, body: JuteReader): void {
    const { headXid } = this.#inFlight
    const burst = this.#inFlight.headBurst
    if (xid !== headXid || burst === null) return this.#onStrayReply(xid, errno)
    const { operation } = burst
    const index = this.#inFlight.headIndex
    const request = burst.requests[index]
    // Read first: what cannot be read stays in flight, and fails with the connection.
    const outcome =
      errno === 0
        ? operation.read(body, zxid, request)
        : (operation.recover?.(errno, zxid, request) ?? serverError(burst, index, errno))
    this.#saw(zxid)
    this.#inFlight.removeHead()
    this.answered = true
    this.#heartbeat.answered()
    this.#outbox.answered(operation.opcode, errno !== Errno.unimplemented)
    if (operation.watchOf) this.#listener.onWatchReply(burst, index, errno)
    burst.settle(index, outcome)
    if (errno === 0) return
    if (errno === Errno.sessionExpired) {
      this.end(new SessionExpiredError(this.response.sessionId, this.endpoint.label))
    } else if (errno === Errno.saslRequired) {
      this.end(new AuthFailedError(this.endpoint.label, null, null, errno))
    } else if (errno === Errno.unimplemented && operation.opcode !== Opcode.createTTL) {
      // The server is about to close, and would do so again for the rest. A createTTL that is switched off gets the same code, and the connection stays.
      burst.failUnwritten(new UnimplementedError(operation.name, null, errno))
      this.end(this.#unknownOperation(burst), this.#inFlight.count === 0)
    }
  }

  /** Only the answer to an unknown operation may overtake others: the server gives it outside its pipeline. */
  #onStrayReply(xid: number, errno: number): void {
    const ahead = errno === Errno.unimplemented ? this.#inFlight.find(xid) : -1
    if (ahead < 0) throw new MalformedRecordError(`a reply with xid ${xid}, where ${this.#expected()}`)
    const { burst, index } = this.#inFlight.at(ahead)
    const loss = this.#unknownOperation(burst)
    this.#inFlight.failAll(loss, ahead, serverError(burst, index, errno))
    this.end(loss)
  }

  #expected(): string {
    return this.#inFlight.count === 0 ? 'nothing was asked' : `${this.#inFlight.headXid} is next`
  }

  #unknownOperation(burst: Burst): ConnectionLossError {
    return new ConnectionLossError(
      this.endpoint.label,
      `it does not know ${burst.operation.name}, and closes`,
    )
  }
}

function serverError(burst: Burst, index: number, errno: number): ServerError {
  const { name } = burst.operation
  const path = burst.operation.pathOf(burst.requests[index])
  return errno === Errno.unimplemented
    ? new UnimplementedError(name, path, errno)
    : new ServerError(name, path, errno)
}
