/**
 * A session: a state machine over connections. A connection that is lost is no lost session:
 * it moves to another server with its id, password and last zxid, sends its identities, and sets its watches again.
 *
 *   attaching → attached ⇄ detached
 *   any of them → expired | auth-failed | closed, which are final
 */
import { attachTo } from './attach.ts'
import { AttachFailure } from './attach-failure.ts'
import type { AuthInfo } from './auth.ts'
import { Burst } from './burst.ts'
import { Connection, type ConnectionLimits } from './connection.ts'
import type { HostCycle } from './endpoints.ts'
import {
  AuthFailedError,
  ClientClosedError,
  ConnectionLossError,
  SessionExpiredError,
  ZooKeeperError,
} from './errors.ts'
import { closeSession, NO_SESSION } from './operations/connect.ts'
import type { WatchEvent } from './operations/watches.ts'
import { RequestQueue } from './request-queue.ts'
import { SaslLogin } from './sasl/login.ts'
import { findServer } from './server-search.ts'
import type { Endpoint } from './socket.ts'
import { Waiting, type WaitingReport } from './waiting.ts'
import { WatchRegistry } from './watch-registry.ts'
import { Errno } from './wire/errors.ts'

export type SessionState = 'attaching' | 'attached' | 'detached' | 'expired' | 'auth-failed' | 'closed'

export interface SessionOptions extends ConnectionLimits {
  hosts: HostCycle
  sessionTimeoutMs: number
  retryForMs: number
  /** The one identity that is proved, and those that are only named. */
  sasl: AuthInfo | null
  auth: readonly AuthInfo[]
  lastZxidSeen: bigint
  canBeReadOnly: boolean
  random: () => number
  onWaiting: (report: WaitingReport) => void
  onState: (state: SessionState) => void
  onWatchEvent: (event: WatchEvent) => void
}

/** Resume what another client began: the FAQ's way to test expiry, and to ask whether two ensembles are one. */
export interface SessionIdentity {
  sessionId: bigint
  password: Buffer
}

interface Attachment {
  first: boolean
  /** It makes up for a loss, and not for a close that we brought about. */
  counted: boolean
  pauseMs: number
}

const LONGEST_PAUSE_MS = 3000
const LONGEST_ATTEMPT_MS = 10_000
const LEAST_ATTEMPT_MS = 1000
const CLOSE_WAIT_MS = 5000

export class Session {
  readonly #options: SessionOptions
  readonly #queue = new RequestQueue()
  readonly #watches = new WatchRegistry()
  readonly #sasl: SaslLogin | null
  readonly #auths: AuthInfo[]
  readonly #search = new AbortController()
  #identity: SessionIdentity
  /** It was begun by another client. */
  readonly #resumes: boolean
  #state: SessionState = 'attaching'
  #connection: Connection | null = null
  #timeoutMs: number
  #lastZxid: bigint
  #connectionId = 0
  #reconnects = 0
  #closeConfirmed = false
  /** Connections in a row that ended without an answer to any request. */
  #fruitless = 0
  /** Why the session is over. */
  #fatal: ZooKeeperError | null = null
  #attached: Promise<void> = Promise.resolve()

  constructor(options: SessionOptions, identity: SessionIdentity = NO_SESSION) {
    this.#options = options
    this.#identity = identity
    this.#resumes = identity !== NO_SESSION
    this.#sasl = options.sasl === null ? null : new SaslLogin(options.sasl)
    this.#auths = [...options.auth]
    this.#timeoutMs = options.sessionTimeoutMs
    this.#lastZxid = options.lastZxidSeen
  }

  get state(): SessionState {
    return this.#state
  }

  get identity(): SessionIdentity {
    return this.#identity
  }

  get negotiatedTimeoutMs(): number {
    return this.#timeoutMs
  }

  get localAddress(): string | null {
    return this.#connection?.localAddress ?? null
  }

  get server(): string | null {
    return this.#connection?.endpoint.server ?? null
  }

  /** The address, too: two servers may go by one name. */
  get endpointLabel(): string | null {
    return this.#connection?.endpoint.label ?? null
  }

  get readOnly(): boolean {
    return this.#connection?.response.readOnly ?? false
  }

  get lastZxid(): bigint {
    return this.#lastZxid
  }

  get connectionId(): number {
    return this.#connectionId
  }

  get reconnects(): number {
    return this.#reconnects
  }

  /** A server has confirmed that the session is over. */
  get closeConfirmed(): boolean {
    return this.#closeConfirmed
  }

  get watches(): WatchRegistry {
    return this.#watches
  }

  start(): Promise<void> {
    return this.#attach({ first: true, counted: false, pauseMs: 0 })
  }

