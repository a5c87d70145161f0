/**
 * Records that many operations share.
 *
 *   Stat  i64 czxid, i64 mzxid, i64 ctime, i64 mtime, i32 version, i32 cversion, i32 aversion,
 *         i64 ephemeralOwner, i32 dataLength, i32 numChildren, i64 pzxid
 *   ACL   i32 perms, ustring scheme, ustring id
 */
import { JuteReader, MalformedRecordError } from './reader.ts'
import { encode, type JuteWriter } from './writer.ts'

/** The server's record of a znode, as clients see it. 64-bit fields are exact. */
export interface Stat {
  czxid: bigint
  mzxid: bigint
  /** Milliseconds since the epoch. */
  ctime: bigint
  mtime: bigint
  version: number
  /** Twice the internal child counter less the number of children. */
  cversion: number
  aversion: number
  /** The session that owns an ephemeral znode; 0 for all others, containers and TTL znodes included. */
  ephemeralOwner: bigint
  dataLength: number
  numChildren: number
  pzxid: bigint
}

export const STAT_BYTES = 68

/** One entry of an access control list. The id is bytes: nothing promises that it is UTF-8. */
export interface Acl {
  perms: number
  scheme: string
  id: Buffer
}

/** Entries, or the raw jute vector of them as `encodeAcl` and `getAclRaw` give it. */
export type AclInput = readonly Acl[] | Buffer

/** An entry's least size: perms and two lengths. */
const ACL_BYTES = 12

export function readStat(input: JuteReader): Stat {
  return {
    czxid: input.long(),
    mzxid: input.long(),
    ctime: input.long(),
    mtime: input.long(),
    version: input.int(),
    cversion: input.int(),
    aversion: input.int(),
    ephemeralOwner: input.long(),
    dataLength: input.int(),
    numChildren: input.int(),
    pzxid: input.long(),
  }
}

export function writeStat(out: JuteWriter, stat: Stat): void {
  out.long(stat.czxid).long(stat.mzxid).long(stat.ctime).long(stat.mtime)
  out.int(stat.version).int(stat.cversion).int(stat.aversion)
  out.long(stat.ephemeralOwner).int(stat.dataLength).int(stat.numChildren).long(stat.pzxid)
}

export function readAcl(input: JuteReader): Acl[] {
  const count = input.count(ACL_BYTES)
  const entries = new Array<Acl>(count)
  for (let i = 0; i < count; i++) {
    entries[i] = { perms: input.int(), scheme: input.string(), id: input.buffer() ?? Buffer.alloc(0) }
  }
  return entries
}

/** The vector's bytes as a view. They are walked: whoever decodes them later need not expect a flaw. */
export function readAclRaw(input: JuteReader): Buffer {
  return input.span(() => {
    for (let left = input.count(ACL_BYTES); left > 0; left--) {
      input.skip(4)
      if (input.skipBuffer() < 0) throw new MalformedRecordError('a string is null')
      input.skipBuffer()
    }
  })
}

export function writeAcl(out: JuteWriter, acl: AclInput): void {
  if (Buffer.isBuffer(acl)) {
    out.raw(acl)
    return
  }
  out.int(acl.length)
  for (const { perms, scheme, id } of acl) out.int(perms).string(scheme).buffer(id)
}

/** The raw jute vector, to be encoded once and used for many creates. */
export function encodeAcl(acl: readonly Acl[]): Buffer {
  return encode((out) => writeAcl(out, acl))
}

/** The entries of a raw jute vector. @throws MalformedRecordError */
export function decodeAcl(bytes: Buffer): Acl[] {
  return readAcl(new JuteReader(bytes))
}

/** world:anyone may do everything. */
export const OPEN_ACL: readonly Acl[] = [{ perms: 31, scheme: 'world', id: Buffer.from('anyone') }]
