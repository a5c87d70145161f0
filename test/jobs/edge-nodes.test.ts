/** Every edge of fixtures/edge-nodes.ts: copied exactly, or named with what stands in the way. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  COPIED,
  EDGE_USER,
  type EdgeNode,
  JUTE_MAXBUFFER,
  ofSize,
  REFUSED,
  SIBLINGS,
  SIZES,
  STRANGER,
  siblings,
  UNREADABLE,
} from '../../fixtures/edge-nodes.ts'
import { loadTree } from '../../fixtures/load.ts'
import { OPEN, type ZnodeRecord } from '../../fixtures/record.ts'
import { CreateFlag, operations, ZooKeeperError } from '../../src/zookeeper/index.ts'
import { connect, Place, parseAcl, place, plant, type Version } from '../helpers/places.ts'
import { contents, readTree } from '../helpers/read-tree.ts'
import { zkferry } from '../helpers/zkferry.ts'
import { type Server, startServer } from '../servers/index.ts'

const AUTH = { ZKFERRY_SOURCE_AUTH: `digest ${EDGE_USER}:${EDGE_USER}` }

const ROUTES = [
  ['3.4.14', '3.9.5'],
  ['3.9.5', '3.9.5'],
] as const

/** The client becomes both users of the fixture, so that a test can make and read what a copy cannot. */
async function asBoth(where: Place): Promise<Place> {
  for (const user of [EDGE_USER, STRANGER])
    await where.client.addAuth({ scheme: 'digest', auth: Buffer.from(`${user}:${user}`) })
  return where
}

/** Makes everything open, then gives each znode its ACL, children first. */
async function load(where: Place, nodes: readonly EdgeNode[]): Promise<void> {
  const records: ZnodeRecord[] = nodes
    .flatMap((node) => node.records)
    .map((record) => ({ ...record, path: where.root + record.path }))
  const root: ZnodeRecord = { path: where.root, data: Buffer.from('root'), acl: OPEN, kind: 'persistent' }
  await loadTree(
    where.client,
    [root, ...records].map((record) => ({ ...record, acl: OPEN })),
  )
  for (const { path, acl } of records.reverse()) {
    if (acl !== OPEN) await where.client.setACL(path, acl.map(parseAcl))
  }
}

function pathsOf(nodes: readonly EdgeNode[]): string[] {
  return nodes.flatMap(({ records }) => records.map(({ path }) => path.slice(1))).sort()
}

async function route(from: Version, to: Version): Promise<{ from: Place; to: Place }> {
  return {
    from: await asBoth(await place(from, 'edge-from')),
    to: await asBoth(await place(to, 'edge-to')),
  }
}

