/** What other tools write: one JSON object, keyed by absolute paths. */
import { aclList, OPEN_ACL } from '../../tree/acl.ts'
import type { Data } from '../../tree/znode.ts'
import { NO_STAT } from '../../tree/znode.ts'
import { existingPathFlaw } from '../../zookeeper/path.ts'
import type { StagedZnode } from '../stored/staging.ts'
import { aclEntry } from './acl-text.ts'
import { FormatProblem, shown } from './problem.ts'
import { BASE } from './record.ts'
import { bytesOf } from './text.ts'

export type FlatFormat = 'zoocreeper' | 'zk_shell' | 'plain'

type Fields = Record<string, unknown>

/** Which tool's it is, by its first entry. @throws FormatProblem */
export function flatFormatOf(value: unknown): FlatFormat {
  if (value === null || typeof value === 'string') return 'plain'
  if (typeof value === 'object' && !Array.isArray(value)) {
    if ('content' in value) return 'zk_shell'
    if ('ephemeralOwner' in value) return 'zoocreeper'
  }
  throw new FormatProblem(`has ${shown(value)}, which neither zoocreeper nor zk_shell writes, and is no text`)
}

/** `stat.cversion` is what the file says. @throws FormatProblem */
export function fromFlat(format: FlatFormat, key: string, value: unknown): StagedZnode {
  const path = flatPath(key)
  if (format === 'plain') return plain(path, key, value)
  if (value === null || typeof value !== 'object' || Array.isArray(value))
    throw new FormatProblem(`(${shown(key)}) is ${shown(value)}, and no znode`)
  return format === 'zoocreeper'
    ? zoocreeper(path, key, value as Fields)
    : zkShell(path, key, value as Fields)
}

/** For what is read with `/` as its root: what every server has of its own. */
export function isServersOwn(key: string): boolean {
  return key === '/zookeeper' || key.startsWith('/zookeeper/')
}

/** An absolute path, into the staging. @throws FormatProblem */
export function flatPath(key: string): string {
  const flaw = existingPathFlaw(key)
  if (flaw !== null) throw new FormatProblem(`has the path ${shown(key)}, which ${flaw}`)
  return key === '/' ? BASE : BASE + key
}

function zoocreeper(path: string, key: string, fields: Fields): StagedZnode {
  const owner = fields.ephemeralOwner
  if (typeof owner !== 'number')
    throw new FormatProblem(`(${shown(key)}) has an ephemeralOwner of ${shown(owner)}, and no number`)
  const [version, cversion, aversion] = (['version', 'cversion', 'aversion'] as const).map((field) =>
    int32(key, field, fields[field]),
  ) as [number, number, number]
  return {
    path,
    data: base64(key, fields.data),
    acl: aclList(list(key, fields.acls).map(({ scheme, id, perms }) => aclEntry(scheme, id, perms))),
    mode: 'persistent',
    sequence: 0,
    // A session id may be larger than a number holds exactly: only whether there is one counts.
    stat: { ...NO_STAT, version, cversion, aversion, ephemeralOwner: owner === 0 ? 0n : 1n },
  }
}

function zkShell(path: string, key: string, fields: Fields): StagedZnode {
  const acls = list(key, fields.acls)
  const entries = acls.map(({ perms, id }) => {
    const { scheme, id: who } = (id ?? {}) as Fields
    return aclEntry(scheme, who, perms)
  })
  return {
    path,
    data: base64(key, fields.content),
    // As zk_shell itself would make it.
    acl: entries.length === 0 ? OPEN_ACL : aclList(entries),
    mode: 'persistent',
    sequence: 0,
    stat: NO_STAT,
  }
}

function plain(path: string, key: string, value: unknown): StagedZnode {
  const data = typeof value === 'string' ? bytesOf(value, 'utf8') : value
  if (data !== null && !Buffer.isBuffer(data))
    throw new FormatProblem(`(${shown(key)}) has data ${shown(value)} that are neither text nor null`)
  return { path, data, acl: OPEN_ACL, mode: 'persistent', sequence: 0, stat: NO_STAT }
}

function base64(key: string, value: unknown): Data {
  if (value === null) return null
  const bytes = typeof value === 'string' ? bytesOf(value, 'base64') : null
  if (bytes === null) throw new FormatProblem(`(${shown(key)}) has data ${shown(value)} that are no base64`)
  return bytes
}

function list(key: string, value: unknown): Fields[] {
  const isList = Array.isArray(value) && value.every((one) => one !== null && typeof one === 'object')
  if (!isList) throw new FormatProblem(`(${shown(key)}) has ACLs ${shown(value)} that are no list of entries`)
  return value as Fields[]
}

function int32(key: string, field: string, value: unknown): number {
  if (Number.isInteger(value) && (value as number) === ((value as number) | 0)) return value as number
  throw new FormatProblem(`(${shown(key)}) has a ${field} of ${shown(value)}, and no number of 32 bits`)
}
