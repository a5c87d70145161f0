/**
 * ACL entries as people write them, `scheme:id:cdrwa`. The scheme ends at the first colon, the permissions begin after
 * the last one; what cannot be told apart in that way is an object.
 */
import { type AclEntry, type AclList, aclList, Perms } from '../../tree/acl.ts'
import { FormatProblem, shown } from './problem.ts'
import { bytesOf, plainText } from './text.ts'

/** `base64` is an id that is no text, `perms` a number where it has bits without a letter. */
export interface AclObject {
  scheme: string
  id?: string
  base64?: string
  perms: string | number
}

const LETTERS = [
  ['c', Perms.create],
  ['d', Perms.delete],
  ['r', Perms.read],
  ['w', Perms.write],
  ['a', Perms.admin],
] as const

const FIELDS = ['scheme', 'id', 'base64', 'perms']

export function aclToText({ entries }: AclList): (string | AclObject)[] {
  return entries.map(({ scheme, id, perms }) => {
    const text = plainText(id)
    const letters = permsToText(perms)
    const clean = plainText(Buffer.from(scheme)) === scheme && !/[:\n\r\t]/.test(scheme)
    if (text !== null && !/[\n\r\t]/.test(text) && letters !== null && clean)
      return `${scheme}:${text}:${letters}`
    return {
      scheme,
      ...(text === null ? { base64: id.toString('base64') } : { id: text }),
      perms: letters ?? perms,
    }
  })
}

/** @throws FormatProblem */
export function aclFromText(value: unknown): AclList {
  if (!Array.isArray(value)) throw new FormatProblem(`has an ACL ${shown(value)} that is no list`)
  return aclList(value.map((entry) => (typeof entry === 'string' ? fromText(entry) : fromObject(entry))))
}

/** Parts of an entry, where another format names them. @throws FormatProblem */
export function aclEntry(scheme: unknown, id: unknown, perms: unknown): AclEntry {
  if (typeof scheme !== 'string' || scheme === '' || typeof id !== 'string' || !isInt32(perms))
    throw new FormatProblem(`has an ACL entry ${shown({ scheme, id, perms })} that is none`)
  const [schemeBytes, idBytes] = [bytesOf(scheme, 'utf8'), bytesOf(id, 'utf8')]
  if (schemeBytes === null || idBytes === null)
    throw new FormatProblem(`has an ACL entry ${shown({ scheme, id, perms })} that is no Unicode text`)
  return { scheme, id: idBytes, perms }
}

function fromText(text: string): AclEntry {
  const [first, last] = [text.indexOf(':'), text.lastIndexOf(':')]
  const perms = permsFromText(text.slice(last + 1))
  if (first <= 0 || last === first || perms === null)
    throw new FormatProblem(
      `has an ACL entry ${shown(text)}, which is not of the form scheme:id:cdrwa, such as world:anyone:cdrwa`,
    )
  return aclEntry(text.slice(0, first), text.slice(first + 1, last), perms)
}

function fromObject(value: unknown): AclEntry {
  const wrong = () => new FormatProblem(`has an ACL entry ${shown(value)} that is none`)
  if (value === null || typeof value !== 'object' || Array.isArray(value)) throw wrong()
  const { scheme, id, base64, perms } = value as Partial<AclObject>
  if (Object.keys(value).some((field) => !FIELDS.includes(field))) throw wrong()
  const bits = typeof perms === 'string' ? permsFromText(perms) : perms
  if (base64 === undefined) return aclEntry(scheme, id, bits)
  const bytes = typeof base64 === 'string' ? bytesOf(base64, 'base64') : null
  if (bytes === null || id !== undefined) throw wrong()
  return { ...aclEntry(scheme, '', bits), id: bytes }
}

function permsToText(perms: number): string | null {
  if ((perms & ~Perms.all) !== 0) return null
  return LETTERS.map(([letter, bit]) => ((perms & bit) === 0 ? '' : letter)).join('')
}

function permsFromText(text: string): number | null {
  let perms = 0
  for (const letter of text) {
    const [, bit] = LETTERS.find(([known]) => known === letter) ?? []
    if (bit === undefined || (perms & bit) !== 0) return null
    perms |= bit
  }
  return perms
}

function isInt32(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) === ((value as number) | 0)
}
