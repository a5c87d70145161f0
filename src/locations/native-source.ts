/**
 * An ensemble as a source, read through the `zookeeper` package: the official C client, which shares no code with the
 * one that writes. It gives no zxids of replies and 64-bit numbers as doubles; data, null apart from empty, ACLs, and
 * the 32-bit counters of a Stat are exact. What it cannot give, it fails for, rather than to call it equal.
 */
import { aclList } from '../tree/acl.ts'
import {
  type DataReply,
  type ListReply,
  type RootIdentity,
  type Side,
  type StatReply,
  type TreeReader,
  type TreeSource,
  ZnodeError,
} from '../tree/contracts.ts'
import { type LocationProblem, UsageProblem } from '../tree/errors.ts'
import type { Emit } from '../tree/events.ts'
import { absolutePath } from '../tree/path.ts'
import { newestZxid, type Stat } from '../tree/znode.ts'
import { type AuthInfo, formatHost, isSasl, ServerError } from '../zookeeper/index.ts'
import { Failures } from './failures.ts'
import { introduction } from './identities.ts'
import { ENDS_THE_CLIENT, NativeProcess } from './native-process.ts'
import type { NativeOutcome, NativeStat } from './native-protocol.ts'
import type { ParsedEnsemble } from './parse-location.ts'

export interface NativeSourceSetup {
  location: ParsedEnsemble
  side: Side
  auth: readonly AuthInfo[]
  sessionTimeoutMs: number
  retryForMs: number
  emit: Emit
}

/** Data in one answer of the other process. */
const ANSWER_BYTES = 2 * 1024 * 1024
/** Znodes in one answer where their size is not known: each may have a megabyte. */
const BLIND_ZNODES = 16

/** @throws UsageProblem for a location, or an identity, that the package can do nothing with. */
export function refuseForNative({ location, auth }: Pick<NativeSourceSetup, 'location' | 'auth'>): void {
  if (location.tls)
    throw new UsageProblem('--client native cannot be used with zks://: the zookeeper package has no TLS.')
  if (auth.some(isSasl))
    throw new UsageProblem(
      '--client native cannot be used with a SASL identity: the zookeeper package has no SASL.',
    )
}

/** @throws UsageProblem where the package cannot be used, LocationProblem */
export async function openNativeSource(setup: NativeSourceSetup): Promise<NativeSource> {
  refuseForNative(setup)
  const source = new NativeSource(setup)
  try {
    await source.open()
  } catch (error) {
    await source.close()
    throw error
  }
  return source
}

class NativeSource implements TreeSource, TreeReader {
  readonly side: Side
  readonly name: string
  readonly rootPath: string
  /** It reads through one session, with few requests in flight. */
  readonly groups = 4
  readonly throttled = 0
  readonly #process: NativeProcess
  readonly #failures: Failures
  /** Of what was read; the package does not tell a reply's. */
  #newest = 0n

