/**
 * One session of a location, kept: opened when it is first needed, opened anew when it has expired, synced before the
 * first read and after every reconnect, and its reads repeated when a connection is lost under them.
 */
import { LocationProblem, OccupiedRefusal } from '../tree/errors.ts'
import { pause } from '../tree/windows.ts'
import {
  type AuthInfo,
  type ClientOptions,
  type Operation,
  operations,
  type WaitingReport,
  ZooKeeperClient,
  ZooKeeperError,
} from '../zookeeper/index.ts'
import type { Failures } from './failures.ts'
import { endsTheSession, isLost } from './failures.ts'
import type { Outages } from './outages.ts'
import type { ResponseTimes } from './response-times.ts'

/** After so many losses in a row the requests go one by one, to find the one that the server closes on. */
const LOSSES_BEFORE_ALONE = 3
/** A lone request on which the connection is lost so often is given up. */
const MAX_LONE_LOSSES = 3
/** That a session expires is no request's fault, as a rule. */
const MAX_EXPIRIES = 30
const THROTTLE_PAUSE_MS = 200
const LONGEST_PAUSE_MS = 3_000
/** A sync is not given up after fewer losses, however long they took. */
const LEAST_LOSSES = 3
/** Where nothing else was said. */
const RETRY_FOR_MS = 15 * 60_000

export interface KeeperOptions extends ClientOptions {
  /** Hears of what the session goes through. Without it, nobody is told that it waits. */
  outages?: Outages
  /** Looks at each server at which a session is begun. What it throws is thrown to all. */
  meet?: (client: ZooKeeperClient) => Promise<void>
}

export class SessionKeeper {
  readonly #options: ClientOptions
  readonly #outages: Outages | null
  readonly #meet: KeeperOptions['meet']
  readonly #failures: Failures
  readonly #times: ResponseTimes | null
  readonly #role: 'reads' | 'writes'
  #client: Promise<ZooKeeperClient> | null = null
  #open: ZooKeeperClient | null = null
  #synced = -1
  /** Each is a transaction of its own. */
  opened = 0
  /** What a session does before anything else when it takes the place of an expired one. What it throws is thrown to all. */
  greet: ((client: ZooKeeperClient) => Promise<void>) | null = null
  #reconnectsBefore = 0
  #newest = 0n

  /** `times` hears of refused requests and, unless the session writes, bounds how many reads are in flight. */
  constructor(
    { outages, meet, ...options }: KeeperOptions,
    failures: Failures,
    times: ResponseTimes | null = null,
    role: 'reads' | 'writes' = 'reads',
  ) {
    this.#options = options
    this.#outages = outages ?? null
    this.#meet = meet
    this.#failures = failures
    this.#times = times
    this.#role = role
  }

  /** Lost and found again, expired sessions included. */
  get reconnects(): number {
    return this.#reconnectsBefore + (this.#open?.reconnects ?? 0)
  }

  /** The newest zxid that this session has seen. */
  get newest(): bigint {
    const now = this.#open?.lastZxid ?? 0n
    return now > this.#newest ? now : this.#newest
  }

  /** @throws LocationProblem */
  async client(): Promise<ZooKeeperClient> {
    this.#client ??= this.#connect()
    return this.#client
  }

  /** Another identity for this session, also when it is opened anew. */
  async addAuth(auth: AuthInfo): Promise<void> {
    this.#options.auth = [...(this.#options.auth ?? []), auth]
    // One that is just being opened was begun without it; one that takes another's place has it.
    const client = await this.#client
    if (client !== undefined && client !== null) await this.#unlessExpired(client, () => client.addAuth(auth))
  }

  /** Whether the server that serves us now knows multiRead. */
  async supportsMultiRead(): Promise<boolean> {
    for (;;) {
      const client = await this.client()
      const known = await this.#unlessExpired(client, () => client.supportsMultiRead())
      if (known !== null) return known
    }
  }

  /** Sends requests and returns every outcome as it is; a session that has expired is replaced for the next call. */
  async send<Q, R>(operation: Operation<Q, R>, requests: readonly Q[]): Promise<(R | ZooKeeperError)[]> {
    const client = await this.client()
    // Writes go in the order of the calls: no window may let one call overtake another.
    const window = this.#role === 'reads' ? this.#times?.window : undefined
    const outcomes = await client.pipeline(operation, requests, window === undefined ? {} : { window })
    let throttled = false
    for (const outcome of outcomes) {
      if (!(outcome instanceof ZooKeeperError)) continue
      if (endsTheSession(outcome)) throw this.#failures.ofLocation(outcome)
      if (outcome.code === 'SESSIONEXPIRED') this.#renew(client)
      if (outcome.code === 'THROTTLEDOP') throttled = true
    }
    if (throttled) this.#times?.refused()
    return outcomes
  }

