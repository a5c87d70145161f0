/** What is told about a data directory, as people and as programs read it. */
import { basename } from 'node:path'
import type {
  DirectoryFacts,
  Fact,
  Kinds,
  LogFacts,
  Moment,
  SessionFacts,
  SnapshotFacts,
  TransactionFacts,
  TreeFacts,
} from '../inspect/facts.ts'
import { escapeText } from '../report/escape.ts'
import { formatBytes, formatCount, formatSeconds, plural } from '../report/units.ts'

/** Of data on a line. */
const MOST_SHOWN = 200
const HEADINGS: Readonly<Record<string, string>> = {
  snapshot: 'SNAPSHOTS',
  log: 'LOGS',
  session: 'SESSIONS',
  znode: 'BIGGEST ZNODES',
  children: 'DIRECTORIES WITH THE MOST CHILDREN',
  'bytes-below': 'DIRECTORIES WITH THE MOST DATA BELOW',
}

/** For one run: headings come where a list begins. */
export class FactLines {
  readonly #top: number
  #heading = ''
  #sessions = 0

  constructor(top: number) {
    this.#top = top
  }

  /** Escaped lines; none where enough was listed. */
  of(fact: Fact): string[] {
    if (fact.type === 'txn') return [transactionLine(fact)]
    if (fact.type === 'txns') return []
    if (fact.type === 'tree') return this.#below(fact.type, treeLines(fact), `TREE at ${hex(fact.zxid)}`)
    const heading = fact.type === 'directory' ? fact.by : fact.type
    if (fact.type === 'session' && ++this.#sessions > this.#top) {
      return this.#sessions === this.#top + 1 ? ['  … (--json lists them all)'] : []
    }
    return this.#below(heading, [lineOf(fact)], HEADINGS[heading] ?? '')
  }

  #below(name: string, lines: string[], heading: string): string[] {
    const indented = lines.map((line) => `  ${line}`)
    if (name === this.#heading) return indented
    const first = this.#heading === ''
    this.#heading = name
    return [...(first ? [] : ['']), heading, ...indented]
  }
}

/** 64-bit numbers and buffers as the other commands give them. */
export function recordOf(fact: Fact): { type: string } {
  switch (fact.type) {
    case 'txn': {
      const { time, acl, data, ...rest } = fact
      const record = {
        ...rest,
        time: isoTime(time),
        ...(acl !== undefined && {
          acl: acl.map((entry) => ({ ...entry, id: entry.id.toString('base64') })),
        }),
        ...(data !== undefined && { data: data?.toString('base64') ?? null }),
      }
      return record
    }
    case 'log':
    case 'txns': {
      const record = { ...fact, first: momentRecord(fact.first), last: momentRecord(fact.last) }
      return record
    }
    case 'znode': {
      const record = { ...fact, mtime: isoTime(fact.mtime) }
      return record
    }
    default:
      return fact
  }
}

function momentRecord(moment: Moment | null): object | null {
  return moment && { zxid: moment.zxid, time: isoTime(moment.time) }
}

function lineOf(fact: Exclude<Fact, TransactionFacts | TreeFacts | { type: 'txns' }>): string {
  switch (fact.type) {
    case 'snapshot':
      return snapshotLine(fact)
    case 'log':
      return logLine(fact)
    case 'session':
      return sessionLine(fact)
    case 'znode': {
      const { bytes, path, kind, version, mzxid, mtime } = fact
      const when = `${hex(mzxid)}, ${isoTime(mtime)}`
      return `${formatBytes(bytes).padStart(7)}  ${escapeText(path)}  (${kind}, version ${version}, set by ${when})`
    }
    case 'directory':
      return directoryLine(fact)
  }
}

function snapshotLine(fact: SnapshotFacts): string {
  const { file, size, compression, changed, zxid, newestZxid, znodes, kinds, dataBytes, sessions, digest } =
    fact
  const parts = [
    `${formatBytes(size)}${compression === 'none' ? '' : `, ${compression}`}`,
    `written ${changed.toISOString()}`,
    `up to ${hex(zxid)}${newestZxid > zxid ? `, in parts up to ${hex(newestZxid)}` : ''}`,
    `${plural(znodes, 'znode')} (${kindsText(kinds)}) with ${formatBytes(dataBytes)} of data`,
    plural(sessions, 'session'),
    ...(digest === null ? [] : [`digest at ${hex(digest.zxid)}`]),
    fact.damage === null ? 'sound' : `DAMAGED: ${escapeText(fact.damage)}`,
  ]
  return `${escapeText(basename(file))}  ${parts.join('; ')}`
}

