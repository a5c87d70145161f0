/** A znode as one record of JSON or YAML: see docs/export.md, which is the promise. */
import { OPEN_ACL } from '../../tree/acl.ts'
import { type CreateMode, LONGEST_TTL_MS } from '../../tree/create-mode.ts'
import { type Data, NO_STAT, type Stat } from '../../tree/znode.ts'
import { existingPathFlaw } from '../../zookeeper/path.ts'
import type { StagedZnode } from '../stored/staging.ts'
import { type AclObject, aclFromText, aclToText } from './acl-text.ts'
import { FormatProblem, shown } from './problem.ts'
import { bytesOf, plainText } from './text.ts'

/** Where a file's tree is in a staging: not at `/`, whose own `zookeeper` belongs to a server. */
export const BASE = '/tree'

export const FORMAT = 'zkferry-export'
export const VERSION = 1

export interface Header {
  format: typeof FORMAT
  version: typeof VERSION
  /** Of what is not in it nothing can be said: filters left it out. */
  partial?: true
}

/** The last record: without it a file is cut off. */
export interface End {
  end: true
  /** Znodes that could not be read. */
  failed?: number
}

export interface ZnodeRecord {
  path: string
  /** It only leads to what is in the file, and is neither compared nor counted. */
  leads?: true
  data?: string | null
  base64?: string
  acl?: (string | AclObject)[]
  kind?: 'container'
  /** Milliseconds. */
  ttl?: number
  sequence?: number
  version?: number
  stat?: Record<string, string | number>
}

export interface WriteOptions {
  acl: boolean
  stat: boolean
}

export interface Decoded {
  znode: StagedZnode
  leads: boolean
  /** False: it says nothing of its ACL, and `znode` has an open one. */
  hasAcl: boolean
}

const ZXIDS = ['czxid', 'mzxid', 'pzxid'] as const
const TIMES = ['ctime', 'mtime'] as const
const FIELDS = ['path', 'leads', 'data', 'base64', 'acl', 'kind', 'ttl', 'sequence', 'version', 'stat']
const MOST_SEQUENCE = 0x7fffffff

/** `path` is below the location's root. */
export function toRecord(
  path: string,
  { data, acl, mode, stat, sequence }: StagedZnode,
  leads: boolean,
  options: WriteOptions,
): ZnodeRecord {
  // Empty data with a version above 0 is a counter; all other versions only tell how often something was set.
  const counts = stat.version !== 0 && (data === null || data.length === 0)
  return {
    path,
    ...(leads ? { leads } : {}),
    ...dataFields(data),
    ...(options.acl ? { acl: aclToText(acl) } : {}),
    ...kindFields(mode),
    ...(sequence === 0 ? {} : { sequence }),
    ...(counts || (options.stat && stat.version !== 0) ? { version: stat.version } : {}),
    ...(options.stat ? { stat: statFields(stat) } : {}),
  }
}

/** @throws FormatProblem */
export function fromRecord(value: unknown): Decoded {
  const record = fieldsOf(value)
  const { path, leads, sequence = 0, version = 0, stat } = record
  const place = stagedPath(path)
  return {
    leads: leads === true,
    hasAcl: record.acl !== undefined,
    znode: {
      path: place,
      data: dataOf(record),
      acl: record.acl === undefined ? OPEN_ACL : aclFromText(record.acl),
      mode: modeOf(record),
      sequence: int(record, 'sequence', sequence, 0, MOST_SEQUENCE),
      stat: statOf(stat, int(record, 'version', version, -0x80000000, 0x7fffffff)),
    },
  }
}

/** @throws FormatProblem */
export function checkHeader(value: unknown): Header {
  const { format, version, partial } = (value ?? {}) as Partial<Record<string, unknown>>
  if (format !== FORMAT)
    throw new FormatProblem(`is no header: a file that zkferry export wrote begins with its format`)
  if (version !== VERSION)
    throw new FormatProblem(
      `has version ${shown(version)} of the format, and ${VERSION} is the only one that is known`,
    )
  return { format, version, ...(partial === true ? { partial } : {}) }
}

export function isHeader(value: unknown): boolean {
  return value !== null && typeof value === 'object' && (value as { format?: unknown }).format === FORMAT
}

/** `null` for a record that is not the last. */
export function asEnd(value: unknown): End | null {
  if (value === null || typeof value !== 'object' || (value as Partial<End>).end !== true) return null
  const { failed } = value as { failed?: unknown }
  return typeof failed === 'number' ? { end: true, failed } : { end: true }
}

