/**
 *   multiRead 22 request    {MultiHeader(4 or 8, false, −1), ustring path, bool watch}*, MultiHeader(−1, true, −1)
 *   multiRead response      {MultiHeader, result}*, MultiHeader(−1, true, −1)
 *
 *   result of getData 4       buffer data, Stat
 *   result of getChildren 8   vector<ustring> names
 *   result of type −1         i32 err
 *
 * 3.6 and later; 3.4 and 3.5 answer −6 and close the connection. One result's error does not touch the others.
 */
import { ServerError, type ZooKeeperError } from '../errors.ts'
import { type JuteReader, MalformedRecordError } from '../wire/reader.ts'
import { readStat, type Stat } from '../wire/records.ts'
import type { JuteWriter } from '../wire/writer.ts'
import { readNames } from './children.ts'
import { writeMultiEnd } from './multi.ts'
import { Opcode, type Operation } from './operation.ts'

export interface ReadOp {
  op: 'getData' | 'getChildren'
  path: string
}

export interface DataResult {
  /** A view of the frame, which stays in memory as long as any view of it does. */
  data: Buffer | null
  stat: Stat
}

export interface ChildrenResult {
  children: string[]
}

export type ReadResult = DataResult | ChildrenResult

export interface MultiReadReply<R = ReadResult> {
  /** Everything at or below this zxid is in the results. */
  zxid: bigint
  results: (R | ZooKeeperError)[]
}

function writeRead(out: JuteWriter, type: number, path: string): void {
  out.int(type).bool(false).int(-1).string(path).bool(false)
}

function readResult(body: JuteReader, type: number, path: string): ReadResult | ZooKeeperError {
  switch (type) {
    case Opcode.getData:
      return { data: body.buffer(), stat: readStat(body) }
    case Opcode.getChildren:
      return { children: readNames(body) }
  }
  return new ServerError('multiRead', path, body.int())
}

function readResults(
  body: JuteReader,
  count: number,
  typeAt: (index: number) => number,
  pathAt: (index: number) => string | undefined,
): (ReadResult | ZooKeeperError)[] {
  const results = new Array<ReadResult | ZooKeeperError>(count)
  for (let i = 0; ; i++) {
    const type = body.int()
    const done = body.bool()
    body.int()
    const path = pathAt(i)
    if (done || path === undefined) {
      if (done && i === count) return results
      throw new MalformedRecordError(`${done ? i : 'too many'} results for a multiRead of ${count}`)
    }
    // A list in the place of data would be taken for data.
    if (type !== -1 && type !== typeAt(i))
      throw new MalformedRecordError(`a multiRead's result of type ${type}`)
    results[i] = readResult(body, type, path)
  }
}

const typeOf = (op: ReadOp | undefined) => (op?.op === 'getData' ? Opcode.getData : Opcode.getChildren)

export const multiRead: Operation<readonly ReadOp[], MultiReadReply> = {
  name: 'multiRead',
  opcode: Opcode.multiRead,
  write: (out, ops) => {
    for (const op of ops) writeRead(out, typeOf(op), op.path)
    writeMultiEnd(out)
  },
  read: (body, zxid, ops) => ({
    zxid,
    results: readResults(
      body,
      ops.length,
      (i) => typeOf(ops[i]),
      (i) => ops[i]?.path,
    ),
  }),
  pathOf: () => null,
}

/** Data and Stat of many znodes, by their paths alone. */
export const multiReadData: Operation<readonly string[], MultiReadReply<DataResult>> = {
  name: 'multiRead',
  opcode: Opcode.multiRead,
  write: (out, paths) => {
    for (const path of paths) writeRead(out, Opcode.getData, path)
    writeMultiEnd(out)
  },
  read: (body, zxid, paths) => ({
    zxid,
    results: readResults(
      body,
      paths.length,
      () => Opcode.getData,
      (i) => paths[i],
    ) as (DataResult | ZooKeeperError)[],
  }),
  pathOf: () => null,
}

/** Child names of many znodes, by their paths alone. */
export const multiReadChildren: Operation<readonly string[], MultiReadReply<ChildrenResult>> = {
  name: 'multiRead',
  opcode: Opcode.multiRead,
  write: (out, paths) => {
    for (const path of paths) writeRead(out, Opcode.getChildren, path)
    writeMultiEnd(out)
  },
  read: (body, zxid, paths) => ({
    zxid,
    results: readResults(
      body,
      paths.length,
      () => Opcode.getChildren,
      (i) => paths[i],
    ) as (ChildrenResult | ZooKeeperError)[],
  }),
  pathOf: () => null,
}