  /** Resolves when a server serves us; rejects when none ever will. */
  async attached(): Promise<void> {
    while (this.#state !== 'attached') {
      if (this.#fatal) throw this.#fatal
      await this.#attached
    }
  }

  submit(burst: Burst): void {
    if (this.#fatal) return burst.failUnwritten(this.#fatal)
    this.#queue.push(burst)
    this.#connection?.wake()
  }

  async ping(): Promise<void> {
    await this.attached()
    await this.#connection?.ping()
  }

  /** For this connection and all later ones. A scheme that the server refuses ends the session. */
  async authenticate(info: AuthInfo): Promise<void> {
    await this.attached()
    this.#auths.push(info)
    try {
      await this.#connection?.authenticate(info)
    } catch (error) {
      // When the connection was lost, attaching again sends it with the others.
      if (!(error instanceof ConnectionLossError)) throw error
      await this.attached()
    }
  }

  /** Never hangs: a server that does not answer is left to expire the session by itself. */
  async close(): Promise<void> {
    if (this.#fatal) return
    const connection = this.#connection
    this.#fatal = new ClientClosedError()
    this.#queue.failAll(this.#fatal)
    if (connection) {
      const goodbye = new Burst(closeSession, [null])
      this.#queue.push(goodbye)
      connection.wake()
      const timer = setTimeout(
        () => connection.end(new ConnectionLossError(connection.endpoint.label, 'the client was closed')),
        Math.min(CLOSE_WAIT_MS, this.#timeoutMs),
      )
      const [outcome] = await goodbye.outcomes
      this.#closeConfirmed = !(outcome instanceof ZooKeeperError)
      clearTimeout(timer)
      connection.end(new ClientClosedError())
    }
    this.#search.abort(this.#fatal)
    this.#setState('closed')
  }

  #setState(state: SessionState): void {
    if (this.#state === state) return
    this.#state = state
    this.#options.onState(state)
  }

  #fail(error: ZooKeeperError): void {
    if (this.#fatal) return
    this.#fatal = error
    this.#queue.failAll(error)
    if (error instanceof SessionExpiredError) this.#setState('expired')
    else if (error instanceof AuthFailedError) this.#setState('auth-failed')
    else this.#setState('closed')
  }

  #attach(how: Attachment): Promise<void> {
    this.#attached = this.#findServer(how)
    // Who waits for it hears of it; a session that nobody waits for fails its next request.
    this.#attached.catch(() => {})
    return this.#attached
  }

  async #findServer({ first, counted, pauseMs }: Attachment): Promise<void> {
    const { hosts, retryForMs, random, onWaiting } = this.#options
    const waiting = new Waiting(retryForMs, onWaiting)
    try {
      const connection = await findServer(
        hosts,
        (endpoint, signal) => this.#attempt(endpoint, signal),
        waiting,
        {
          retryForMs,
          attemptTimeoutMs: Math.max(
            LEAST_ATTEMPT_MS,
            Math.min(LONGEST_ATTEMPT_MS, this.#timeoutMs / hosts.size),
          ),
          strict: first,
          firstPauseMs: pauseMs,
          random,
          signal: this.#search.signal,
        },
      )
      if (this.#fatal) {
        connection.end(this.#fatal)
        throw this.#fatal
      }
      this.#connection = connection
      this.#connectionId++
      if (counted) this.#reconnects++
      this.#setState('attached')
      connection.openForRequests()
    } catch (error) {
      this.#fail(error instanceof ZooKeeperError ? error : unexpected(error))
      throw this.#fatal ?? error
    } finally {
      waiting.stop()
    }
  }

  async #attempt(endpoint: Endpoint, signal: AbortSignal): Promise<Connection> {
    try {
      return await this.#attachTo(endpoint, signal)
    } catch (error) {
      // One that was taken over by us is what the caller asked for; one that nobody has used yet is as good as any.
      if (!(error instanceof SessionExpiredError) || this.#state !== 'attaching' || this.#resumes) throw error
      this.#identity = NO_SESSION
      throw new AttachFailure('has ended the session before it could be used')
    }
  }

  #attachTo(endpoint: Endpoint, signal: AbortSignal): Promise<Connection> {
    return attachTo(endpoint, signal, {
      claim: {
        ...this.#identity,
        lastZxidSeen: this.#lastZxid,
        timeoutMs: this.#options.sessionTimeoutMs,
        readOnly: this.#options.canBeReadOnly,
      },
      connect: (socket, response) => {
        const connection = new Connection(socket, endpoint, response, this.#queue, this.#options, {
          onZxid: (zxid) => this.#sawZxid(zxid),
          onWatchEvent: (event) => {
            this.#watches.fired(event)
            this.#options.onWatchEvent(event)
          },
          onWatchReply: (burst, index, errno) => this.#leftWatch(burst, index, errno),
          onEnd: (error, expected) => this.#onEnd(connection, error, expected),
        })
        return connection
      },
      onAccepted: ({ sessionId, password, timeoutMs }) => {
        this.#identity = { sessionId, password }
        this.#timeoutMs = timeoutMs
      },
      sasl: this.#sasl,
      auths: this.#auths,
      watchFrames: () => this.#watches.frames(this.#lastZxid),
    })
  }

  #sawZxid(zxid: bigint): void {
    if (zxid > this.#lastZxid) this.#lastZxid = zxid
  }

  #leftWatch(burst: Burst, index: number, errno: number): void {
    const request = burst.requests[index]
    const watch = burst.operation.watchOf?.(request)
    const path = burst.operation.pathOf(request)
    if (!watch || path === null) return
    const missing = errno === Errno.noNode
    if (errno === 0 || (missing && watch === 'exists')) this.#watches.left(watch, path, missing)
  }

  #onEnd(connection: Connection, error: ZooKeeperError, expected: boolean): void {
    // One that ends before it was made ours is the search's business.
    if (connection !== this.#connection) return
    this.#connection = null
    if (this.#fatal) {
      this.#queue.failAll(this.#fatal)
    } else if (error instanceof ConnectionLossError) {
      this.#setState('detached')
      this.#fruitless = connection.answered ? 0 : this.#fruitless + 1
      const pauseMs = this.#fruitless === 0 ? 0 : Math.min(100 * 2 ** this.#fruitless, LONGEST_PAUSE_MS)
      void this.#attach({ first: false, counted: !expected, pauseMs })
    } else {
      this.#fail(error)
    }
  }
}

function unexpected(error: unknown): ZooKeeperError {
  return new ZooKeeperError(`the search for a server failed: ${String(error)}`, {
    code: 'INTERNAL',
    cause: error,
  })
}
