/**
 * The process that holds the `zookeeper` package, the official C client, and reads through it.
 *
 * A process of its own, because the package ends the one it runs in (segmentation fault) whenever a getACL fails,
 * whatever the reason: a znode that is gone, an ACL that forbids it, a connection that is lost.
 */
import pLimit from 'p-limit'
import type {
  NativeAclEntry,
  NativeOutcome,
  NativeRead,
  NativeReply,
  NativeRequest,
  NativeStat,
} from './native-protocol.ts'

type Callback = (rc: number, error: string, ...results: unknown[]) => void

/** Of the package's callback API: each method returns a code, and calls back only when that is 0. */
interface NativeClient {
  init(options: object): unknown
  on(event: 'connect' | 'connecting' | 'close', listener: (client: unknown, state: number) => void): unknown
  add_auth(scheme: string, auth: string, done: Callback): number
  a_sync(path: string, done: Callback): number
  a_get(path: string, watch: boolean, done: Callback): number
  a_get_acl(path: string, done: Callback): number
  a_get_children2(path: string, watch: boolean, done: Callback): number
  close(): void
}

type Opening = Extract<NativeRequest, { ask: 'open' }>

/** Requests in flight; of those whose replies may be a megabyte each, fewer. */
const IN_FLIGHT = 256
const BLIND_IN_FLIGHT = 16
const PAUSE_MS = 50
/** For the session to be closed; the package may hold on to one whose servers are gone. */
const CLOSING_MS = 2000
const NOT_FOUND = new Set(['MODULE_NOT_FOUND', 'ERR_MODULE_NOT_FOUND'])

/** The package's names for what a lost connection, or a lost session, does to a request. */
const RUNTIME_INCONSISTENCY = -2
const CONNECTION_LOSS = -4
const OPERATION_TIMEOUT = -7
const INVALID_STATE = -9
const SESSION_EXPIRED = -112
const CLOSING = -116
const SESSION_MOVED = -118
const THROTTLED = -127
const AUTH_FAILED_STATE = -113
const LOST = new Set([
  CONNECTION_LOSS,
  OPERATION_TIMEOUT,
  INVALID_STATE,
  SESSION_EXPIRED,
  CLOSING,
  SESSION_MOVED,
  THROTTLED,
])

/**
 * The package may find replies to the requests of a lost connection out of order: it drops the next connection, too,
 * and fails all that was asked there. From a server whose replies are wrong it is the same, time and again.
 */
const MAX_OUT_OF_ORDER = 5

const some = pLimit(IN_FLIGHT)
const few = pLimit(BLIND_IN_FLIGHT)

class Reader {
  readonly #make: () => NativeClient
  readonly #opening: Opening
  #client: NativeClient
  /** Connected, and all identities taken. */
  #usable = false
  /** Nothing will ever be read. */
  #fatal: Refused | null = null
  #waiting: (() => void)[] = []
  #closed = false

  constructor(make: () => NativeClient, opening: Opening) {
    this.#make = make
    this.#opening = opening
    this.#client = make()
    this.#start(this.#client)
  }

  /** Resolves when a server serves us. */
  async ready(): Promise<void> {
    while (!this.#usable) {
      if (this.#fatal !== null) throw this.#fatal
      await new Promise<void>((resolve) => this.#waiting.push(resolve))
    }
  }

  close(): void {
    this.#closed = true
    this.#client.close()
  }

  /** Everything that was committed by now is visible afterwards. */
  async sync(): Promise<NativeOutcome> {
    const [rc] = await this.#ask((client, done) => client.a_sync('/', done))
    return { rc }
  }

  async read(what: NativeRead, paths: readonly string[]): Promise<NativeOutcome[]> {
    const limit = what === 'blind-data' ? few : some
    return Promise.all(paths.map((path) => limit(() => this.#one(what, path))))
  }

  async #one(what: NativeRead, path: string): Promise<NativeOutcome> {
    if (what === 'data' || what === 'blind-data') {
      const [rc, stat, data] = await this.#ask<[NativeStat, Buffer | null]>((client, done) =>
        client.a_get(path, false, done),
      )
      return rc === 0 ? { rc, stat: plain(stat as NativeStat), data: data ?? null } : { rc }
    }
    // Needs READ in all releases: where it succeeds, getACL does too, and a failing getACL would end this process.
    const [rc, names, stat] = await this.#ask<[string[], NativeStat]>((client, done) =>
      client.a_get_children2(path, false, done),
    )
    if (rc !== 0) return { rc }
    if (what === 'list') return { rc, names: names as string[], stat: plain(stat as NativeStat) }
    const [code, acl, now] = await this.#ask<[NativeAclEntry[], NativeStat]>((client, done) =>
      client.a_get_acl(path, done),
    )
    if (code !== 0) return { rc: code }
    return { rc: code, stat: plain(now as NativeStat), acl: (acl as NativeAclEntry[]).map(plainEntry) }
  }

  /** Asks again, on the next connection, for what was lost with the last one. */
  async #ask<R extends unknown[]>(
    send: (client: NativeClient, done: Callback) => number,
  ): Promise<[number, ...Partial<R>]> {
    for (let outOfOrder = 0; ; ) {
      await this.ready()
      const [rc, results] = await new Promise<[number, unknown[]]>((resolve) => {
        const rc = send(this.#client, (code, _error, ...rest) => resolve([code, rest]))
        if (rc !== 0) resolve([rc, []])
      })
      const again = LOST.has(rc) || (rc === RUNTIME_INCONSISTENCY && ++outOfOrder < MAX_OUT_OF_ORDER)
      if (!again || this.#closed) return [rc, ...(results as Partial<R>)]
      // That the connection is lost may be heard after the replies that were lost with it.
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS))
    }
  }

