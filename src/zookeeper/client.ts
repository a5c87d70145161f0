/**
 * A ZooKeeper client: one session, promises for single requests, pipelines for many.
 *
 * A request that was in flight when the connection was lost fails with `ConnectionLossError`: it may or may not
 * have been carried out, and is never repeated. Requests that were not yet written wait for the next server.
 */
import { EventEmitter } from 'node:events'
import type { AuthInfo } from './auth.ts'
import { Burst, type BurstOptions } from './burst.ts'
import { type ClientOptions, sessionOptions } from './client-options.ts'
import { ZooKeeperError } from './errors.ts'
import { MultiReadSupport } from './multi-read-support.ts'
import * as operations from './operations/index.ts'
import type { MultiOp, MultiReply, MultiResult } from './operations/multi.ts'
import type { MultiReadReply, ReadOp, ReadResult } from './operations/multi-read.ts'
import type { Operation } from './operations/operation.ts'
import type { AddWatchMode, WatchEvent } from './operations/watches.ts'
import { checkExistingPath, checkPath } from './path.ts'
import { Session, type SessionState } from './session.ts'
import { type AclInput, OPEN_ACL, type Stat } from './wire/records.ts'

export interface CreateOptions {
  /** @default world:anyone may do everything */
  acl?: AclInput
  /** One of `CreateFlag`. @default persistent */
  flags?: number
}

export interface WatchOptions {
  /** Leave a one-shot watch. @default false */
  watch?: boolean
}

interface ClientEvents {
  watch: [event: WatchEvent]
  state: [state: SessionState]
}

export class ZooKeeperClient extends EventEmitter<ClientEvents> {
  readonly #session: Session
  readonly #multiReadSupport: MultiReadSupport

