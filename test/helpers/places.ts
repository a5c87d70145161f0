/** Roots on real servers, and small trees in them. */
import { afterAll } from 'vitest'
import { loadTree } from '../../fixtures/load.ts'
import type { ZnodeRecord } from '../../fixtures/record.ts'
import { type Acl, CreateFlag, type MultiOp, OPEN_ACL, ZooKeeperClient } from '../../src/zookeeper/index.ts'
import { freshRoot, sharedServer } from '../servers/shared.ts'

export type Version = '3.4.14' | '3.9.5'

/** A root on a server, and a session there that lives as long as the test file. */
export class Place {
  readonly client: ZooKeeperClient
  readonly address: string
  readonly root: string

  constructor(client: ZooKeeperClient, address: string, root: string) {
    this.client = client
    this.address = address
    this.root = root
  }

  /** As the command line takes it. */
  get location(): string {
    return `${this.address}${this.root}`
  }

  /** The absolute path of `below`, where `''` is the root. */
  at(below: string): string {
    if (below === '') return this.root
    return this.root === '/' ? `/${below}` : `${this.root}/${below}`
  }
}

/** What `plant` makes of one znode. Text and null are data, open to the world. */
export type Planted =
  | string
  | null
  | Buffer
  | { data?: string | null | Buffer; acl?: string[]; ephemeral?: boolean }

const open: ZooKeeperClient[] = []

/** A session that is closed when the test file ends. */
export async function connect(address: string): Promise<ZooKeeperClient> {
  const client = await ZooKeeperClient.connect({ connect: address })
  open.push(client)
  return client
}

afterAll(async () => {
  await Promise.all(open.splice(0).map((client) => client.close()))
})

/** A root that does not exist yet, on one of the run's servers. */
export async function place(version: Version = '3.9.5', name = 'place'): Promise<Place> {
  const address = sharedServer(version).connectString
  return new Place(await connect(address), address, freshRoot(name))
}

/** A source on 3.4.14 and a target on 3.9.5, as in most migrations. */
export async function pair(name = 'pair'): Promise<{ from: Place; to: Place }> {
  return { from: await place('3.4.14', `${name}-from`), to: await place('3.9.5', `${name}-to`) }
}

/** Creates znodes, parents first in the order given. */
export async function plant(where: Place, tree: Record<string, Planted>): Promise<void> {
  const made = Object.entries(tree).map(([path, planted]) => {
    const { data, acl, ephemeral } = normal(planted)
    const flags = ephemeral ? CreateFlag.ephemeral : CreateFlag.persistent
    return where.client.create(where.at(path), data, {
      acl: acl.length > 0 ? acl.map(parseAcl) : OPEN_ACL,
      flags,
    })
  })
  await Promise.all(made)
}

function normal(planted: Planted): { data: Buffer | null; acl: string[]; ephemeral: boolean } {
  if (planted === null || typeof planted === 'string' || Buffer.isBuffer(planted))
    return { data: bytes(planted), acl: [], ephemeral: false }
  return { data: bytes(planted.data ?? null), acl: planted.acl ?? [], ephemeral: planted.ephemeral ?? false }
}

function bytes(data: string | null | Buffer): Buffer | null {
  return typeof data === 'string' ? Buffer.from(data) : data
}

/** `perms:scheme:id`, where the id may hold colons itself. */
export function parseAcl(text: string): Acl {
  const [perms = '', scheme = '', ...id] = text.split(':')
  return { perms: Number(perms), scheme, id: Buffer.from(id.join(':')) }
}

/** Loads a fixture below a new root: its own root `/codis3`, say, becomes the place's. */
export async function load(where: Place, records: readonly ZnodeRecord[]): Promise<void> {
  await loadTree(where.client, rooted(where.root, records))
}

/** The same records with their common root renamed. */
export function rooted(root: string, records: readonly ZnodeRecord[]): ZnodeRecord[] {
  const own = (records[0] as ZnodeRecord).path
  return records.map((record) => ({ ...record, path: root + record.path.slice(own.length) }))
}

/** What `plantMany` makes, as paths below the root with their data: the root, `dirs` directories, `leaves` in each. */
export function* many(
  dirs: number,
  leaves: number,
  size: number,
): Generator<[path: string, data: Buffer | null]> {
  yield ['', null]
  for (let d = 0; d < dirs; d++) {
    const directory = `d${String(d).padStart(5, '0')}`
    yield [directory, Buffer.from(`directory ${d}`)]
    for (let at = 0; at < leaves; at++) {
      yield [`${directory}/z${String(at).padStart(6, '0')}`, Buffer.alloc(size, (d * 31 + at) % 251)]
    }
  }
}

/** Brings the counter of a znode to `count` children that were there. */
export async function advance(where: Place, below: string, count: number): Promise<void> {
  const path = where.at(below === '' ? 'gone' : `${below}/gone`)
  for (let at = 0; at < count; at++) {
    await where.client.create(path, null)
    await where.client.delete(path)
  }
}

/** Directories of equal leaves, written in multis: `dirs` × `leaves` znodes of `size` bytes, and the root. */
export async function plantMany(
  { client, root }: Pick<Place, 'client' | 'root'>,
  dirs: number,
  leaves: number,
  size = 100,
): Promise<void> {
  const sent: Promise<unknown>[] = []
  let ops: MultiOp[] = []
  const send = async () => {
    if (ops.length > 0) sent.push(client.multi(ops))
    ops = []
    if (sent.length === 8) await Promise.all(sent.splice(0))
  }
  for (const [path, data] of many(dirs, leaves, size)) {
    ops.push({ op: 'create', path: path === '' ? root : `${root}/${path}`, data, acl: OPEN_ACL })
    if (ops.length === 500) await send()
  }
  await send()
  await Promise.all(sent)
}
