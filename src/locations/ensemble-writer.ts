/**
 * Writes through one session, in order. Changes that wait share multis bounded by bytes and count, several in flight:
 * the session is first in, first out, so a parent's create and its children's may be under way together.
 */
import { OPEN_ACL } from '../tree/acl.ts'
import type { Change, ChangeOutcome, Former, UndoRecord } from '../tree/contracts.ts'
import { absolutePath } from '../tree/path.ts'
import { ZxidRanges } from '../tree/zxid-ranges.ts'
import { MultiError, type MultiOp, type Operation, operations, ZooKeeperError } from '../zookeeper/index.ts'
import { rawAcl } from './acl-cache.ts'
import { endsTheSession, type Failures, isLost } from './failures.ts'
import type { ResponseTimes } from './response-times.ts'
import type { SessionKeeper } from './session-keeper.ts'

/** Well under jute.maxbuffer's default of 1048575, which counts the whole request. */
const BATCH_BYTES = 512 * 1024
/** Path, ACL and headers of one change, at a guess. */
const CHANGE_OVERHEAD = 128

interface Item {
  change: Change
  bytes: number
  /** Sent as a request of its own, so that it has an outcome of its own. */
  alone: boolean
  /** What it changes was kept for its sake. */
  kept: boolean
  call: Call
  at: number
}

type Endangered = Item & { change: { former: Former } }

function endangers(change: Change): boolean {
  return 'former' in change && change.former !== 'kept'
}

function isEndangered(item: Item): item is Endangered {
  return endangers(item.change)
}

class Call {
  readonly outcomes: ChangeOutcome[]
  #open: number
  readonly #resolve: (outcomes: ChangeOutcome[]) => void
  readonly #reject: (error: unknown) => void

  constructor(size: number, resolve: (outcomes: ChangeOutcome[]) => void, reject: (error: unknown) => void) {
    this.outcomes = new Array(size)
    this.#open = size
    this.#resolve = resolve
    this.#reject = reject
  }

  settle(at: number, outcome: ChangeOutcome): void {
    this.outcomes[at] = outcome
    if (--this.#open === 0) this.#resolve(this.outcomes)
  }

  fail(error: unknown): void {
    this.#reject(error)
  }
}

export class EnsembleWriter {
  /** The zxid of the newest acknowledged write that left one. */
  lastWrite = 0n
  /** The zxids of the writes since `markProof`; `null` before, and where one may have arrived unheard. */
  lateWrites: ZxidRanges | null = null
  /** Told of everything before it is sent. */
  before: ((changes: readonly Change[]) => void) | null = null
  /** Gets what is overwritten or deleted before that is sent. */
  undo: UndoRecord | null = null
  readonly #session: SessionKeeper
  readonly #root: string
  readonly #failures: Failures
  readonly #times: ResponseTimes
  readonly #calls = new Set<Promise<unknown>>()
  #queue: Item[] = []
  #head = 0
  #inFlight = 0
  #scheduled = false
  /** Changes in the queue that overwrite or delete something. */
  #endangered = 0
  /** What comes later waits: it may need what is being kept. */
  #keeping = false

  constructor(session: SessionKeeper, root: string, failures: Failures, times: ResponseTimes) {
    this.#session = session
    this.#root = root
    this.#failures = failures
    this.#times = times
  }

  write(changes: readonly Change[], alone: boolean): Promise<ChangeOutcome[]> {
    if (changes.length === 0) return Promise.resolve([])
    this.before?.(changes)
    const called = new Promise<ChangeOutcome[]>((resolve, reject) => {
      const call = new Call(changes.length, resolve, reject)
      for (const [at, change] of changes.entries()) {
        const bytes = sizeOf(change)
        // setACL cannot be part of a multi, and what fills a batch goes alone.
        const single =
          change.kind === 'setAcl' || (MANY[change.kind] === undefined && (alone || bytes > BATCH_BYTES))
        if (endangers(change)) this.#endangered++
        this.#queue.push({ change, bytes, alone: single, kept: false, call, at })
      }
      this.#schedule()
    })
    this.#calls.add(called)
    const forget = () => this.#calls.delete(called)
    called.then(forget, forget)
    return called
  }

  /** Resolves when everything that was written before has an outcome. */
  async drained(): Promise<void> {
    await Promise.allSettled([...this.#calls])
  }

  /** Once a tick, so that what several groups write in the same tick shares a batch. */
  #schedule(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    setImmediate(() => {
      this.#scheduled = false
      this.#pump()
    })
  }