  private constructor(options: ClientOptions) {
    super()
    this.#session = new Session(
      sessionOptions(options, {
        onState: (state) => this.#tell('state', state),
        onWatchEvent: (event) => this.#tell('watch', event),
      }),
      options.resume,
    )
    this.#multiReadSupport = new MultiReadSupport(this.#session)
  }

  /**
   * Resolves when a server has taken the session and all identities.
   * @throws ConnectStringError, NotZooKeeperError, UnreachableError, AuthFailedError, SessionExpiredError
   */
  static async connect(options: ClientOptions): Promise<ZooKeeperClient> {
    const client = new ZooKeeperClient(options)
    const { signal } = options
    const giveUp = (): void => void client.close()
    signal?.addEventListener('abort', giveUp)
    try {
      const started = client.#session.start()
      if (signal?.aborted) giveUp()
      await started
    } finally {
      signal?.removeEventListener('abort', giveUp)
    }
    return client
  }

  get state(): SessionState {
    return this.#session.state
  }

  get sessionId(): bigint {
    return this.#session.identity.sessionId
  }

  /** A secret: with it, another client can take the session over. */
  get sessionPassword(): Buffer {
    return this.#session.identity.password
  }

  get negotiatedTimeoutMs(): number {
    return this.#session.negotiatedTimeoutMs
  }

  /** `host:port` of the server that serves us, as the connect string has it; `null` while none does. */
  get server(): string | null {
    return this.#session.server
  }

  /** The address that we reach the server from, which is our `ip` identity unless it is translated on the way. */
  get localAddress(): string | null {
    return this.#session.localAddress
  }

  /** The server has no quorum and serves reads only (see `canBeReadOnly`). */
  get readOnly(): boolean {
    return this.#session.readOnly
  }

  /** The highest zxid that any reply carried. */
  get lastZxid(): bigint {
    return this.#session.lastZxid
  }

  /** After `close()`: a server has confirmed it. If not, the session lives until it times out. */
  get closeConfirmed(): boolean {
    return this.#session.closeConfirmed
  }

  /** How often a connection was lost and the session found a server again. */
  get reconnects(): number {
    return this.#session.reconnects
  }

  /** Grows with every connection, so that a caller notices that it may be talking to another server. */
  get connectionId(): number {
    return this.#session.connectionId
  }

  /**
   * Many requests of one kind, in order, in flight together. Never rejects: each outcome is a reply or an error.
   * Paths are not checked beforehand.
   */
  pipeline<Q, R>(
    operation: Operation<Q, R>,
    requests: readonly Q[],
    options?: BurstOptions,
  ): Promise<(R | ZooKeeperError)[]> {
    const burst = new Burst(operation, requests, options)
    this.#session.submit(burst)
    return burst.outcomes
  }

  async create(
    path: string,
    data: Buffer | null,
    options: CreateOptions = {},
  ): Promise<operations.CreateReply> {
    return this.#one(operations.create, createRequest(path, data, options))
  }

  async create2(
    path: string,
    data: Buffer | null,
    options: CreateOptions = {},
  ): Promise<operations.Create2Reply> {
    return this.#one(operations.create2, createRequest(path, data, options))
  }

  /** 3.5.1 and later. */
  async createContainer(
    path: string,
    data: Buffer | null,
    options: Pick<CreateOptions, 'acl'> = {},
  ): Promise<operations.Create2Reply> {
    return this.#one(operations.createContainer, createRequest(path, data, options))
  }

  /** 3.5.3 and later, where `zookeeper.extendedTypesEnabled` is on; `UnimplementedError` where it is not. */
  async createTTL(
    path: string,
    data: Buffer | null,
    ttlMs: number,
    options: CreateOptions = {},
  ): Promise<operations.Create2Reply> {
    return this.#one(operations.createTTL, { ...createRequest(path, data, options), ttlMs })
  }

  async delete(path: string, version = -1): Promise<operations.DeleteReply> {
    checkExistingPath(path)
    return this.#one(operations.deleteZnode, { path, version })
  }

  /** `null` when there is no such znode. */
  async exists(path: string, { watch = false }: WatchOptions = {}): Promise<Stat | null> {
    checkExistingPath(path)
    return (await this.#one(operations.exists, { path, watch })).stat
  }

  async getData(path: string, { watch = false }: WatchOptions = {}): Promise<operations.GetDataReply> {
    checkExistingPath(path)
    return this.#one(operations.getData, { path, watch })
  }

  async setData(path: string, data: Buffer | null, version = -1): Promise<operations.StatReply> {
    checkExistingPath(path)
    return this.#one(operations.setData, { path, data, version })
  }

  async getACL(path: string): Promise<operations.GetAclReply> {
    checkExistingPath(path)
    return this.#one(operations.getACL, path)
  }

  async setACL(path: string, acl: AclInput, aversion = -1): Promise<operations.StatReply> {
    checkExistingPath(path)
    return this.#one(operations.setACL, { path, acl, aversion })
  }

  async getChildren(
    path: string,
    { watch = false }: WatchOptions = {},
  ): Promise<operations.GetChildrenReply> {
    checkExistingPath(path)
    return this.#one(operations.getChildren, { path, watch })
  }

  async getChildren2(
    path: string,
    { watch = false }: WatchOptions = {},
  ): Promise<operations.GetChildren2Reply> {
    checkExistingPath(path)
    return this.#one(operations.getChildren2, { path, watch })
  }

  /** Afterwards, reads on this session see what the leader had when this was called. */
  async sync(path: string): Promise<{ path: string; zxid: bigint }> {
    checkExistingPath(path)
    return this.#one(operations.sync, path)
  }

  /** This session's ephemeral znodes whose path begins with `prefix`. 3.6 and later. */
  async getEphemerals(prefix = '/'): Promise<{ paths: string[]; zxid: bigint }> {
    return this.#one(operations.getEphemerals, prefix)
  }

  /** How many descendants a znode has. 3.6 and later. */
  async getAllChildrenNumber(path: string): Promise<{ count: number; zxid: bigint }> {
    checkExistingPath(path)
    return this.#one(operations.getAllChildrenNumber, path)
  }

  /** A watch that stays until it is removed, and moves with the session. 3.6 and later. */
  async addWatch(path: string, mode: AddWatchMode): Promise<{ zxid: bigint }> {
    checkExistingPath(path)
    const reply = await this.#one(operations.addWatch, { path, mode })
    this.#session.watches.added(path, mode)
    return reply
  }

  /** 3.7 and later. */
  async whoAmI(): Promise<{ identities: operations.Identity[]; zxid: bigint }> {
    return this.#one(operations.whoAmI, null)
  }

  /** All or nothing. @throws MultiError when it is refused */
  async multi(ops: readonly MultiOp[]): Promise<MultiResult[]> {
    return (await this.multiReply(ops)).results
  }

  /** As `multi`, with the zxid that all of it has. */
  async multiReply(ops: readonly MultiOp[]): Promise<MultiReply> {
    return this.#one(operations.multi, ops)
  }

  /** 3.6 and later, see `supportsMultiRead`. Each outcome is its own. */
  async multiRead(ops: readonly ReadOp[]): Promise<(ReadResult | ZooKeeperError)[]> {
    return (await this.multiReadReply(ops)).results
  }

  /** As `multiRead`, with the zxid of the state that was read. */
  async multiReadReply(ops: readonly ReadOp[]): Promise<MultiReadReply> {
    return this.#one(operations.multiRead, ops)
  }

  /** Whether the server that serves us now knows multiRead: ask again when `connectionId` has changed. */
  supportsMultiRead(): Promise<boolean> {
    return this.#multiReadSupport.known()
  }

  /** Adds an identity to the session. A wrong digest password no server notices; an unknown scheme ends the session. */
  addAuth(auth: AuthInfo): Promise<void> {
    return this.#session.authenticate(auth)
  }

  ping(): Promise<void> {
    return this.#session.ping()
  }

  /** Resolves when a server serves us. @throws the error that ended the session */
  attached(): Promise<void> {
    return this.#session.attached()
  }

  /** Ends the session, with its ephemeral znodes. What is in flight is answered first, what is not yet written fails. */
  close(): Promise<void> {
    return this.#session.close()
  }

  async #one<Q, R>(operation: Operation<Q, R>, request: Q): Promise<R> {
    const [outcome] = await this.pipeline(operation, [request])
    if (outcome instanceof ZooKeeperError) throw outcome
    return outcome as R
  }

  /** A listener that throws must not look like a fault of the connection. */
  #tell<K extends keyof ClientEvents>(name: K, ...args: ClientEvents[K]): void {
    try {
      // The compiler cannot tell that `args` go with `name`.
      ;(this as EventEmitter).emit(name, ...args)
    } catch (error) {
      queueMicrotask(() => {
        throw error
      })
    }
  }
}

function createRequest(path: string, data: Buffer | null, { acl = OPEN_ACL, flags }: CreateOptions) {
  // The name of a sequential znode may be all number: then the path ends with a slash until the server completes it.
  const sequential = flags === 2 || flags === 3 || flags === 6
  checkPath(sequential && path.endsWith('/') ? `${path}0` : path)
  return flags === undefined ? { path, data, acl } : { path, data, acl, flags }
}

export type { ClientOptions }
