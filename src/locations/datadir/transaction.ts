/**
 * One transaction of a log: i64 session, i32 cxid, i64 zxid, i64 time, i32 type, a record, and from 3.6 on
 * { i32 version, i64 digest of the whole tree after it }.
 */
import { JuteReader } from '../../zookeeper/wire/reader.ts'
import { readAcl } from '../../zookeeper/wire/records.ts'
import { Damage } from './damage.ts'

export const TXN_HEADER_BYTES = 32
const DIGEST_BYTES = 12

export const TxnType = {
  error: -1,
  create: 1,
  delete: 2,
  setData: 5,
  setAcl: 7,
  check: 13,
  multi: 14,
  create2: 15,
  reconfig: 16,
  createContainer: 19,
  deleteContainer: 20,
  createTtl: 21,
  createSession: -10,
  closeSession: -11,
} as const

export type TxnType = (typeof TxnType)[keyof typeof TxnType]

export const txnTypes: ReadonlySet<TxnType> = new Set(Object.values(TxnType))

/** Paths are absolute. Buffers are views of the reader's window: valid until the next transaction is asked for. */
export type Operation =
  | {
      op: 'create'
      path: string
      data: Buffer | null
      /** Where the data begin in the file. */
      dataPosition: number
      /** The raw jute vector; `decodeAcl` reads it. */
      acl: Buffer
      kind: 'persistent' | 'ephemeral' | 'container' | 'ttl'
      ttlMs: bigint
      /** The parent's raw child counter after it; −1 where an old log does not tell. */
      parentCversion: number
    }
  /** `container`: by the server, because a container or a TTL znode had no children. */
  | { op: 'delete'; path: string; by: 'client' | 'container' }
  | { op: 'setData'; path: string; data: Buffer | null; dataPosition: number; version: number }
  | { op: 'setAcl'; path: string; acl: Buffer; version: number }
  | { op: 'createSession'; timeoutMs: number }
  /** `paths`: its ephemerals; null before 3.6, which does not list them. */
  | { op: 'closeSession'; paths: string[] | null }
  | { op: 'check'; path: string; version: number }
  | { op: 'error'; code: number }

export interface DecodedTransaction {
  /** Those of a multi, or the one. */
  operations: Operation[]
  multi: boolean
  /** Nothing of it took place: an error, or a multi with one inside. */
  failed: boolean
  /** The tree's digest after it, where the server wrote one. */
  digest: TreeDigest | null
}

export interface TreeDigest {
  version: number
  value: bigint
}

/** The header's fields, and `decode` for the rest. */
export class Transaction {
  /** All bytes that its checksum covers. A view, like everything that is read from it. */
  bytes: Buffer = Buffer.alloc(0)
  /** Where they begin in the file. */
  position = 0
  file = ''

  set(file: string, bytes: Buffer, position: number): void {
    this.file = file
    this.bytes = bytes
    this.position = position
  }

  get session(): bigint {
    return this.bytes.readBigInt64BE(0)
  }

  get cxid(): number {
    return this.bytes.readInt32BE(8)
  }

  get zxid(): bigint {
    return this.bytes.readBigInt64BE(12)
  }

  /** The leader's clock when the request came in: milliseconds since the epoch. */
  get time(): bigint {
    return this.bytes.readBigInt64BE(20)
  }

  /** Usually one of `TxnType`. */
  get type(): number {
    return this.bytes.readInt32BE(28)
  }

  /** @throws Damage when the bytes, which are what was written, are no transaction. */
  decode(): DecodedTransaction {
    const { type } = this
    if (!txnTypes.has(type as TxnType))
      throw this.#damage(`is of type ${type}, which no version up to 3.9 writes`)
    try {
      return decode(type as TxnType, this.bytes, this.position)
    } catch (error) {
      if (error instanceof Damage) throw error
      throw this.#damage(`cannot be read (${(error as Error).message})`, error)
    }
  }

  #damage(what: string, cause?: unknown): Damage {
    const zxid = `0x${BigInt.asUintN(64, this.zxid).toString(16)}`
    const sentence = `holds a transaction (zxid ${zxid}, at byte ${this.position}) that ${what}`
    return new Damage('malformed', this.file, this.position, sentence, { cause })
  }
}

function decode(type: TxnType, bytes: Buffer, position: number): DecodedTransaction {
  const body = bytes.subarray(TXN_HEADER_BYTES)
  const input = new Cursor(body, position + TXN_HEADER_BYTES)
  const multi = type === TxnType.multi
  const operations = multi ? readMulti(input) : [readOperation(type, input, true)]
  const failed = operations.some(({ op }) => op === 'error')
  return { operations, multi, failed, digest: readDigest(input) }
}

