/** What a recorded conversation is made of: requests with their replies, and what servers say by themselves. */
import type { Conversation, RecordedFrame } from '../../fixtures/conversations.ts'
import { type MultiOp, operations, type ReadOp } from '../../src/zookeeper/index.ts'
import { closeSession } from '../../src/zookeeper/operations/connect.ts'
import type { Operation } from '../../src/zookeeper/operations/operation.ts'
import { JuteReader } from '../../src/zookeeper/wire/reader.ts'
import { readAcl } from '../../src/zookeeper/wire/records.ts'

export interface Exchange {
  operation: AnyOperation
  request: unknown
  /** The request without its xid: opcode and body. */
  asked: Buffer
  /** Without its length; its xid is the recorded one. */
  reply: Buffer
}

export interface Exchanges {
  exchanges: Exchange[]
  /** Replies with an xid of their own, notifications included. */
  loose: Buffer[]
  /** Connect responses. */
  greetings: Buffer[]
}

type AnyOperation = Operation<unknown, unknown>

/** Every operation, those that share an opcode included. */
export const ALL_OPERATIONS: readonly AnyOperation[] = [...Object.values(operations), closeSession].filter(
  (one) => typeof one === 'object' && 'opcode' in one,
) as unknown as AnyOperation[]

/** By opcode; of several the last one. */
const OPERATIONS = new Map(
  [...ALL_OPERATIONS, operations.multiRead as unknown as AnyOperation].map((operation) => [
    operation.opcode,
    operation,
  ]),
)

const OBJECTS = new Set(
  [
    operations.create,
    operations.create2,
    operations.createContainer,
    operations.createTTL,
    operations.setData,
    operations.setACL,
    operations.deleteZnode,
    operations.addWatch,
  ].map(({ opcode }) => opcode),
)

export function exchangesOf({ connections }: Conversation): Exchanges {
  const found: Exchanges = { exchanges: [], loose: [], greetings: [] }
  for (const frames of connections) addConnection(frames, found)
  return found
}

function addConnection(frames: readonly RecordedFrame[], found: Exchanges): void {
  const open = new Map<number, Buffer>()
  let greeted = false
  for (const [at, { from, payload }] of frames.entries()) {
    if (from === 'client') {
      if (at > 0) open.set(payload.readInt32BE(0), payload)
    } else if (!greeted) {
      greeted = true
      found.greetings.push(payload)
    } else {
      const xid = payload.readInt32BE(0)
      const request = xid > 0 ? open.get(xid) : undefined
      const exchange = request === undefined ? null : exchangeOf(request, payload)
      if (exchange === null) found.loose.push(payload)
      else found.exchanges.push(exchange)
    }
  }
}

function exchangeOf(payload: Buffer, reply: Buffer): Exchange | null {
  const body = new JuteReader(payload)
  body.int()
  const opcode = body.int()
  const operation = OPERATIONS.get(opcode)
  if (operation === undefined) return null
  return { operation, request: requestOf(opcode, body), asked: payload.subarray(4), reply }
}

function requestOf(opcode: number, body: JuteReader): unknown {
  if (opcode === operations.multi.opcode) return multiOps(body)
  if (opcode === operations.multiRead.opcode) return readOps(body)
  if (opcode === operations.whoAmI.opcode || opcode === closeSession.opcode) return null
  const path = body.string()
  // What the rest of the request was is nothing that its reply depends on.
  return OBJECTS.has(opcode) ? { path, data: null, acl: [], ttlMs: 1, mode: 'persistent' } : path
}

function multiOps(body: JuteReader): MultiOp[] {
  const ops: MultiOp[] = []
  for (let type = header(body); type !== -1; type = header(body)) {
    const path = body.string()
    if (type === 1 || type === 15 || type === 19 || type === 21) {
      const data = body.buffer()
      const acl = readAcl(body)
      body.int()
      if (type === 21) body.long()
      ops.push({ op: 'create', path, data, acl })
    } else if (type === 5) {
      ops.push({ op: 'setData', path, data: body.buffer(), version: body.int() })
    } else ops.push({ op: type === 2 ? 'delete' : 'check', path, version: body.int() })
  }
  return ops
}

function readOps(body: JuteReader): ReadOp[] {
  const ops: ReadOp[] = []
  for (let type = header(body); type !== -1; type = header(body)) {
    ops.push({ op: type === 4 ? 'getData' : 'getChildren', path: body.string() })
    body.bool()
  }
  return ops
}

function header(body: JuteReader): number {
  const type = body.int()
  body.bool()
  body.int()
  return type
}
