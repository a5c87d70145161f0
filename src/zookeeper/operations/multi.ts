/**
 *   multi 14 request     {MultiHeader, body}*, MultiHeader(−1, true, −1)
 *   multi response       {MultiHeader, result}*, MultiHeader(−1, true, −1)
 *   MultiHeader          i32 type, bool done, i32 err
 *
 *   result of create 1                ustring path
 *   result of 15, 19, 21              ustring path, Stat
 *   result of setData 5               Stat
 *   result of delete 2 and check 13   nothing
 *   result of type −1                 i32 err
 *
 * When it is refused, the reply header's error is still 0, and every result is of type −1:
 * 0 before the culprit, its code at it, −2 after it.
 */
import { MultiError, type ZooKeeperError } from '../errors.ts'
import { type JuteReader, MalformedRecordError } from '../wire/reader.ts'
import { readStat, type Stat } from '../wire/records.ts'
import type { JuteWriter } from '../wire/writer.ts'
import {
  type CreateRequest,
  type CreateTTLRequest,
  writeCreate,
  writeCreateContainer,
  writeCreateTTL,
} from './create.ts'
import { type SetDataRequest, setData } from './data.ts'
import { type DeleteRequest, deleteZnode } from './delete.ts'
import { Opcode, type Operation } from './operation.ts'

export type MultiOp =
  | ({ op: 'create' } & CreateRequest)
  | ({ op: 'createContainer' } & CreateRequest)
  | ({ op: 'createTTL' } & CreateTTLRequest)
  | ({ op: 'setData' } & SetDataRequest)
  | ({ op: 'delete' } & DeleteRequest)
  /** Fails the multi unless the znode exists, at this version where one is given. */
  | { op: 'check'; path: string; version?: number }

export type MultiResult =
  /** `stat` only for containers and TTL znodes, and only from servers that give it. */
  | { op: 'create'; path: string; stat: Stat | null }
  | { op: 'setData'; stat: Stat }
  | { op: 'delete' }
  | { op: 'check' }

export interface MultiReply {
  zxid: bigint
  results: MultiResult[]
}

const DELETED: MultiResult = Object.freeze({ op: 'delete' as const })
const CHECKED: MultiResult = Object.freeze({ op: 'check' as const })

function writeHeader(out: JuteWriter, type: number): JuteWriter {
  return out.int(type).bool(false).int(-1)
}

function writeOp(out: JuteWriter, op: MultiOp): void {
  switch (op.op) {
    case 'create':
      return writeCreate(writeHeader(out, Opcode.create), op)
    case 'createContainer':
      return writeCreateContainer(writeHeader(out, Opcode.createContainer), op)
    case 'createTTL':
      return writeCreateTTL(writeHeader(out, Opcode.createTTL), op)
    case 'setData':
      return setData.write(writeHeader(out, Opcode.setData), op)
    case 'delete':
      return deleteZnode.write(writeHeader(out, Opcode.delete), op)
    case 'check':
      writeHeader(out, Opcode.check)
        .string(op.path)
        .int(op.version ?? -1)
  }
}

export function writeMultiEnd(out: JuteWriter): void {
  out.int(-1).bool(true).int(-1)
}

function readResult(body: JuteReader, type: number): MultiResult {
  switch (type) {
    case Opcode.create:
      return { op: 'create', path: body.string(), stat: null }
    case Opcode.create2:
    case Opcode.createContainer:
    case Opcode.createTTL:
      return { op: 'create', path: body.string(), stat: readStat(body) }
    case Opcode.setData:
      return { op: 'setData', stat: readStat(body) }
    case Opcode.delete:
      return DELETED
    case Opcode.check:
      return CHECKED
  }
  throw new MalformedRecordError(`a multi's result of type ${type}`)
}

function isFor(result: MultiResult, asked: MultiOp | undefined): boolean {
  return (
    asked !== undefined &&
    (asked.op === result.op || (result.op === 'create' && asked.op.startsWith('create')))
  )
}

function read(body: JuteReader, zxid: bigint, ops: readonly MultiOp[]): MultiReply | ZooKeeperError {
  const results: MultiResult[] = []
  const errnos: number[] = []
  for (;;) {
    const type = body.int()
    const done = body.bool()
    body.int()
    if (done) break
    // A frame of nothing but results would otherwise become millions of objects.
    if (results.length + errnos.length === ops.length)
      throw new MalformedRecordError(`too many results for a multi of ${ops.length}`)
    if (type === -1) {
      errnos.push(body.int())
      continue
    }
    const result = readResult(body, type)
    if (!isFor(result, ops[results.length + errnos.length]))
      throw new MalformedRecordError(`the result of a ${result.op} in a multi, in another's place`)
    results.push(result)
  }
  if (results.length + errnos.length !== ops.length) {
    throw new MalformedRecordError(`${results.length + errnos.length} results for a multi of ${ops.length}`)
  }
  if (errnos.length === 0) return { zxid, results }
  const index = Math.max(
    0,
    errnos.findIndex((errno) => errno !== 0),
  )
  const culprit = ops[index]
  return new MultiError(index, culprit?.op ?? 'nothing', culprit?.path ?? null, errnos, zxid)
}

/** All or nothing. A refused one ends as a `MultiError`. */
export const multi: Operation<readonly MultiOp[], MultiReply> = {
  name: 'multi',
  opcode: Opcode.multi,
  write: (out, ops) => {
    for (const op of ops) writeOp(out, op)
    writeMultiEnd(out)
  },
  read,
  pathOf: () => null,
}
