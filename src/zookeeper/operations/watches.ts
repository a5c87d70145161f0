/**
 *   setWatches 101    i64 relativeZxid, vector<ustring> data, exist, child → nothing
 *   setWatches2 105   the same, then vector<ustring> persistent, persistentRecursive → nothing    (3.6 and later)
 *   addWatch 106      ustring path, i32 mode → i32 0                                              (3.6 and later)
 *
 *   notification      i32 type, i32 state, ustring path
 */
import type { JuteReader } from '../wire/reader.ts'
import type { JuteWriter } from '../wire/writer.ts'
import { Opcode, type Operation, pathOfRequest } from './operation.ts'

export type AddWatchMode = 'persistent' | 'persistentRecursive'

export type WatchEventType =
  | 'created'
  | 'deleted'
  | 'dataChanged'
  | 'childrenChanged'
  | 'dataWatchRemoved'
  | 'childWatchRemoved'
  | 'persistentWatchRemoved'
  | 'unknown'

export interface WatchEvent {
  type: WatchEventType
  /** The server's number for it. */
  typeNumber: number
  path: string
  /** The change's zxid; `null` from servers before 3.9, which do not tell. */
  zxid: bigint | null
}

const TYPES: readonly WatchEventType[] = [
  'unknown',
  'created',
  'deleted',
  'dataChanged',
  'childrenChanged',
  'dataWatchRemoved',
  'childWatchRemoved',
  'persistentWatchRemoved',
]

export function readNotification(body: JuteReader, zxid: bigint): WatchEvent {
  const typeNumber = body.int()
  body.int()
  return {
    type: TYPES[typeNumber] ?? 'unknown',
    typeNumber,
    path: body.nullableString() ?? '',
    zxid: zxid > 0n ? zxid : null,
  }
}

export interface WatchPaths {
  data: string[]
  exist: string[]
  child: string[]
  persistent: string[]
  recursive: string[]
}

export function writeSetWatches(out: JuteWriter, relativeZxid: bigint, paths: WatchPaths): void {
  out.long(relativeZxid).strings(paths.data).strings(paths.exist).strings(paths.child)
}

export function writeSetWatches2(out: JuteWriter, relativeZxid: bigint, paths: WatchPaths): void {
  writeSetWatches(out, relativeZxid, paths)
  out.strings(paths.persistent).strings(paths.recursive)
}

export interface AddWatchRequest {
  path: string
  mode: AddWatchMode
}

export const addWatch: Operation<AddWatchRequest, { zxid: bigint }> = {
  name: 'addWatch',
  opcode: Opcode.addWatch,
  write: (out, { path, mode }) => {
    out.string(path).int(mode === 'persistent' ? 0 : 1)
  },
  read: (_body, zxid) => ({ zxid }),
  pathOf: pathOfRequest,
}
