/**
 *   getChildren 8, getChildren2 12 request   ustring path, bool watch
 *   getChildren response                     vector<ustring> names, in no order
 *   getChildren2 response                    vector<ustring> names, Stat
 *
 *   getEphemerals 103 request                ustring prefix
 *   getEphemerals response                   vector<ustring> paths of this session's
 *
 *   getAllChildrenNumber 104 request         ustring path
 *   getAllChildrenNumber response            i32 descendants
 */
import { type JuteReader, MalformedRecordError } from '../wire/reader.ts'
import { readStat, type Stat } from '../wire/records.ts'
import {
  Opcode,
  type Operation,
  pathOfRequest,
  type WatchableRequest,
  watches,
  writePath,
  writeWatchable,
} from './operation.ts'

export interface GetChildrenReply {
  /** Names, not paths, in no order. */
  children: string[]
  zxid: bigint
}

export interface GetChildren2Reply extends GetChildrenReply {
  stat: Stat
}

/** A length and one byte. */
const NAME_BYTES = 5
/** Far beyond what any server can hold below one znode; more would only fill our memory. */
const MOST_NAMES = 10_000_000

/** Child names. One that no znode can have is refused here: with a slash in it, it would become another path. */
export function readNames(body: JuteReader): string[] {
  const count = body.count(NAME_BYTES)
  if (count > MOST_NAMES) throw new MalformedRecordError(`a list of ${count} children`)
  const names: string[] = []
  for (let left = count; left > 0; left--) {
    const name = body.string()
    if (name === '' || name === '.' || name === '..' || name.includes('/'))
      throw new MalformedRecordError(`a child named ${JSON.stringify(name.slice(0, 40))}`)
    names.push(name)
  }
  return names
}

export const getChildren: Operation<WatchableRequest, GetChildrenReply> = {
  name: 'getChildren',
  opcode: Opcode.getChildren,
  write: writeWatchable,
  read: (body, zxid) => ({ children: readNames(body), zxid }),
  pathOf: pathOfRequest,
  watchOf: childWatch,
}

export const getChildren2: Operation<WatchableRequest, GetChildren2Reply> = {
  name: 'getChildren2',
  opcode: Opcode.getChildren2,
  write: writeWatchable,
  read: (body, zxid) => ({ children: readNames(body), stat: readStat(body), zxid }),
  pathOf: pathOfRequest,
  watchOf: childWatch,
}

function childWatch(request: WatchableRequest): 'child' | null {
  return watches(request) ? 'child' : null
}

/** 3.6 and later. */
export const getEphemerals: Operation<string, { paths: string[]; zxid: bigint }> = {
  name: 'getEphemerals',
  opcode: Opcode.getEphemerals,
  write: writePath,
  read: (body, zxid) => ({ paths: body.strings(), zxid }),
  pathOf: pathOfRequest,
}

/** 3.6 and later. */
export const getAllChildrenNumber: Operation<string, { count: number; zxid: bigint }> = {
  name: 'getAllChildrenNumber',
  opcode: Opcode.getAllChildrenNumber,
  write: writePath,
  read: (body, zxid) => ({ count: body.int(), zxid }),
  pathOf: pathOfRequest,
}