function logLine(fact: LogFacts): string {
  const { file, size, transactions, first, last, types, end, gapBefore, damage } = fact
  const most = Object.entries(types).sort(([, a], [, b]) => b - a)
  const parts = [
    formatBytes(size),
    ...(first === null || last === null
      ? ['no transaction']
      : [
          `${hex(first.zxid)} to ${hex(last.zxid)}`,
          `${isoTime(first.time)} to ${isoTime(last.time)}`,
          `${plural(transactions, 'transaction')} (${most.map(([name, count]) => `${name} ${formatCount(count)}`).join(', ')})`,
        ]),
    ...(gapBefore ? ['transactions are missing before it'] : []),
    ...(end === 'torn' ? ['ends in the middle of a transaction, as after a crash'] : []),
    ...(end === 'unborn' ? ['was never begun'] : []),
    damage.length === 0 ? 'sound' : `DAMAGED: ${escapeText(damage.join(' '))}`,
  ]
  return `${escapeText(basename(file))}  ${parts.join('; ')}`
}

function treeLines(fact: TreeFacts): string[] {
  const { root, znodes, kinds, dataBytes, nullData, acls, sessions, depth, digestsChecked } = fact
  const rows: [string, string][] = [
    ['root', escapeText(root)],
    ['znodes', `${formatCount(znodes)} (${kindsText(kinds)})`],
    ['data', `${formatBytes(dataBytes)}; null on ${plural(nullData, 'znode')}`],
    ['levels', formatCount(depth)],
    ['ACLs', `${formatCount(acls)} different`],
    ['sessions', formatCount(sessions)],
    ...(digestsChecked > 0
      ? [['checked', `equal to ${plural(digestsChecked, 'digest')} in the logs`] satisfies [string, string]]
      : []),
  ]
  return rows.map(([label, text]) => `${label.padEnd(8)}  ${text}`)
}

function sessionLine({ session, server, timeoutMs, ephemerals }: SessionFacts): string {
  return `${hex(session)}  of server ${server}, timeout ${formatSeconds(timeoutMs / 1000)}, ${plural(ephemerals, 'ephemeral')}`
}

function directoryLine({ by, path, children, listBytes, znodesBelow, bytesBelow }: DirectoryFacts): string {
  if (by === 'children')
    return `${formatCount(children).padStart(9)}  ${escapeText(path)}  (a list of ${formatBytes(listBytes)})`
  return `${formatBytes(bytesBelow).padStart(9)}  ${escapeText(path)}  (in ${plural(znodesBelow, 'znode')})`
}

function transactionLine(fact: TransactionFacts): string {
  const { zxid, time, session, op, path } = fact
  const details = [...detailsOf(fact)].join(', ')
  const subject = path === null ? '' : `${escapeText(path)}  `
  return `${isoTime(time)}  ${hex(zxid)}  ${hex(session)}  ${op.padEnd(13)}  ${subject}(${details})`
}

function* detailsOf(fact: TransactionFacts): Generator<string> {
  const { op, kind, ttlMs, bytes, data, acl, version, by, timeoutMs, ephemerals, code, part, failed } = fact
  if (failed) yield 'REFUSED: nothing changed'
  if (by === 'session-end') yield 'its session ended'
  if (by === 'container-or-ttl') yield 'by the server: a container or TTL without children'
  if (kind !== undefined && kind !== 'persistent') yield ttlMs === undefined ? kind : `TTL ${ttlMs} ms`
  if (bytes !== undefined) yield bytes === null ? 'null' : formatBytes(bytes)
  if (version !== undefined) yield `version ${version}`
  if (acl !== undefined) yield acl.map(aclText).join(' ')
  if (timeoutMs !== undefined) yield `timeout ${formatSeconds(timeoutMs / 1000)}`
  if (op === 'closeSession' && ephemerals != null) yield plural(ephemerals, 'ephemeral')
  if (code !== undefined) yield `error ${code}`
  if (part !== null) yield `part ${part.number} of ${part.of}`
  yield `server ${fact.server}, cxid ${fact.cxid}`
  if (data)
    yield `data ${escapeText(JSON.stringify(data.toString('utf8', 0, MOST_SHOWN)))}${data.length > MOST_SHOWN ? '…' : ''}`
}

const PERMISSIONS: readonly [number, string][] = [
  [4, 'c'],
  [8, 'd'],
  [1, 'r'],
  [2, 'w'],
  [16, 'a'],
]

/** As zkCli writes it: `world:anyone:cdrwa`. */
function aclText({ perms, scheme, id }: { perms: number; scheme: string; id: Buffer }): string {
  const letters = PERMISSIONS.map(([bit, letter]) => (perms & bit ? letter : '')).join('')
  return escapeText(`${scheme}:${id.toString()}:${letters}`)
}

function kindsText(kinds: Kinds): string {
  const parts = Object.entries(kinds).filter(([, count]) => count > 0)
  return parts
    .map(([kind, count]) => `${formatCount(count)} ${kind === 'ttl' ? 'with a TTL' : kind}`)
    .join(', ')
}

function hex(number: bigint): string {
  return `0x${BigInt.asUintN(64, number).toString(16)}`
}

/** A damaged clock is no reason to say nothing. */
function isoTime(time: bigint): string {
  const date = new Date(Number(time))
  return Number.isNaN(date.getTime()) ? `${time} ms` : date.toISOString()
}
