/**
 *   getACL 6 request    ustring path
 *   getACL response     vector<ACL>, Stat
 *
 *   setACL 7 request    ustring path, vector<ACL>, i32 aversion
 *   setACL response     Stat
 */
import {
  type Acl,
  type AclInput,
  readAcl,
  readAclRaw,
  readStat,
  type Stat,
  writeAcl,
} from '../wire/records.ts'
import type { StatReply } from './data.ts'
import { Opcode, type Operation, pathOfRequest, writePath } from './operation.ts'

export interface GetAclReply {
  acl: Acl[]
  stat: Stat
  zxid: bigint
}

export interface GetAclRawReply {
  /** The raw jute vector, a view of the frame: few distinct ones exist in a tree, so look it up before decoding it. */
  aclBytes: Buffer
  stat: Stat
  zxid: bigint
}

export interface SetAclRequest {
  path: string
  acl: AclInput
  /** The `aversion` that must be there. @default −1, any */
  aversion?: number
}

export const getACL: Operation<string, GetAclReply> = {
  name: 'getACL',
  opcode: Opcode.getACL,
  write: writePath,
  read: (body, zxid) => ({ acl: readAcl(body), stat: readStat(body), zxid }),
  pathOf: pathOfRequest,
}

/** As `getACL`, without making objects of the entries. */
export const getAclRaw: Operation<string, GetAclRawReply> = {
  name: 'getACL',
  opcode: Opcode.getACL,
  write: writePath,
  read: (body, zxid) => {
    const aclBytes = readAclRaw(body)
    return { aclBytes, stat: readStat(body), zxid }
  },
  pathOf: pathOfRequest,
}

export const setACL: Operation<SetAclRequest, StatReply> = {
  name: 'setACL',
  opcode: Opcode.setACL,
  write: (out, { path, acl, aversion = -1 }) => {
    out.string(path)
    writeAcl(out, acl)
    out.int(aversion)
  },
  read: (body, zxid) => ({ stat: readStat(body), zxid }),
  pathOf: pathOfRequest,
}
