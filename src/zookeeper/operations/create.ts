/**
 *   create 1, create2 15, createContainer 19 request
 *     ustring path, buffer data, vector<ACL> acl, i32 flags
 *   createTTL 21 request
 *     ustring path, buffer data, vector<ACL> acl, i32 flags, i64 ttl
 *
 *   create response                              ustring path
 *   create2, createContainer, createTTL response ustring path, Stat
 */
import type { JuteReader } from '../wire/reader.ts'
import { type AclInput, readStat, type Stat, writeAcl } from '../wire/records.ts'
import type { JuteWriter } from '../wire/writer.ts'
import { Opcode, type Operation, pathOfRequest } from './operation.ts'

export const CreateFlag = {
  persistent: 0,
  ephemeral: 1,
  persistentSequential: 2,
  ephemeralSequential: 3,
  container: 4,
  persistentTTL: 5,
  persistentSequentialTTL: 6,
} as const

export interface CreateRequest {
  path: string
  data: Buffer | null
  acl: AclInput
  /** One of `CreateFlag`. @default 0, persistent */
  flags?: number
}

export interface CreateTTLRequest extends CreateRequest {
  /** 1 to 0xffffffffff milliseconds after the last change, once there are no children. */
  ttlMs: number
}

export interface CreateReply {
  /** The path that was created: with its number, when it is sequential. */
  path: string
  zxid: bigint
}

export interface Create2Reply extends CreateReply {
  stat: Stat
}

export function writeCreate(
  out: JuteWriter,
  request: CreateRequest,
  flags: number = CreateFlag.persistent,
): void {
  out.string(request.path).buffer(request.data)
  writeAcl(out, request.acl)
  out.int(request.flags ?? flags)
}

export function writeCreateContainer(out: JuteWriter, request: CreateRequest): void {
  writeCreate(out, request, CreateFlag.container)
}

export function writeCreateTTL(out: JuteWriter, request: CreateTTLRequest): void {
  writeCreate(out, request, CreateFlag.persistentTTL)
  out.long(BigInt(request.ttlMs))
}

function readCreate2(body: JuteReader, zxid: bigint): Create2Reply {
  return { path: body.string(), stat: readStat(body), zxid }
}

export const create: Operation<CreateRequest, CreateReply> = {
  name: 'create',
  opcode: Opcode.create,
  write: (out, request) => writeCreate(out, request),
  read: (body, zxid) => ({ path: body.string(), zxid }),
  pathOf: pathOfRequest,
}

export const create2: Operation<CreateRequest, Create2Reply> = {
  name: 'create2',
  opcode: Opcode.create2,
  write: (out, request) => writeCreate(out, request),
  read: readCreate2,
  pathOf: pathOfRequest,
}

export const createContainer: Operation<CreateRequest, Create2Reply> = {
  name: 'createContainer',
  opcode: Opcode.createContainer,
  write: writeCreateContainer,
  read: readCreate2,
  pathOf: pathOfRequest,
}

export const createTTL: Operation<CreateTTLRequest, Create2Reply> = {
  name: 'createTTL',
  opcode: Opcode.createTTL,
  write: writeCreateTTL,
  read: readCreate2,
  pathOf: pathOfRequest,
}