describe.each(ROUTES)('from %s to %s', (older, newer) => {
  test.each(COPIED.map((node) => [node.name, node] as const))('%s: copied exactly', async (_, node) => {
    const { from, to } = await route(older, newer)
    await load(from, [node])
    const { code, stderr, summary } = await zkferry(['copy', from.location, to.location], { env: AUTH })
    expect(code, stderr).toBe(0)
    expect(summary.znodes).toMatchObject({ created: node.records.length + 1, failed: 0, skipped: 0 })
    const wanted = contents(await readTree(from))
    expect(wanted.length).toBe(node.records.length + 1)
    expect(contents(await readTree(to))).toEqual(wanted)
  })

  test('all of them in one tree: copied, copied again without a write, verified and of one digest', async () => {
    const { from, to } = await route(older, newer)
    await load(from, [...COPIED, siblings()])
    const { code, stderr, summary } = await zkferry(['copy', from.location, to.location], { env: AUTH })
    expect(code, stderr).toBe(0)
    expect(summary.znodes.read).toBe(pathsOf(COPIED).length + SIBLINGS + 2)
    expect(contents(await readTree(to))).toEqual(contents(await readTree(from)))
    expect(summary.digest.target).toBe(summary.digest.source)
    const env = { ...AUTH, ZKFERRY_TARGET_AUTH: `digest ${EDGE_USER}:${EDGE_USER}` }
    const again = await zkferry(['copy', from.location, to.location], { env })
    expect([again.code, again.summary.znodes.created, again.summary.znodes.updated]).toEqual([0, 0, 0])
    const verify = await zkferry(['verify', from.location, to.location], { env })
    expect([verify.code, verify.summary.digest.source]).toEqual([0, summary.digest.source])
  })

  test('unreadable by the tool: named, with what is below it; the rest is copied: exit 3', async () => {
    const { from, to } = await route(older, newer)
    await load(from, [...COPIED, ...UNREADABLE])
    const { code, summary, of } = await zkferry(['copy', from.location, to.location], { env: AUTH })
    expect(code).toBe(3)
    const failed = of('failed') as { path: string; side: string; code: string; message: string }[]
    expect(failed.filter(({ path }) => path === 'secret')).not.toEqual([])
    for (const { path, message } of failed) {
      expect(path).toMatch(/^secret\b/)
      expect(message).toMatch(/digest user edge|shows this ACL masked|its parent could not be made/)
    }
    const there = contents(await readTree(to))
    const wanted = contents(await readTree(from)).filter(([path]) => !path.startsWith('secret'))
    expect(there).toEqual(wanted)
    expect(summary.digest.source).toBeNull()
  })

  test('a node that disappears and one that changes during the copy', async () => {
    const { from, to } = await route(older, newer)
    const names = Array.from({ length: 900 }, (_, at) => `n${String(at).padStart(4, '0')}`)
    await plant(from, {
      '': 'root',
      ...Object.fromEntries(names.map((name) => [name, name])),
      'z-changes': 'old',
      'z-disappears': 'x',
      'z-grows': null,
      'z-ephemeral': 'persistent',
    })
    let changed = false
    const copying = zkferry(['copy', '--rate', '300', '--settle', '50ms', from.location, to.location])
    const changing = (async () => {
      // By then the root was listed; its last children are read seconds later.
      await expect
        .poll(() => to.client.exists(to.at('n0000')), { timeout: 60_000, interval: 20 })
        .not.toBeNull()
      await from.client.setData(from.at('z-changes'), Buffer.from('new'))
      await from.client.delete(from.at('z-disappears'))
      await from.client.create(from.at('z-grows/child'), Buffer.from('late'))
      await from.client.delete(from.at('z-ephemeral'))
      await from.client.create(from.at('z-ephemeral'), null, { flags: CreateFlag.ephemeral })
      // Behind the march: only the verification can find these.
      await from.client.setData(from.at('n0001'), Buffer.from('changed after it was copied'))
      await from.client.delete(from.at('n0002'))
      changed = true
    })()
    const [{ code, stderr, summary, differences }] = await Promise.all([copying, changing])
    expect(changed).toBe(true)
    // What was copied and is gone from the source since is only on the target now; nobody said --delete.
    expect(differences()).toEqual(['n0002: missing-in-source'])
    expect(code, stderr).toBe(1)
    expect(summary.sourceMoved).toBeGreaterThan(0)
    const [there, wanted] = [contents(await readTree(to)), contents(await readTree(from))]
    expect(there.filter(([path]) => path !== 'n0002')).toEqual(wanted)
    const again = ['copy', '--delete', '--yes', from.location, to.location]
    expect((await zkferry(again)).code).toBe(0)
    expect(contents(await readTree(to))).toEqual(wanted)
  })

  test('a persistent copy of a jodis node on the target, where the source has the ephemeral: a difference', async () => {
    const { from, to } = await route(older, newer)
    await plant(from, { '': null, 'proxy-5e0c': { data: 'online', ephemeral: true } })
    await plant(to, { '': null, 'proxy-5e0c': 'online' })
    const { code, differences } = await zkferry([
      'copy',
      '--merge',
      '--rounds',
      '0',
      from.location,
      to.location,
    ])
    expect(code).toBe(1)
    expect(differences()).toEqual(['proxy-5e0c: ephemeral'])
    expect((await to.client.exists(to.at('proxy-5e0c')))?.ephemeralOwner).toBe(0n)
  })
})