function readMulti(input: Cursor): Operation[] {
  const count = input.reader.count(8)
  const operations: Operation[] = []
  for (let i = 0; i < count; i++) {
    const type = input.reader.int()
    const body = input.reader.buffer() ?? Buffer.alloc(0)
    if (!SUB_TYPES.has(type)) throw new Error(`a part of type ${type}`)
    operations.push(readOperation(type as TxnType, new Cursor(body, input.position - body.length), false))
  }
  return operations
}

const SUB_TYPES: ReadonlySet<number> = new Set([
  TxnType.create,
  TxnType.create2,
  TxnType.createTtl,
  TxnType.createContainer,
  TxnType.delete,
  TxnType.deleteContainer,
  TxnType.setData,
  TxnType.error,
  TxnType.check,
])

function readOperation(type: TxnType, input: Cursor, alone: boolean): Operation {
  const { reader } = input
  switch (type) {
    case TxnType.create:
    case TxnType.create2:
    case TxnType.createContainer:
    case TxnType.createTtl:
      return readCreate(type, input, alone)
    case TxnType.delete:
      return { op: 'delete', path: path(reader), by: 'client' }
    case TxnType.deleteContainer:
      return { op: 'delete', path: path(reader), by: 'container' }
    case TxnType.setData:
    case TxnType.reconfig: {
      const at = path(reader)
      const data = reader.buffer()
      const dataPosition = input.position - (data?.length ?? 0)
      return { op: 'setData', path: at, data, dataPosition, version: reader.int() }
    }
    case TxnType.setAcl:
      return { op: 'setAcl', path: path(reader), acl: input.acl(), version: reader.int() }
    case TxnType.check:
      return { op: 'check', path: path(reader), version: reader.int() }
    case TxnType.createSession:
      return { op: 'createSession', timeoutMs: reader.int() }
    case TxnType.closeSession:
      return { op: 'closeSession', paths: readClosed(input) }
    case TxnType.error:
      return { op: 'error', code: reader.int() }
    case TxnType.multi:
      throw new Error('a multi within a multi')
  }
}

function readCreate(type: TxnType, input: Cursor, alone: boolean): Operation {
  const { reader } = input
  const at = path(reader)
  const data = reader.buffer()
  const dataPosition = input.position - (data?.length ?? 0)
  const acl = input.acl()
  const create = { op: 'create', path: at, data, dataPosition, acl, ttlMs: 0n } as const
  if (type === TxnType.createContainer) return { ...create, kind: 'container', parentCversion: reader.int() }
  if (type === TxnType.createTtl) {
    const parentCversion = reader.int()
    return { ...create, kind: 'ttl', parentCversion, ttlMs: reader.long() }
  }
  const kind = reader.bool() ? 'ephemeral' : 'persistent'
  // Logs of 3.3 end here.
  const old = alone && type === TxnType.create && reader.remaining === 0
  return { ...create, kind, parentCversion: old ? -1 : reader.int() }
}

/** Nothing before 3.6; then a list, unless just the digest follows, whose version would be the list's length. */
function readClosed({ reader, body }: Cursor): string[] | null {
  if (reader.remaining === 0) return null
  if (reader.remaining === DIGEST_BYTES && body.readInt32BE(body.length - DIGEST_BYTES) === 2) return null
  return reader.strings()
}

function readDigest({ reader }: Cursor): TreeDigest | null {
  if (reader.remaining === 0) return null
  if (reader.remaining !== DIGEST_BYTES) throw new Error(`${reader.remaining} bytes are left over`)
  return { version: reader.int(), value: BigInt.asUintN(64, reader.long()) }
}

function path(reader: JuteReader): string {
  const value = reader.string()
  if (!value.startsWith('/')) throw new Error(`the path ${JSON.stringify(value)}`)
  return value
}

/** A jute reader that knows where it is in the file. */
class Cursor {
  readonly reader: JuteReader
  readonly body: Buffer
  readonly #position: number

  constructor(body: Buffer, position: number) {
    this.body = body
    this.reader = new JuteReader(body)
    this.#position = position
  }

  get position(): number {
    return this.#position + this.body.length - this.reader.remaining
  }

  /** Checked, and given raw. */
  acl(): Buffer {
    const from = this.body.length - this.reader.remaining
    readAcl(this.reader)
    return this.body.subarray(from, this.body.length - this.reader.remaining)
  }
}
