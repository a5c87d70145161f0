/** The trees that every version has as a source, planted once and read by all targets. */
import {
  COPIED,
  digestAcl,
  EDGE_USER,
  type EdgeNode,
  ofSize,
  REFUSED,
  STRANGER,
  siblings,
} from '../../fixtures/edge-nodes.ts'
import { loadTree } from '../../fixtures/load.ts'
import { OPEN, type ZnodeRecord } from '../../fixtures/record.ts'
import { connect, Place, parseAcl } from '../helpers/places.ts'
import { contents, readTree } from '../helpers/read-tree.ts'
import type { Server } from '../servers/index.ts'
import { takesIpv6Acls, takesNetworkAcls, takesOldNames } from './versions.ts'

export const AUTH = `digest ${EDGE_USER}:${EDGE_USER}`

/** A tree on a source, and what an independent reader finds there. */
export interface Tree {
  place: Place
  contents: ReturnType<typeof contents>
}

export interface Sources {
  /** What every pair copies exactly. */
  whole: Tree
  /** 20,000 siblings and some directories, for a copy that is killed. */
  wide: Tree
  /** What some pairs cannot copy. */
  limits: Tree
  /** One digest ACL that the tool has no ADMIN for. */
  masked: Tree
}

/** Znodes that the source made children in: its next sequential child there gets this number. */
export const NEXT_SEQUENCE: Record<string, number> = { queue: 7, spent: 1500, locked: 40 }
export const EPHEMERAL = 'alive'
/** How often the data of a counter like Kafka's `/brokers/seqid` were set. */
export const SEQID_VERSION = 3

const LOCKED = [digestAcl(31, EDGE_USER)]
const MASKED = ['1:world:anyone', digestAcl(31, STRANGER)]

const COUNTERS: ZnodeRecord[] = [
  znode('/queue', null, { nextSequence: NEXT_SEQUENCE.queue }),
  znode('/queue/n-0000000003', 'three'),
  znode('/queue/n-0000000006', 'six'),
  znode('/spent', null, { nextSequence: NEXT_SEQUENCE.spent }),
  znode('/seqid', '', { version: SEQID_VERSION }),
]

/** Only one user may enter, and the tool is nobody on the target: that takes a temporary identity. */
const LOCKED_OUT: ZnodeRecord[] = [
  znode('/locked', 'directory', { acl: LOCKED, nextSequence: NEXT_SEQUENCE.locked }),
  znode('/locked/below', 'directory, too', { acl: ['1:world:anyone'] }),
  znode('/locked/below/leaf', 'leaf', { acl: ['31:ip:127.0.0.1'] }),
]

const KINDS: ZnodeRecord[] = [
  znode('/locks', null),
  znode('/locks/held', 'a container'),
  znode('/locks/held/owner', 'x'),
  znode('/sessions', null),
  znode('/sessions/one', 'lives for a second'),
  znode('/plain', 'stays'),
]

export const NETWORK: ZnodeRecord = znode('/network', 'x', { acl: ['31:world:anyone', '1:ip:127.0.0.0/8'] })
export const IPV6: ZnodeRecord = znode('/ipv6', 'x', { acl: ['31:world:anyone', '1:ip:::1'] })

/** How many znodes lie directly below the root of `whole`, the ephemeral one among them. */
export const WHOLE_CHILDREN =
  1 +
  [...recordsOf(COPIED), ...COUNTERS, ...LOCKED_OUT, ...recordsOf([ofSize(900_000)])].filter(
    ({ path }) => path.lastIndexOf('/') === 0,
  ).length

export async function plantSources(server: Server): Promise<Sources> {
  const whole = [...recordsOf(COPIED), ...COUNTERS, ...LOCKED_OUT, ...recordsOf([ofSize(900_000)])]
  const limits = [
    ...KINDS,
    ...(takesOldNames(server.version) ? recordsOf(REFUSED) : []),
    ...(takesNetworkAcls(server.version) ? [NETWORK] : []),
    ...(takesIpv6Acls(server.version) ? [IPV6] : []),
  ]
  return {
    whole: await plantTree(server, 'whole', [
      ...whole,
      { ...znode(`/${EPHEMERAL}`, 'someone lives here'), kind: 'ephemeral' },
    ]),
    wide: await plantTree(server, 'wide', [...recordsOf([siblings()]), ...directories()]),
    limits: await plantTree(server, 'limits', limits),
    masked: await plantTree(server, 'masked', [
      znode('/a', 'not mine', { acl: MASKED }),
      znode('/b', 'open'),
    ]),
  }
}

/** A place with a session that is the tool's user on the source, and the stranger: it may read everything. */
export async function placeOn(server: Server, root: string): Promise<Place> {
  const client = await connect(server.connectString)
  for (const user of [EDGE_USER, STRANGER])
    await client.addAuth({ scheme: 'digest', auth: Buffer.from(`${user}:${user}`) })
  return new Place(client, server.connectString, root)
}

/** Everything is made open, then each znode gets its ACL, children first. */
async function plantTree(server: Server, name: string, below: readonly ZnodeRecord[]): Promise<Tree> {
  const where = await placeOn(server, `/source-${name}`)
  const records = [znode('', 'root'), ...below].map((record) => ({
    ...record,
    path: where.root + record.path,
  }))
  await loadTree(
    where.client,
    records.map((record) => ({ ...record, acl: OPEN })),
  )
  for (const { path, acl } of records.reverse())
    if (acl !== OPEN) await where.client.setACL(path, acl.map(parseAcl))
  return { place: where, contents: contents(await readTree(where)) }
}

function directories(): ZnodeRecord[] {
  return Array.from({ length: 20 }, (_, directory) => [
    znode(`/d${directory}`, null),
    ...Array.from({ length: 20 }, (_, leaf) => znode(`/d${directory}/z${leaf}`, `${directory} ${leaf}`)),
  ]).flat()
}

function recordsOf(nodes: readonly EdgeNode[]): ZnodeRecord[] {
  return nodes.flatMap(({ records }) => records)
}

function znode(path: string, data: string | null, more: Partial<ZnodeRecord> = {}): ZnodeRecord {
  return { path, data: data === null ? null : Buffer.from(data), acl: OPEN, kind: 'persistent', ...more }
}