  /** Reads; what was lost on the way is read again. Errors that remain belong to their request. */
  async read<Q, R>(operation: Operation<Q, R>, requests: readonly Q[]): Promise<(R | ZooKeeperError)[]> {
    if (requests.length === 0) return []
    await this.syncOnce()
    const outcomes = await this.send(operation, requests)
    for (let losses = 1; outcomes.some(isLostOutcome); losses++) {
      await this.#afterLoss(outcomes)
      const alone = losses >= LOSSES_BEFORE_ALONE
      const open = [...outcomes.keys()].filter((at) => isLostOutcome(outcomes[at]))
      for (const group of alone ? open.map((at) => [at]) : [open]) {
        const again = alone
          ? [await this.#readAlone(operation, requests[group[0] as number] as Q)]
          : await this.send(
              operation,
              group.map((at) => requests[at] as Q),
            )
        for (const [index, at] of group.entries()) outcomes[at] = again[index] as R | ZooKeeperError
      }
      if (alone) break
    }
    return outcomes
  }

  /**
   * Everything that the ensemble had committed by now is visible afterwards. A server that takes sessions and answers
   * nothing is as good as none: it is waited for as long.
   */
  async sync(): Promise<bigint> {
    const begun = performance.now()
    let pauseMs = 0
    for (let losses = 1; ; losses++) {
      const client = await this.client()
      const connection = client.connectionId
      const [outcome] = await this.send(operations.sync, ['/'])
      if (!(outcome instanceof ZooKeeperError)) {
        this.#synced = connection
        return this.newest
      }
      if (!isLost(outcome)) throw this.#failures.ofLocation(outcome)
      const left = (this.#options.retryForMs ?? RETRY_FOR_MS) - (performance.now() - begun)
      if (left <= 0 && losses >= LEAST_LOSSES) throw this.#failures.ofLocation(outcome)
      await pause(Math.min(pauseMs, Math.max(0, left)))
      pauseMs = Math.min(Math.max(50, pauseMs * 2), LONGEST_PAUSE_MS)
    }
  }

  /** Syncs unless this connection has been synced already. */
  async syncOnce(): Promise<void> {
    const client = await this.client()
    if (this.#synced !== client.connectionId || this.#open !== client) await this.sync()
  }

  async close(): Promise<void> {
    const client = await this.#client?.catch(() => null)
    await client?.close()
  }

  async #readAlone<Q, R>(operation: Operation<Q, R>, request: Q): Promise<R | ZooKeeperError> {
    for (let losses = 0, expiries = 0; ; ) {
      const { opened } = this
      const [outcome] = await this.send(operation, [request])
      if (!isLostOutcome(outcome)) return outcome as R | ZooKeeperError
      await this.#afterLoss([outcome])
      const expired = this.opened > opened
      if (expired ? ++expiries === MAX_EXPIRIES : ++losses === MAX_LONE_LOSSES) return outcome
    }
  }

  async #afterLoss(outcomes: readonly unknown[]): Promise<void> {
    const throttled = outcomes.some(
      (outcome) => outcome instanceof ZooKeeperError && outcome.code === 'THROTTLEDOP',
    )
    if (throttled) await pause(THROTTLE_PAUSE_MS)
    await this.sync()
  }

  async #connect(): Promise<ZooKeeperClient> {
    const outage = new Outage(this.#outages)
    const { onWaiting } = this.#options
    try {
      const client = await ZooKeeperClient.connect({
        ...this.#options,
        lastZxidSeen: this.#newest,
        onWaiting: (report) => {
          onWaiting?.(report)
          outage.waiting(report)
        },
      })
      outage.follow(client)
      this.#open = client
      this.opened++
      this.#synced = -1
      await this.#meet?.(client)
      await this.greet?.(client)
      return client
    } catch (error) {
      outage.over()
      await this.#open?.close()
      if (error instanceof OccupiedRefusal || error instanceof LocationProblem) throw error
      throw this.#failures.ofLocation(error)
    }
  }

  /** For what is no request: `null` when the session had expired, and will be replaced. @throws LocationProblem */
  async #unlessExpired<T>(client: ZooKeeperClient, work: () => Promise<T>): Promise<T | null> {
    try {
      return await work()
    } catch (error) {
      if (!(error instanceof ZooKeeperError) || error.code !== 'SESSIONEXPIRED')
        throw this.#failures.ofLocation(error)
      this.#renew(client)
      return null
    }
  }

  #renew(expired: ZooKeeperClient): void {
    if (this.#open !== expired) return
    this.#outages?.expired()
    this.#outages?.reconnected(1)
    this.#newest = this.newest
    this.#reconnectsBefore += expired.reconnects + 1
    this.#open = null
    this.#client = null
  }
}

/** One client's times without a server. */
class Outage {
  readonly #outages: Outages | null
  #end: (() => void) | null = null
  #reconnects = 0

  constructor(outages: Outages | null) {
    this.#outages = outages
  }

  waiting(report: WaitingReport): void {
    this.#begin(report.seconds)
    this.#outages?.waiting(report)
  }

  follow(client: ZooKeeperClient): void {
    this.over()
    client.on('state', (state) => {
      if (state === 'detached') this.#begin(0)
      else this.over()
      const more = client.reconnects - this.#reconnects
      this.#reconnects = client.reconnects
      if (more > 0) this.#outages?.reconnected(more)
    })
  }

  over(): void {
    this.#end?.()
    this.#end = null
  }

  #begin(seconds: number): void {
    if (this.#outages !== null) this.#end ??= this.#outages.begin(seconds)
  }
}

function isLostOutcome(outcome: unknown): outcome is ZooKeeperError {
  return outcome instanceof ZooKeeperError && isLost(outcome)
}