/** Below the file's root, into the staging. @throws FormatProblem for what no znode can be called. */
export function stagedPath(path: unknown): string {
  if (typeof path !== 'string') throw new FormatProblem(`has no path: it is ${shown(path)}`)
  if (path === '') return BASE
  if (path.startsWith('/'))
    throw new FormatProblem(
      `has the path ${shown(path)}: paths are below the root, without a slash before them`,
    )
  const flaw = existingPathFlaw(`/${path}`)
  if (flaw !== null) throw new FormatProblem(`has the path ${shown(path)}, which ${flaw}`)
  return `${BASE}/${path}`
}

function fieldsOf(value: unknown): Record<string, unknown> {
  if (value === null || typeof value !== 'object' || Array.isArray(value))
    throw new FormatProblem(`is ${shown(value)}, and no znode`)
  const stray = Object.keys(value).find((field) => !FIELDS.includes(field))
  if (stray !== undefined)
    throw new FormatProblem(`has a field ${shown(stray)}, which is none of ${FIELDS.join(', ')}`)
  return value as Record<string, unknown>
}

function dataFields(data: Data): Pick<ZnodeRecord, 'data' | 'base64'> {
  if (data === null) return { data }
  const text = plainText(data)
  return text === null ? { base64: data.toString('base64') } : { data: text }
}

function dataOf({ path, data, base64 }: Record<string, unknown>): Data {
  if ((data === undefined) === (base64 === undefined))
    throw new FormatProblem(`(${shown(path)}) needs either data or base64`)
  if (data === null) return null
  const [value, encoding] = data === undefined ? [base64, 'base64' as const] : [data, 'utf8' as const]
  if (typeof value !== 'string')
    throw new FormatProblem(
      `(${shown(path)}) has data ${shown(value)} that are no text: put them into quotes`,
    )
  const bytes = bytesOf(value, encoding)
  if (bytes === null)
    throw new FormatProblem(
      `(${shown(path)}) has data ${shown(value)} that are no ${encoding === 'utf8' ? 'Unicode text' : 'base64'}`,
    )
  return bytes
}

function kindFields(mode: CreateMode): Pick<ZnodeRecord, 'kind' | 'ttl'> {
  if (mode === 'persistent') return {}
  return mode === 'container' ? { kind: 'container' } : { ttl: mode.ttlMs }
}

function modeOf(record: Record<string, unknown>): CreateMode {
  const { path, kind, ttl } = record
  if (kind !== undefined && (kind !== 'container' || ttl !== undefined))
    throw new FormatProblem(
      `(${shown(path)}) is of the kind ${shown(kind)}, and only container is known; a TTL excludes it`,
    )
  if (ttl !== undefined) return { ttlMs: int(record, 'ttl', ttl, 1, LONGEST_TTL_MS) }
  return kind === undefined ? 'persistent' : 'container'
}

function int(
  { path }: Record<string, unknown>,
  field: string,
  value: unknown,
  least: number,
  most: number,
): number {
  if (Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most)
    return value as number
  throw new FormatProblem(`(${shown(path)}) has a ${field} of ${shown(value)}, and it is ${least} to ${most}`)
}

function statFields(stat: Stat): Record<string, string | number> {
  return {
    ...Object.fromEntries(ZXIDS.map((field) => [field, `0x${BigInt.asUintN(64, stat[field]).toString(16)}`])),
    ...Object.fromEntries(TIMES.map((field) => [field, timeText(stat[field])])),
    aversion: stat.aversion,
  }
}

function statOf(value: unknown, version: number): Stat {
  if (value === undefined) return { ...NO_STAT, version }
  const wrong = () => new FormatProblem(`has a stat ${shown(value)} that is none`)
  if (value === null || typeof value !== 'object' || Array.isArray(value)) throw wrong()
  const fields = value as Record<string, unknown>
  const stat: Stat = { ...NO_STAT, version }
  for (const field of ZXIDS) {
    const text = fields[field]
    if (typeof text !== 'string' || !/^0x[0-9a-f]{1,16}$/.test(text)) throw wrong()
    stat[field] = BigInt.asIntN(64, BigInt(text))
  }
  for (const field of TIMES) {
    const time = timeOf(fields[field])
    if (time === null) throw wrong()
    stat[field] = time
  }
  const { aversion } = fields
  if (!Number.isInteger(aversion) || (aversion as number) !== ((aversion as number) | 0)) throw wrong()
  return { ...stat, aversion: aversion as number }
}

/** As people write it, or as it is where no calendar has it. */
function timeText(ms: bigint): string {
  const year = ms >= 0n && ms < 253402300800000n ? new Date(Number(ms)) : null
  return year === null ? String(ms) : year.toISOString()
}

function timeOf(value: unknown): bigint | null {
  if (typeof value !== 'string') return null
  if (/^-?\d{1,19}$/.test(value)) return BigInt.asIntN(64, BigInt(value))
  const ms = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,3})?Z$/.test(value) ? Date.parse(value) : Number.NaN
  return Number.isNaN(ms) ? null : BigInt(ms)
}
