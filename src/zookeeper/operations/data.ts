/**
 *   exists 3, getData 4 request   ustring path, bool watch
 *   exists response               Stat
 *   getData response              buffer data, Stat
 *
 *   setData 5 request             ustring path, buffer data, i32 version
 *   setData response              Stat
 */
import { Errno } from '../wire/errors.ts'
import { readStat, type Stat } from '../wire/records.ts'
import {
  Opcode,
  type Operation,
  pathOfRequest,
  type WatchableRequest,
  watches,
  writeWatchable,
} from './operation.ts'

export interface ExistsReply {
  /** `null` when there is no such znode. */
  stat: Stat | null
  zxid: bigint
}

export interface GetDataReply {
  /** A view of the frame. */
  data: Buffer | null
  stat: Stat
  zxid: bigint
}

export interface SetDataRequest {
  path: string
  data: Buffer | null
  /** @default −1, any */
  version?: number
}

export interface StatReply {
  stat: Stat
  zxid: bigint
}

export const exists: Operation<WatchableRequest, ExistsReply> = {
  name: 'exists',
  opcode: Opcode.exists,
  write: writeWatchable,
  read: (body, zxid) => ({ stat: readStat(body), zxid }),
  recover: (errno, zxid) => (errno === Errno.noNode ? { stat: null, zxid } : null),
  pathOf: pathOfRequest,
  watchOf: (request) => (watches(request) ? 'exists' : null),
}

export const getData: Operation<WatchableRequest, GetDataReply> = {
  name: 'getData',
  opcode: Opcode.getData,
  write: writeWatchable,
  read: (body, zxid) => ({ data: body.buffer(), stat: readStat(body), zxid }),
  pathOf: pathOfRequest,
  watchOf: (request) => (watches(request) ? 'data' : null),
}

export const setData: Operation<SetDataRequest, StatReply> = {
  name: 'setData',
  opcode: Opcode.setData,
  write: (out, { path, data, version = -1 }) => {
    out.string(path).buffer(data).int(version)
  },
  read: (body, zxid) => ({ stat: readStat(body), zxid }),
  pathOf: pathOfRequest,
}
