/** Access control lists. Ids are bytes: the server does not promise that they are UTF-8. */

export const Perms = { read: 1, write: 2, create: 4, delete: 8, admin: 16, all: 31 } as const

export interface AclEntry {
  perms: number
  scheme: string
  id: Buffer
}

/** An immutable list. `entries` keep the server's order; `canonical` does not depend on it. */
export interface AclList {
  readonly entries: readonly AclEntry[]
  /** The entries as the digest has them (`i32 perms, u32 length, scheme, u32 length, id`), sorted bytewise, after their u32 count. */
  readonly canonical: Buffer
  /** True when the server has masked a digest id (`user:x`), which it does for a reader without ADMIN. */
  readonly masked: boolean
}

export function aclList(entries: readonly AclEntry[]): AclList {
  const encoded = entries.map(encodeEntry).sort(Buffer.compare)
  const count = Buffer.alloc(4)
  count.writeUInt32BE(entries.length)
  return {
    entries,
    canonical: Buffer.concat([count, ...encoded]),
    masked: entries.some(isMasked),
  }
}

/** Equal as sets of entries. A masked list equals nothing, not even itself: what it hides is unknown. */
export function sameAcl(a: AclList, b: AclList): boolean {
  if (a.masked || b.masked) return false
  return a === b || a.canonical.equals(b.canonical)
}

/** Bytes for the journal: the entries in their own order. */
export function storeAcl(list: AclList): Buffer {
  const count = Buffer.alloc(4)
  count.writeUInt32BE(list.entries.length)
  return Buffer.concat([count, ...list.entries.map(encodeEntry)])
}

export const OPEN_ACL = aclList([{ perms: Perms.all, scheme: 'world', id: Buffer.from('anyone') }])

function isMasked(entry: AclEntry): boolean {
  // A real digest is 28 characters of base64, so ":x" at the end can only be the server's mask.
  return entry.scheme === 'digest' && entry.id.length > 1 && entry.id.toString('latin1').endsWith(':x')
}

function encodeEntry(entry: AclEntry): Buffer {
  const scheme = Buffer.from(entry.scheme)
  const out = Buffer.alloc(12 + scheme.length + entry.id.length)
  let at = out.writeInt32BE(entry.perms, 0)
  at = out.writeUInt32BE(scheme.length, at)
  at += scheme.copy(out, at)
  at = out.writeUInt32BE(entry.id.length, at)
  entry.id.copy(out, at)
  return out
}
