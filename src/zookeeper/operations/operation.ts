/** What one kind of request is: how it is written, and how its reply is read. */
import type { ZooKeeperError } from '../errors.ts'
import type { JuteReader } from '../wire/reader.ts'
import type { JuteWriter } from '../wire/writer.ts'

/** Which kind of one-shot watch a request leaves behind. */
export type WatchKind = 'data' | 'exists' | 'child'

/**
 * Requests of one kind go out by the thousand: `write` and `read` make no more objects than the reply itself.
 * `read` gets the body only (no header), and may return an error in place of a reply.
 * What it returns may hold views of the frame, which keep up to 64 KiB alive each.
 */
export interface Operation<Q, R> {
  /** For messages, in ZooKeeper's words. */
  readonly name: string
  readonly opcode: number
  write(out: JuteWriter, request: Q): void
  read(body: JuteReader, zxid: bigint, request: Q): R | ZooKeeperError
  /** Turns an error code into a reply, where it is an answer (exists). */
  recover?(errno: number, zxid: bigint, request: Q): R | null
  pathOf(request: Q): string | null
  /** The watch that the request leaves on the znode that `pathOf` names. */
  watchOf?(request: Q): WatchKind | null
}

export const Opcode = {
  create: 1,
  delete: 2,
  exists: 3,
  getData: 4,
  setData: 5,
  getACL: 6,
  setACL: 7,
  getChildren: 8,
  sync: 9,
  ping: 11,
  getChildren2: 12,
  /** Only inside a multi: servers up to 3.8.4 and 3.9.2 log a lone one, and cannot replay their log afterwards. */
  check: 13,
  multi: 14,
  create2: 15,
  createContainer: 19,
  createTTL: 21,
  multiRead: 22,
  auth: 100,
  setWatches: 101,
  sasl: 102,
  getEphemerals: 103,
  getAllChildrenNumber: 104,
  setWatches2: 105,
  addWatch: 106,
  whoAmI: 107,
  closeSession: -11,
} as const

/**
 * Whether servers of 3.4 may not know it. On an unknown operation a server answers −6, outside its pipeline,
 * and closes the connection: all that is in flight beside it would be lost.
 */
export function isNewer(opcode: number): boolean {
  return opcode > Opcode.multi && opcode !== Opcode.auth && opcode !== Opcode.setWatches
}

/** xids with a meaning of their own; requests count from 1. A server gives any xid of a SASL step back. */
export const Xid = { sasl: 0, notification: -1, ping: -2, auth: -4, setWatches: -8 } as const

/** A read that can leave a one-shot watch; a path alone leaves none. */
export type WatchableRequest = string | { path: string; watch?: boolean }

export function writeWatchable(out: JuteWriter, request: WatchableRequest): void {
  out.string(pathOfRequest(request)).bool(watches(request))
}

export function watches(request: WatchableRequest): boolean {
  return typeof request !== 'string' && request.watch === true
}

export function pathOfRequest(request: string | { path: string }): string {
  return typeof request === 'string' ? request : request.path
}

export function writePath(out: JuteWriter, path: string): void {
  out.string(path)
}