  #start(client: NativeClient): void {
    let introduced = false
    client.on('connect', () => {
      if (introduced) this.#set(true)
      else {
        introduced = true
        this.#introduce(client).catch((error: unknown) => this.#end(error as Refused))
      }
    })
    client.on('connecting', () => {
      if (client === this.#client) this.#set(false)
    })
    client.on('close', (_client, state) => {
      if (client !== this.#client || this.#closed) return
      if (state === AUTH_FAILED_STATE) return this.#end(new Refused('an identity is not accepted'))
      this.#set(false)
      // The session has expired: the next one begins where the ensemble is now.
      this.#client = this.#make()
      this.#start(this.#client)
    })
    const { connect, timeoutMs } = this.#opening
    // Debug level 0: no log on stderr.
    client.init({ connect, timeout: timeoutMs, debug_level: 0, host_order_deterministic: false })
  }

  /** Identities, which later connections of the session have by themselves; then a sync. */
  async #introduce(client: NativeClient): Promise<void> {
    for (const { scheme, auth } of this.#opening.auth) {
      const rc = await codeOf((done) => client.add_auth(scheme, auth, done))
      if (rc !== 0 && !LOST.has(rc)) throw new Refused(`the ${scheme} identity is not accepted`)
    }
    const isOurs = () => client === this.#client && !this.#closed
    while (isOurs() && (await codeOf((done) => client.a_sync('/', done))) !== 0)
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS))
    if (isOurs()) this.#set(true)
  }

  #set(usable: boolean): void {
    this.#usable = usable
    tell({ connected: usable })
    if (usable) this.#wake()
  }

  #end(error: Refused): void {
    this.#fatal = error
    this.#usable = false
    this.#wake()
  }

  #wake(): void {
    for (const go of this.#waiting.splice(0)) go()
  }
}

function codeOf(send: (done: Callback) => number): Promise<number> {
  return new Promise((resolve) => {
    const rc = send((code) => resolve(code))
    if (rc !== 0) resolve(rc)
  })
}

class Refused extends Error {}

/** Own properties that can be cloned: the package defines its own as read-only. */
function plain(stat: NativeStat): NativeStat {
  const { czxid, mzxid, pzxid, ctime, mtime, version, cversion, aversion, ephemeralOwner } = stat
  const { dataLength, numChildren } = stat
  return {
    czxid,
    mzxid,
    pzxid,
    ctime,
    mtime,
    version,
    cversion,
    aversion,
    ephemeralOwner,
    dataLength,
    numChildren,
  }
}

function plainEntry({ perms, scheme, auth }: NativeAclEntry): NativeAclEntry {
  return { perms, scheme, auth }
}

function tell(reply: NativeReply): void {
  if (process.connected) process.send?.(reply)
}

/** It is optional: where it is missing, everything else must still compile. */
const PACKAGE: string = 'zookeeper'

async function load(): Promise<new (options: object) => NativeClient> {
  const loaded = (await import(PACKAGE)) as { default: new (options: object) => NativeClient }
  return loaded.default
}

let reader: Reader | null = null

async function open(request: Opening): Promise<void> {
  const { id } = request
  try {
    const Client = await load()
    reader = new Reader(() => new Client({}), request)
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    const missing = NOT_FOUND.has(code ?? '') && /'zookeeper'/.test(message)
    tell({ id, refused: missing ? 'not-installed' : 'no-binary', why: message.split('\n', 1)[0] ?? '' })
    return
  }
  await reader.ready()
  tell({ id, outcomes: [] })
}

async function answer(request: NativeRequest): Promise<void> {
  const { id } = request
  try {
    if (request.ask === 'open') return await open(request)
    if (reader === null) return
    const outcomes =
      request.ask === 'sync' ? [await reader.sync()] : await reader.read(request.ask, request.paths)
    tell({ id, outcomes })
  } catch (error) {
    if (!(error instanceof Refused)) throw error
    tell({ id, refused: 'auth', why: error.message })
  }
}

process.on('message', (request) => void answer(request as NativeRequest))
process.on('disconnect', () => {
  // The package may not even be loaded yet, and nobody would ever close what is opened then.
  if (reader === null) process.exit(0)
  reader.close()
  setTimeout(() => process.exit(0), CLOSING_MS).unref()
})
// Ctrl-C goes to the whole group: the job that this one serves decides when it ends.
process.on('SIGINT', () => {})
process.on('SIGTERM', () => {})