  #pump(): void {
    if (this.#keeping) return
    const batches: Item[][] = []
    while (this.#inFlight < this.#times.batches && this.#head < this.#queue.length) {
      batches.push(this.#take())
      this.#inFlight++
    }
    const endangered = this.#endangered === 0 ? [] : batches.flat().filter(isEndangered)
    this.#endangered -= endangered.length
    if (this.undo === null || endangered.length === 0) for (const batch of batches) this.#launch(batch)
    else void this.#keep(this.undo, endangered, batches)
  }

  #launch(batch: Item[]): void {
    void this.#send(batch)
      .catch((error: unknown) => {
        for (const item of batch) item.call.fail(error)
      })
      .finally(() => {
        this.#inFlight--
        this.#pump()
      })
  }

  /** One sync for all batches that are sent together. */
  async #keep(undo: UndoRecord, endangered: Endangered[], batches: Item[][]): Promise<void> {
    this.#keeping = true
    try {
      const fresh = undo.keep(endangered.map(({ change: { path, former } }) => ({ path, former })))
      for (const [at, item] of endangered.entries()) item.kept = fresh[at] === true
      await undo.synced()
      for (const batch of batches) this.#launch(batch)
    } catch (error) {
      this.#inFlight -= batches.length
      for (const item of batches.flat()) item.call.fail(error)
    } finally {
      this.#keeping = false
      this.#pump()
    }
  }

  /** Refused for sure: what they are when they are read again is what is overwritten then. */
  #release(items: readonly Item[]): void {
    const paths = items.filter((item) => item.kept).map((item) => item.change.path)
    if (paths.length > 0) this.undo?.release(paths)
  }

  /** The next items that can go in one request, or in one burst of requests of a kind. */
  #take(): Item[] {
    const first = this.#queue[this.#head] as Item
    const most = this.#times.changes
    let end = this.#head
    let bytes = 0
    while (end < this.#queue.length && end - this.#head < most) {
      const item = this.#queue[end] as Item
      if (
        item.alone !== first.alone ||
        (item.alone && requestKind(item.change) !== requestKind(first.change))
      )
        break
      if (end > this.#head && bytes + item.bytes > BATCH_BYTES) break
      bytes += item.bytes
      end++
    }
    const batch = this.#queue.slice(this.#head, end)
    this.#head = end
    if (this.#head === this.#queue.length || this.#head > 10_000) {
      this.#queue = this.#queue.slice(this.#head)
      this.#head = 0
    }
    return batch
  }

  async #send(batch: Item[]): Promise<void> {
    const first = batch[0] as Item
    if (first.alone) return this.#sendEach(batch, requestKind(first.change))
    const ops: MultiOp[] = []
    /** Where each change's operations begin: one change may be many. */
    const starts: number[] = []
    for (const { change } of batch) {
      starts.push(ops.length)
      this.#addOps(change, ops)
    }
    const [reply] = await this.#session.send(operations.multi, [ops])
    if (reply === undefined) throw new Error('a multi without an outcome')
    if (!(reply instanceof ZooKeeperError)) {
      this.wrote(reply.zxid)
      for (const { call, at } of batch) call.settle(at, 'done')
      return
    }
    if (!isLost(reply)) this.#release(batch)
    else this.wrote(null)
    for (const [index, { call, at }] of batch.entries()) {
      const culprit =
        reply instanceof MultiError &&
        reply.index >= (starts[index] as number) &&
        reply.index < (starts[index + 1] ?? ops.length)
      call.settle(at, culprit ? this.#failures.ofZnode(reply) : this.#others(reply))
    }
  }

  /** Of a multi that was refused, all but the culprit: nothing of them was done. */
  #others(error: ZooKeeperError): ChangeOutcome {
    if (error instanceof MultiError || isLost(error)) return 'unsettled'
    if (endsTheSession(error)) throw this.#failures.ofLocation(error)
    // The server refused the request as a whole: each is tried on its own.
    return 'unsettled'
  }

  async #sendEach(batch: Item[], kind: RequestKind): Promise<void> {
    const paths = batch.map(({ change }) => absolutePath(this.#root, change.path))
    const requests = batch.map(({ change }, at) => requestOf(change, paths[at] as string))
    const outcomes = await this.#session.send(OPERATIONS[kind], requests)
    for (const [index, { call, at }] of batch.entries()) {
      const outcome = outcomes[index] as { zxid: bigint } | ZooKeeperError
      if (!(outcome instanceof ZooKeeperError)) {
        // An ACL leaves no zxid on any znode: it says nothing of what was made or set before it.
        if (kind !== 'setAcl') this.wrote(outcome.zxid)
        call.settle(at, 'done')
      } else if (isLost(outcome)) {
        if (kind !== 'setAcl') this.wrote(null)
        call.settle(at, 'unsettled')
      } else {
        this.#release([batch[index] as Item])
        call.settle(at, this.#failures.ofZnode(outcome))
      }
    }
  }

  #addOps(change: Change, ops: MultiOp[]): void {
    const path = absolutePath(this.#root, change.path)
    switch (change.kind) {
      case 'create':
        ops.push(createOp(change, path))
        return
      case 'setData':
        ops.push({ op: 'setData', path, data: change.data, version: change.version })
        return
      case 'delete':
        ops.push({ op: 'delete', path, version: change.version })
        return
      case 'advance': {
        const child = absolutePath(path, STEP_NAME)
        for (let step = 0; step < change.steps; step++) {
          ops.push(
            { op: 'create', path: child, data: null, acl: STEP_ACL },
            { op: 'delete', path: child, version: -1 },
          )
        }
        return
      }
      case 'touch':
        for (let step = 0; step < change.times; step++) {
          ops.push({ op: 'setData', path, data: change.data, version: change.version + step })
        }
        return
      case 'setAcl':
        throw new Error('setACL cannot be part of a multi')
    }
  }

  markProof(): void {
    this.lateWrites = new ZxidRanges()
  }

  /** `null`: something may have arrived, and nobody knows its zxid. */
  wrote(zxid: bigint | null): void {
    if (zxid === null) this.lateWrites = null
    else {
      if (zxid > this.lastWrite) this.lastWrite = zxid
      this.lateWrites?.add(zxid)
    }
  }
}

// The requests of one burst are of one kind; the table keeps the two together.
const { create, setData, setACL, deleteZnode, multi } = operations
const OPERATIONS = { create, setData, setAcl: setACL, delete: deleteZnode, multi } as unknown as Record<
  RequestKind,
  Operation<unknown, { zxid: bigint }>
>

type RequestKind = Change['kind'] | 'multi'

/**
 * How a change is sent alone. A container or TTL znode is the only operation of a multi: alone, a server that does not
 * know it (or has it switched off) could not be told from one that closes for another reason.
 */
function requestKind(change: Change): RequestKind {
  const { kind } = change
  return kind === 'create' && (change.mode ?? 'persistent') !== 'persistent' ? 'multi' : kind
}

function createOp(change: Change & { kind: 'create' }, path: string): MultiOp {
  const { data, mode = 'persistent' } = change
  const acl = rawAcl(change.acl)
  if (mode === 'persistent') return { op: 'create', path, data, acl }
  if (mode === 'container') return { op: 'createContainer', path, data, acl }
  return { op: 'createTTL', path, data, acl, ttlMs: mode.ttlMs }
}

function requestOf(change: Change, path: string): unknown {
  switch (change.kind) {
    case 'create': {
      const op = createOp(change, path)
      return op.op === 'create' ? op : [op]
    }
    case 'setData':
      return { path, data: change.data, version: change.version }
    case 'setAcl':
      return { path, acl: rawAcl(change.acl), aversion: change.aversion }
    case 'delete':
      return { path, version: change.version }
    case 'advance':
    case 'touch':
      throw new Error(`${change.kind} is always part of a multi`)
  }
}

/** Changes that are many operations: never sent but in a multi. */
const MANY: Partial<Record<Change['kind'], true>> = { advance: true, touch: true }
/** Made and removed within one multi, so nobody ever sees it. */
const STEP_NAME = 'zkferry-step-of-the-sequence-counter'
const STEP_ACL = rawAcl(OPEN_ACL)

function sizeOf(change: Change): number {
  // A path's characters can be three bytes each.
  if (change.kind === 'advance')
    return change.steps * 2 * (CHANGE_OVERHEAD + STEP_NAME.length + change.path.length * 3)
  if (change.kind === 'touch')
    return change.times * (CHANGE_OVERHEAD + change.path.length * 3 + (change.data?.length ?? 0))
  const data = change.kind === 'create' || change.kind === 'setData' ? (change.data?.length ?? 0) : 0
  const acl = change.kind === 'create' ? change.acl.canonical.length : 0
  return CHANGE_OVERHEAD + change.path.length * 3 + data + acl
}