describe('sizes around jute.maxbuffer', () => {
  const servers: Server[] = []
  const tooLarge = SIZES.tooLarge.map(ofSize)
  const fits = SIZES.fits.map(ofSize)
  beforeAll(async () => {
    const jvm = ['-Djute.maxbuffer=8000000']
    servers.push(...(await Promise.all(['3.4.14', '3.9.5'].map((version) => startServer({ version, jvm })))))
  })
  afterAll(() => Promise.all(servers.map((server) => server.stop())))

  test.each([0, 1])(
    'source %i: what fits is copied; the refusal of the rest names size and setting',
    async (at) => {
      const server = servers[at] as Server
      const from = new Place(await connect(server.connectString), server.connectString, '/sizes')
      await plant(from, { '': 'root', ...planted([...fits, ...tooLarge]), after: 'the last one' })
      const to = await place('3.9.5', 'sizes')
      const { code, of, summary } = await zkferry(['copy', '--rounds', '0', from.location, to.location])
      expect(code).toBe(3)
      const failed = of('failed') as { path: string; side: string; message: string }[]
      expect(failed.map(({ path }) => path).sort()).toEqual(pathsOf(tooLarge))
      for (const { path, side, message } of failed) {
        expect(side).toBe('target')
        expect(message).toContain(`${path.slice('size-'.length)} bytes`)
        expect(message).toContain('jute.maxbuffer')
      }
      const there = contents(await readTree(to)).map(([path]) => path)
      expect(there).toEqual(['', 'after', ...pathsOf(fits)].sort())
      expect(summary.status).toBe('incomplete')
    },
  )

  test('a target with a larger one takes them all', async () => {
    const [older, newer] = servers as [Server, Server]
    const from = new Place(await connect(older.connectString), older.connectString, '/all-sizes')
    await plant(from, { '': 'root', ...planted([...fits, ...tooLarge]) })
    const to = new Place(await connect(newer.connectString), newer.connectString, '/all-sizes')
    const { code, stderr, summary } = await zkferry(['copy', from.location, to.location])
    expect(code, stderr).toBe(0)
    expect(summary.reconnects).toBe(0)
    expect(contents(await readTree(to))).toEqual(contents(await readTree(from)))
  })

  function planted(nodes: readonly EdgeNode[]): Record<string, Buffer | null> {
    return Object.fromEntries(
      nodes.flatMap(({ records }) => records.map(({ path, data }) => [path.slice(1), data])),
    )
  }

  test('the fixture knows the limit', async () => {
    const to = await place('3.9.5', 'limit')
    await to.client.create(to.root, Buffer.alloc(SIZES.fits[1]))
    await expect(to.client.setData(to.root, Buffer.alloc(JUTE_MAXBUFFER))).rejects.toThrow(/lost/)
  })
})

describe('names that 3.4 allows and later versions refuse', () => {
  async function older(): Promise<Place> {
    const from = await place('3.4.14', 'names-from')
    await plant(from, { '': 'root', 'a-neighbour': 'x', 'z-neighbour': 'y' })
    for (const { path, data, acl } of REFUSED.flatMap(({ records }) => records)) {
      const request = { path: from.root + path, data, acl: acl.map(parseAcl) }
      // Straight to the server: our own check of paths is that of later versions.
      const [outcome] = await from.client.pipeline(operations.create, [request])
      if (outcome instanceof ZooKeeperError) throw outcome
    }
    return from
  }

  test('each is named by 3.9.5 with what is below it, and its neighbours are copied: exit 3', async () => {
    const from = await older()
    const to = await place('3.9.5', 'names-to')
    const { code, summary, of } = await zkferry(['copy', '--settle', '50ms', from.location, to.location])
    expect(code).toBe(3)
    const failed = of('failed') as { path: string; side: string; code: string; message: string }[]
    expect(failed.map(({ path }) => path).sort()).toEqual(pathsOf(REFUSED))
    for (const { path, side, code: why } of failed) {
      expect([side, why]).toEqual(['target', path.endsWith('/child') ? 'PARENT' : 'BADARGUMENTS'])
    }
    expect([...(await readTree(to)).keys()].sort()).toEqual(['', 'a-neighbour', 'z-neighbour'])
    expect(summary.status).toBe('incomplete')
  })

  test('3.4.14 takes them all', async () => {
    const from = await older()
    const to = await place('3.4.14', 'names-to')
    const { code, stderr, summary } = await zkferry(['copy', from.location, to.location])
    expect(code, stderr).toBe(0)
    expect(summary.znodes.created).toBe(3 + pathsOf(REFUSED).length)
    expect(contents(await readTree(to))).toEqual(contents(await readTree(from)))
  })
})
