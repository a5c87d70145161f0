/** Reads of a tree through one session: in batches by multiRead where the server has it, pipelined where not. */
import pLimit from 'p-limit'
import {
  type DataReply,
  type ListReply,
  type StatReply,
  type TreeReader,
  ZnodeError,
} from '../tree/contracts.ts'
import { absolutePath } from '../tree/path.ts'
import { type DataResult, type MultiReadReply, operations, ZooKeeperError } from '../zookeeper/index.ts'
import type { AclCache } from './acl-cache.ts'
import type { Failures } from './failures.ts'
import type { SessionKeeper } from './session-keeper.ts'

/** The reply to one multiRead is built in the server's heap before it is sent. */
const BATCH_BYTES = 512 * 1024
const BATCH_ZNODES = 512
/** Where sizes are not known: so many znodes a batch, and so many batches in flight to one ensemble. */
const BLIND_ZNODES = 64
const BLIND_BATCHES = 4

/** What the lanes of one location share. */
export class Reading {
  readonly root: string
  readonly failures: Failures
  readonly acls: AclCache
  /** Batches of unknown size in flight. */
  readonly blind = pLimit(BLIND_BATCHES)
  /** As if a large znode had just been seen: a server whose heap is full of them must not be asked for eight at once. */
  #largest = BATCH_BYTES

  constructor(root: string, failures: Failures, acls: AclCache) {
    this.root = root
    this.failures = failures
    this.acls = acls
  }

  /** How many znodes of unknown size may share a batch: fewer once large ones have been seen. */
  get blindZnodes(): number {
    return Math.max(1, Math.min(BLIND_ZNODES, Math.floor(BATCH_BYTES / Math.max(1, this.#largest))))
  }

  sawBatch(largest: number): void {
    this.#largest = Math.max(largest, Math.floor(this.#largest / 2))
  }
}

export class EnsembleLane implements TreeReader {
  readonly #session: SessionKeeper
  readonly #shared: Reading
  readonly #after: bigint

  constructor(session: SessionKeeper, shared: Reading, after: bigint) {
    this.#session = session
    this.#shared = shared
    this.#after = after
  }

  async list(paths: readonly string[]): Promise<(ListReply | ZnodeError)[]> {
    await this.#catchUp()
    const wanted = this.#absolute(paths)
    const replies: (ListReply | ZnodeError)[] = []
    for (let from = 0; from < wanted.length; from += BLIND_ZNODES) {
      replies.push(...(await this.#lists(wanted.slice(from, from + BLIND_ZNODES))))
    }
    return replies
  }

  async stat(paths: readonly string[]): Promise<(StatReply | ZnodeError)[]> {
    await this.#catchUp()
    const outcomes = await this.#session.read(operations.getAclRaw, this.#absolute(paths))
    return outcomes.map((outcome) =>
      outcome instanceof ZooKeeperError
        ? this.#shared.failures.ofZnode(outcome)
        : { stat: outcome.stat, acl: this.#shared.acls.list(outcome.aclBytes), zxid: outcome.zxid },
    )
  }

  async data(paths: readonly string[], sizes?: readonly number[]): Promise<(DataReply | ZnodeError)[]> {
    await this.#catchUp()
    const wanted = this.#absolute(paths)
    if (sizes === undefined) return this.#blindData(wanted)
    if (!(await this.#hasMultiRead())) return this.#eachData(wanted)
    const batches = bySize(wanted, sizes)
    const outcomes = await this.#session.read(operations.multiReadData, batches)
    return this.#unpack(batches, outcomes)
  }

  /** A lane on another session than the reply that it depends on must not be behind it. */
  async #catchUp(): Promise<void> {
    if (this.#session.newest < this.#after) await this.#session.sync()
  }

  #absolute(paths: readonly string[]): string[] {
    const { root } = this.#shared
    return paths.map((path) => absolutePath(root, path))
  }

  #hasMultiRead(): Promise<boolean> {
    return this.#session.supportsMultiRead()
  }

  async #lists(paths: string[]): Promise<(ListReply | ZnodeError)[]> {
    const [outcome] = (await this.#hasMultiRead())
      ? await this.#session.read(operations.multiReadChildren, [paths])
      : []
    if (outcome !== undefined && !(outcome instanceof ZooKeeperError)) {
      return outcome.results.map((result, at) => this.#listReply(result, outcome.zxid, paths[at] as string))
    }
    const outcomes = await this.#session.read(operations.getChildren, paths)
    return outcomes.map((reply, at) =>
      this.#listReply(reply, reply instanceof ZooKeeperError ? 0n : reply.zxid, paths[at] as string),
    )
  }

  #listReply(
    result: { children: string[] } | ZooKeeperError,
    zxid: bigint,
    path: string,
  ): ListReply | ZnodeError {
    if (result instanceof ZooKeeperError) return this.#shared.failures.ofZnode(result)
    const names = path === '/' ? result.children.filter((name) => name !== 'zookeeper') : result.children
    return { names: names.sort(), zxid }
  }

  async #eachData(paths: readonly string[]): Promise<(DataReply | ZnodeError)[]> {
    const outcomes = await this.#session.read(operations.getData, paths)
    return outcomes.map((outcome) =>
      outcome instanceof ZooKeeperError ? this.#shared.failures.ofZnode(outcome) : outcome,
    )
  }

  async #blindData(paths: string[]): Promise<(DataReply | ZnodeError)[]> {
    const replies: (DataReply | ZnodeError)[] = []
    while (replies.length < paths.length) {
      const batch = paths.slice(replies.length, replies.length + this.#shared.blindZnodes)
      const read = await this.#shared.blind(async () =>
        (await this.#hasMultiRead())
          ? this.#unpack([batch], await this.#session.read(operations.multiReadData, [batch]))
          : this.#eachData(batch),
      )
      let largest = 0
      for (const reply of read)
        if (!(reply instanceof ZnodeError)) largest = Math.max(largest, reply.data?.length ?? 0)
      this.#shared.sawBatch(largest)
      replies.push(...read)
    }
    return replies
  }

  async #unpack(
    batches: readonly string[][],
    outcomes: readonly (MultiReadReply<DataResult> | ZooKeeperError)[],
  ): Promise<(DataReply | ZnodeError)[]> {
    const replies: (DataReply | ZnodeError)[] = []
    for (const [at, outcome] of outcomes.entries()) {
      // Too much for the server at once, or a server without multiRead since a reconnect: each on its own.
      if (outcome instanceof ZooKeeperError) replies.push(...(await this.#eachData(batches[at] as string[])))
      else {
        for (const result of outcome.results) {
          replies.push(
            result instanceof ZooKeeperError
              ? this.#shared.failures.ofZnode(result)
              : { stat: result.stat, data: result.data, zxid: outcome.zxid },
          )
        }
      }
    }
    return replies
  }
}

/** Batches whose bytes are known. */
function bySize(paths: readonly string[], sizes: readonly number[]): string[][] {
  const batches: string[][] = []
  let batch: string[] = []
  let bytes = 0
  for (const [at, path] of paths.entries()) {
    const size = sizes[at] as number
    if (batch.length > 0 && (bytes + size > BATCH_BYTES || batch.length === BATCH_ZNODES)) {
      batches.push(batch)
      batch = []
      bytes = 0
    }
    batch.push(path)
    bytes += size
  }
  if (batch.length > 0) batches.push(batch)
  return batches
}
