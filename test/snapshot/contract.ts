/** What every version must do with a data directory that `copy` has written: boot from it, and live with it. */
import { mkdtempSync, readdirSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'vitest'
import { digestAcl, EDGE_USER } from '../../fixtures/edge-nodes.ts'
import {
  CreateFlag,
  OPEN_ACL,
  SessionExpiredError,
  type Stat,
  ZooKeeperClient,
  type ZooKeeperError,
} from '../../src/zookeeper/index.ts'
import { connect, Place, plant } from '../helpers/places.ts'
import { type ReadZnode, readTree } from '../helpers/read-tree.ts'
import { freshJournal, zkferry } from '../helpers/zkferry.ts'
import { makesContainers, makesTtl } from '../matrix/versions.ts'
import { type Server, startEnsemble, startServer } from '../servers/index.ts'
import { eventually } from '../zookeeper/helpers.ts'

const AUTH = `digest ${EDGE_USER}:${EDGE_USER}`
const BOTH_AUTH = { ZKFERRY_SOURCE_AUTH: AUTH, ZKFERRY_TARGET_AUTH: AUTH }
const WAIT = ['--retry-for', '30s']
/** A container without children goes at the next check. */
const JVM = ['-Dznode.container.checkIntervalMs=200']
const KINDS = ['--container', 'locks/*', '--ttl', 'sessions/short=1s', '--ttl', 'sessions/*=100d']
/** The number that the next sequential child gets. */
const NEXT: Record<string, number> = { queue: 7, 'locked/below': 2 }

/** A folder that does not exist yet. */
export function freshFolder(): string {
  return join(mkdtempSync(join(tmpdir(), 'zkferry-snapshot-')), 'data')
}

/** As the tool is: it sees every ACL whole. */
export async function insider(address: string, root: string): Promise<Place> {
  const client = await connect(address)
  await client.addAuth({ scheme: 'digest', auth: Buffer.from(`${EDGE_USER}:${EDGE_USER}`) })
  return new Place(client, address, root)
}

/** Plants a tree with everything that a snapshot must keep. */
export async function plantSource(address: string, root: string): Promise<Place> {
  const from = await insider(address, root)
  await plant(from, {
    '': 'root',
    null: null,
    empty: '',
    'all bytes': Buffer.from(Array.from({ length: 256 }, (_, at) => at)),
    'naïve ☃ 漢字': 'a name of two and three bytes a character',
    large: Buffer.alloc(1_000_000, 'x'),
    queue: null,
    seqid: '',
    locked: { data: 'directory', acl: [digestAcl(31, EDGE_USER)] },
    'locked/below': { data: 'readable', acl: ['1:world:anyone', digestAcl(31, EDGE_USER)] },
    network: { data: 'x', acl: ['31:world:anyone', '1:ip:127.0.0.1'] },
    deep: null,
    'deep/a': 'a',
    'deep/a/b': 'b',
    'deep/a/b/c': 'c',
    // Sorts before deep/a in a list of paths, and after it in a list of names.
    'deep/a-b': 'between',
    wide: null,
    locks: null,
    'locks/held': 'a container',
    'locks/held/owner': 'x',
    sessions: null,
    'sessions/long': 'stays',
    'sessions/short': 'goes',
    alive: { data: 'here', ephemeral: true },
  })
  const { client } = from
  await Promise.all(
    Array.from({ length: 300 }, (_, at) => client.create(from.at(`wide/z${at}`), Buffer.alloc(300, at))),
  )
  for (const below of Object.keys(NEXT))
    for (let number = 0; number < (NEXT[below] as number); number++) {
      const acl = below === 'queue' ? {} : { acl: [{ perms: 31, scheme: 'digest', id: digestId() }] }
      const flags = CreateFlag.persistentSequential
      const { path } = await client.create(`${from.at(below)}/n-`, null, { flags, ...acl })
      if (number % 3 !== 0) await client.delete(path)
    }
  for (let times = 0; times < 3; times++) await client.setData(from.at('seqid'), Buffer.alloc(0))
  await client.setData(from.at('deep/a'), Buffer.from('changed'))
  await client.setACL(from.at('deep/a/b'), OPEN_ACL)
  return from
}

function digestId(): Buffer {
  return Buffer.from(digestAcl(31, EDGE_USER).slice('31:digest:'.length))
}

export interface Boot {
  version: string
  members: number
  /** Where the tree goes. */
  root: string
}

/** Writes, boots, compares, works, boots again. */
export async function bootsExactly(from: Place, { version, members, root }: Boot): Promise<void> {
  const folder = freshFolder()
  await copyTo(from, folder, root, version, members)
  const before = await readTree(from)
  const directories = expectFolders(folder, members)
  const options = { version, jvm: JVM }
  const ensemble =
    members === 1 ? null : await startEnsemble({ ...options, size: members, dataDirs: directories })
  const servers = ensemble?.members ?? [await startServer({ ...options, dataDir: folder })]
  try {
    const first = servers[0] as Server
    await expectSame(from, before, version, first, root)
    expect(await verified(from, servers, root)).toEqual([])
    await expectSessionsOver(from, first)
    await expectWork(first, root, version)
    // All of them, so that what is there comes from their disks.
    for (const server of servers) await server.kill()
    for (const server of servers) await server.launch()
    await Promise.all(servers.map((server) => server.serving()))
    for (const server of servers) await expectWorkDone(server, root)
    // The numbers that were taken meanwhile.
    expect((await verified(from, servers, root)).sort()).toEqual(
      Object.keys(NEXT)
        .map((below) => `${below}: sequence`)
        .sort(),
    )
  } finally {
    await Promise.all(servers.map((server) => server.stop()))
  }
}

async function copyTo(
  from: Place,
  folder: string,
  root: string,
  version: string,
  members: number,
): Promise<void> {
  const old = !makesContainers(version)
  const flags = [
    ...(old ? ['--for-version', version, '--plain-kinds'] : []),
    ...(members === 1 ? [] : ['--members', `${members}`]),
  ]
  const args = ['copy', ...WAIT, ...KINDS, ...flags, '--journal', freshJournal()]
  const copy = await zkferry([...args, from.location, `snapshot:${folder}#${root}`], {
    env: { ZKFERRY_SOURCE_AUTH: AUTH },
  })
  expect(copy.code, copy.stderr).toBe(0)
  expect(copy.skipped()).toEqual(['alive: ephemeral'])
  expect(copy.of('failed')).toEqual([])
  expect(copy.summary.digest.target).toBe(copy.summary.digest.source)
  const said = copy.of('note').map(({ message }) => message)
  if (old) expect(said.join('\n')).toContain('plain znodes')
  else expect(said.join('\n')).toContain('-Dzookeeper.extendedTypesEnabled=true')
}

/** One snapshot in each, and nothing else that a server reads. */
function expectFolders(folder: string, members: number): string[] {
  const directories =
    members === 1 ? [folder] : Array.from({ length: members }, (_, at) => join(folder, `${at + 1}`))
  for (const [at, directory] of directories.entries()) {
    expect(readdirSync(join(directory, 'version-2'))).toEqual([expect.stringMatching(/^snapshot\.[1-9a-f]/)])
    if (members > 1) expect(readFileSync(join(directory, 'myid'), 'utf8')).toBe(`${at + 1}\n`)
    expect(readdirSync(directory).sort()).toEqual(
      [...(members > 1 ? ['myid'] : []), 'version-2', 'zkferry.json'].sort(),
    )
  }
  return directories
}

async function expectSame(
  from: Place,
  before: Map<string, ReadZnode>,
  version: string,
  server: Server,
  root: string,
): Promise<void> {
  const there = await insider(server.connectString, root)
  // Its time was over before the server was there.
  const gone = makesTtl(version) ? ['sessions/short'] : []
  for (const path of gone)
    await eventually(async () => expect(await there.client.exists(there.at(path))).toBeNull())
  const wanted = [...before].filter(([path]) => path !== 'alive' && !gone.includes(path))
  const tree = await readTree(there)
  expect(new Map([...tree].map(([path, znode]) => [path, kept(path, znode)]))).toEqual(
    new Map(wanted.map(([path, znode]) => [path, kept(path, znode)])),
  )
  expect(from.address).not.toBe(there.address)
}

/** Everything but how many children there are now, which is less the ephemerals; the counter shows through. */
function kept(path: string, { data, acl, stat }: ReadZnode): object {
  const { cversion, numChildren, pzxid, ...rest }: Stat = stat
  // A TTL znode has gone from there since.
  const changed = path === 'sessions' ? {} : { pzxid }
  return { data, acl, stat: { ...rest, ...changed, counter: cversion + numChildren } }
}

/** What `zkferry verify` finds to be different; the digests must be equal. */
async function verified(from: Place, servers: Server[], root: string): Promise<string[]> {
  const to = `${servers.map((server) => server.connectString).join(',')}${root}`
  const exclude = ['--exclude', 'sessions/short', '--exclude', 'queue/after-*']
  const strict = ['--strict-sequence', '--rounds', '0', '--container', 'locks/*']
  const verify = await zkferry(['verify', ...WAIT, ...strict, ...exclude, from.location, to], {
    env: BOTH_AUTH,
  })
  expect(verify.summary.digest.source, verify.stderr).toMatch(/^[0-9a-f]{64}$/)
  expect(verify.summary.digest.target).toBe(verify.summary.digest.source)
  return verify.differences()
}

/** Whoever comes over from the source has seen nothing newer, and need not go from server to server for ever. */
async function expectSessionsOver({ client }: Place, { connectString }: Server): Promise<void> {
  const resume = { sessionId: client.sessionId, password: Buffer.alloc(16, 1) }
  const coming = ZooKeeperClient.connect({ connect: connectString, resume, lastZxidSeen: client.lastZxid })
  await expect(coming).rejects.toThrow(SessionExpiredError)
}

/** What sessions do every day; each counter goes on where the source's stood. */
async function expectWork(server: Server, root: string, version: string): Promise<void> {
  const to = await insider(server.connectString, root)
  for (const [below, next] of Object.entries(NEXT)) {
    const { path } = await to.client.create(`${to.at(below)}/n-`, null, {
      flags: CreateFlag.persistentSequential,
    })
    expect(path).toBe(`${to.at(below)}/n-${String(next).padStart(10, '0')}`)
    await to.client.delete(path)
  }
  await to.client.create(to.at('queue/after-boot'), Buffer.from('made here'))
  await to.client.setData(to.at('queue/after-boot'), Buffer.from('and changed'))
  expect((await to.client.exists(to.at('seqid')))?.version).toBe(3)
  const stranger = await connect(server.connectString)
  const code = await stranger.getData(to.at('locked')).then(
    () => 'allowed',
    (error) => (error as ZooKeeperError).code,
  )
  expect(code).toBe('NOAUTH')
  await stranger.create(to.at('queue/after-me'), null, { flags: CreateFlag.ephemeral })
  await stranger.close()
  await eventually(async () => expect(await to.client.exists(to.at('queue/after-me'))).toBeNull())
  if (makesContainers(version)) {
    // A container like any other: made here and gone with its child.
    await to.client.createContainer(to.at('queue/after-container'), null)
    await to.client.delete((await to.client.create(`${to.at('queue/after-container')}/x`, null)).path)
    await eventually(async () => expect(await to.client.exists(to.at('queue/after-container'))).toBeNull())
    expect(await to.client.exists(to.at('locks/held'))).not.toBeNull()
  }
  await to.client.close()
}

async function expectWorkDone(server: Server, root: string): Promise<void> {
  const to = await insider(server.connectString, root)
  await to.client.sync(to.root)
  expect((await to.client.getData(to.at('queue/after-boot'))).data?.toString()).toBe('and changed')
}