  constructor({ location, side, auth, sessionTimeoutMs, retryForMs, emit }: NativeSourceSetup) {
    this.side = side
    this.name = location.text
    this.rootPath = location.path
    this.#failures = new Failures(side, location.text, introduction(auth))
    this.#process = new NativeProcess({
      side,
      name: location.text,
      connect: location.hosts.map(formatHost).join(','),
      auth: auth.map((one) => ({ scheme: one.scheme, auth: one.auth.toString() })),
      sessionTimeoutMs,
      retryForMs,
      emit,
    })
  }

  readonly sessionsOpened = 1

  get reconnects(): number {
    return this.#process.reconnects
  }

  open(): Promise<void> {
    return this.#process.open()
  }

  async identity(): Promise<RootIdentity | null> {
    const [root] = await this.data([''])
    if (root instanceof ZnodeError) {
      if (root.gone) return null
      throw this.#unusable(root, `reading ${this.rootPath}`)
    }
    if (root === undefined) throw new Error('a read without an outcome')
    return this.rootPath === '/' ? this.#oldestChild() : { czxid: root.stat.czxid, ctime: root.stat.ctime }
  }

  async position(): Promise<bigint> {
    await this.#process.sync()
    return this.#newest
  }

  /** One session: what it shows never goes back in time, whoever reads. */
  lane(): TreeReader {
    return this
  }

  async list(paths: readonly string[]): Promise<(ListReply | ZnodeError)[]> {
    const outcomes = await this.#process.read('list', this.#absolute(paths))
    return outcomes.map((outcome, at) => {
      if (outcome.names === undefined) return this.#error(outcome, paths[at] as string)
      const own = this.rootPath === '/' && paths[at] === ''
      return { names: outcome.names.filter((name) => !own || name !== 'zookeeper').sort(), zxid: 0n }
    })
  }

  async stat(paths: readonly string[]): Promise<(StatReply | ZnodeError)[]> {
    const outcomes = await this.#process.read('stat', this.#absolute(paths))
    return outcomes.map((outcome, at) => {
      if (outcome.stat === undefined || outcome.acl === undefined)
        return this.#error(outcome, paths[at] as string)
      if (outcome.acl.some(({ scheme, auth }) => GARBLED.test(scheme + auth))) return garbled
      const entries = outcome.acl.map(({ perms, scheme, auth }) => ({ perms, scheme, id: Buffer.from(auth) }))
      return { stat: this.#stat(outcome.stat), acl: aclList(entries), zxid: 0n }
    })
  }

  async data(paths: readonly string[], sizes?: readonly number[]): Promise<(DataReply | ZnodeError)[]> {
    const replies: (DataReply | ZnodeError)[] = []
    for (const part of inParts(paths, sizes)) {
      const outcomes = await this.#process.read(
        sizes === undefined ? 'blind-data' : 'data',
        this.#absolute(part),
      )
      for (const [at, { data, stat, ...outcome }] of outcomes.entries()) {
        if (stat === undefined || data === undefined) replies.push(this.#error(outcome, part[at] as string))
        else replies.push({ stat: this.#stat(stat), data: data === null ? null : asBuffer(data), zxid: 0n })
      }
    }
    return replies
  }

  async close(): Promise<void> {
    this.#process.close()
  }

  async #oldestChild(): Promise<RootIdentity> {
    const [reply] = await this.list([''])
    if (reply === undefined || reply instanceof ZnodeError)
      throw this.#unusable(reply ?? new ZnodeError('NOREPLY', 'no reply'), 'listing /')
    let oldest: RootIdentity = { czxid: 0n, ctime: 0n }
    for (const child of await this.stat(reply.names)) {
      if (child instanceof ZnodeError) continue
      const { czxid, ctime } = child.stat
      if (oldest.czxid === 0n || czxid < oldest.czxid) oldest = { czxid, ctime }
    }
    return oldest
  }

  #absolute(paths: readonly string[]): string[] {
    return paths.map((path) => absolutePath(this.rootPath, path))
  }

  #stat(native: NativeStat): Stat {
    const { version, cversion, aversion, dataLength, numChildren } = native
    const stat = {
      czxid: BigInt(native.czxid),
      mzxid: BigInt(native.mzxid),
      pzxid: BigInt(native.pzxid),
      ctime: BigInt(native.ctime.getTime()),
      mtime: BigInt(native.mtime.getTime()),
      ephemeralOwner: BigInt.asIntN(64, BigInt(`0x${native.ephemeralOwner}`)),
      version,
      cversion,
      aversion,
      dataLength,
      numChildren,
    }
    const newest = newestZxid(stat)
    if (newest > this.#newest) this.#newest = newest
    return stat
  }

  #error({ rc }: NativeOutcome, path: string): ZnodeError {
    if (rc === ENDS_THE_CLIENT) return deadly
    return this.#failures.ofZnode(new ServerError('zookeeper package', absolutePath(this.rootPath, path), rc))
  }

  #unusable(error: ZnodeError, what: string): LocationProblem {
    if (error.code === 'NOAUTH') return this.#failures.unauthorised(what)
    return this.#failures.ofLocation(error)
  }
}

/** What the package puts in place of bytes that are no UTF-8. */
const GARBLED = /\ufffd/

const garbled = new ZnodeError(
  'GARBLED',
  'its ACL has an id that is not UTF-8, which the zookeeper package cannot give as it is; verify without --client native compares it',
)

const deadly = new ZnodeError(
  'CLIENTENDED',
  'the zookeeper package ended its process whenever it read this znode; verify without --client native compares it',
)

function* inParts(paths: readonly string[], sizes?: readonly number[]): Generator<string[]> {
  let part: string[] = []
  let bytes = 0
  for (const [at, path] of paths.entries()) {
    const size = sizes?.[at] ?? ANSWER_BYTES / BLIND_ZNODES
    if (part.length > 0 && bytes + size > ANSWER_BYTES) {
      yield part
      part = []
      bytes = 0
    }
    part.push(path)
    bytes += size
  }
  if (part.length > 0) yield part
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
