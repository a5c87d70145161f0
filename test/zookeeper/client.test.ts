import { createHash } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  CreateFlag,
  decodeAcl,
  encodeAcl,
  MultiError,
  OPEN_ACL,
  operations,
  PathError,
  ServerError,
  UnimplementedError,
  ZooKeeperClient,
  ZooKeeperError,
} from '../../src/zookeeper/index.ts'
import { freshRoot, sharedServer } from '../servers/shared.ts'
import { connected, rejection } from './helpers.ts'

describe.for(['3.4.14', '3.9.5'] as const)('on %s', (version) => {
  const modern = version === '3.9.5'
  const root = freshRoot('client')
  let client: ZooKeeperClient
  beforeAll(async () => {
    client = await ZooKeeperClient.connect({ connect: sharedServer(version).connectString })
    await client.create(root, null)
  })
  afterAll(() => client.close())

  test('null and empty data are two things', async () => {
    await client.create(`${root}/null`, null)
    await client.create(`${root}/empty`, Buffer.alloc(0))
    expect((await client.getData(`${root}/null`)).data).toBeNull()
    expect((await client.getData(`${root}/empty`)).data).toEqual(Buffer.alloc(0))
    await client.setData(`${root}/null`, Buffer.alloc(0))
    await client.setData(`${root}/empty`, null)
    expect((await client.getData(`${root}/null`)).data).toEqual(Buffer.alloc(0))
    expect((await client.getData(`${root}/empty`)).data).toBeNull()
  })

  test('data come back as they were, with an exact Stat', async () => {
    const data = Buffer.from([0, 255, 128, 10, 13, 0])
    const path = `${root}/exact`
    const { zxid } = await client.create(path, data)
    const reply = await client.getData(path)
    expect(reply.data).toEqual(data)
    expect(reply.stat).toMatchObject({
      czxid: zxid,
      mzxid: zxid,
      pzxid: zxid,
      version: 0,
      dataLength: 6,
      ephemeralOwner: 0n,
    })
    expect(await client.exists(path)).toEqual(reply.stat)
    const changed = await client.setData(path, Buffer.from('x'), 0)
    expect(changed.stat).toMatchObject({ czxid: zxid, mzxid: changed.zxid, version: 1, dataLength: 1 })
    expect(client.lastZxid).toBeGreaterThanOrEqual(changed.zxid)
  })

  test('an ephemeral znode carries the session id, all 64 bits of it', async () => {
    const owner = await connected(sharedServer(version).connectString)
    await owner.create(`${root}/ephemeral`, null, { flags: CreateFlag.ephemeral })
    expect(owner.sessionId).not.toBe(0n)
    expect((await client.exists(`${root}/ephemeral`))?.ephemeralOwner).toBe(owner.sessionId)
    await owner.close()
    await client.sync(root)
    expect(await client.exists(`${root}/ephemeral`)).toBeNull()
  })

  test('a sequential znode gets its number', async () => {
    const parent = `${root}/sequential`
    await client.create(parent, null)
    const options = { flags: CreateFlag.persistentSequential }
    expect((await client.create(`${parent}/n-`, null, options)).path).toBe(`${parent}/n-0000000000`)
    expect((await client.create(`${parent}/`, null, options)).path).toBe(`${parent}/0000000001`)
  })

  test('an ACL is there from the first instant, and a wrong identity is kept out', async () => {
    const digest = createHash('sha1').update('alice:secret').digest('base64')
    const acl = [{ perms: 31, scheme: 'digest', id: Buffer.from(`alice:${digest}`) }]
    const alice = await connected(sharedServer(version).connectString, {
      auth: [{ scheme: 'digest', auth: Buffer.from('alice:secret') }],
    })
    await alice.create(`${root}/hers`, Buffer.from('data'), { acl })
    expect((await alice.getACL(`${root}/hers`)).acl).toEqual(acl)
    expect((await alice.getData(`${root}/hers`)).data?.toString()).toBe('data')

    const error = await rejection(client.getData(`${root}/hers`))
    expect(error).toBeInstanceOf(ServerError)
    expect(error).toMatchObject({
      code: 'NOAUTH',
      errno: -102,
      path: `${root}/hers`,
      retriable: false,
      outcomeUnknown: false,
    })

    const [raw] = await alice.pipeline(operations.getAclRaw, [`${root}/hers`])
    if (raw === undefined || raw instanceof ZooKeeperError) throw new Error('no reply')
    expect(raw.aclBytes).toEqual(encodeAcl(acl))
    expect(decodeAcl(raw.aclBytes)).toEqual(acl)
    expect(raw.stat.dataLength).toBe(4)

    const { stat } = await alice.setACL(`${root}/hers`, encodeAcl(OPEN_ACL), 0)
    expect(stat.aversion).toBe(1)
    expect((await client.getData(`${root}/hers`)).data?.toString()).toBe('data')
  })

  test('children, with and without the parent’s Stat', async () => {
    const parent = `${root}/parent`
    await client.create(parent, null)
    for (const name of ['b', 'a', 'ü', 'app%2F1 <x>']) await client.create(`${parent}/${name}`, null)
    const { children } = await client.getChildren(parent)
    expect(children.sort()).toEqual(['a', 'app%2F1 <x>', 'b', 'ü'])
    const reply = await client.getChildren2(parent)
    expect(reply.children.sort()).toEqual(children)
    expect(reply.stat).toMatchObject({ numChildren: 4, cversion: 4 })
    await client.delete(`${parent}/a`, 0)
    expect((await client.getChildren(parent)).children).toHaveLength(3)
  })

  test('errors name the operation, the path and the reason', async () => {
    await expect(client.getData(`${root}/none`)).rejects.toThrow(
      `getData ${root}/none: the znode does not exist (NONODE)`,
    )
    await expect(client.create(root, null)).rejects.toMatchObject({ code: 'NODEEXISTS' })
    await expect(client.setData(root, null, 77)).rejects.toMatchObject({ code: 'BADVERSION' })
    await expect(client.delete(root)).rejects.toMatchObject({ code: 'NOTEMPTY' })
    await expect(client.create('/a/../b', null)).rejects.toThrow(PathError)
    expect(await client.exists(`${root}/none`)).toBeNull()
  })

  test('a multi is all or nothing', async () => {
    const acl = encodeAcl(OPEN_ACL)
    const parent = `${root}/multi`
    const { results, zxid } = await client.multiReply([
      { op: 'create', path: parent, data: null, acl },
      {
        op: 'create',
        path: `${parent}/n-`,
        data: Buffer.from('1'),
        acl: OPEN_ACL,
        flags: CreateFlag.persistentSequential,
      },
      { op: 'setData', path: parent, data: Buffer.from('2'), version: 0 },
      { op: 'check', path: parent, version: 1 },
      { op: 'delete', path: `${parent}/n-0000000000` },
    ])
    expect(results).toMatchObject([
      { op: 'create', path: parent },
      { op: 'create', path: `${parent}/n-0000000000` },
      { op: 'setData', stat: { version: 1, mzxid: zxid } },
      { op: 'check' },
      { op: 'delete' },
    ])
    const error = await rejection(
      client.multi([
        { op: 'create', path: `${parent}/a`, data: null, acl },
        { op: 'create', path: `${parent}/b`, data: null, acl },
        { op: 'check', path: '/no-such-znode' },
        { op: 'delete', path: `${parent}/a` },
      ]),
    )
    expect(error).toBeInstanceOf(MultiError)
    expect(error).toMatchObject({ index: 2, code: 'NONODE', errno: -101, path: '/no-such-znode' })
    expect((error as MultiError).results.map(({ errno }) => errno)).toEqual([0, 0, -101, -2])
    expect((await client.getChildren(parent)).children).toEqual([])
  })

  test('sync, ping and an identity added later', async () => {
    expect(await client.sync(root)).toMatchObject({ path: root })
    await client.ping()
    const later = await connected(sharedServer(version).connectString)
    await later.addAuth({ scheme: 'digest', auth: Buffer.from('bob:secret') })
    const acl = [{ perms: 31, scheme: 'auth', id: Buffer.alloc(0) }]
    await later.create(`${root}/bob`, null, { acl })
    expect((await later.getACL(`${root}/bob`)).acl[0]?.id.toString()).toMatch(/^bob:/)
  })

  test('a one-shot watch fires once', async () => {
    const path = `${root}/watched`
    const events: unknown[] = []
    const watcher = await connected(sharedServer(version).connectString)
    watcher.on('watch', ({ type, path }) => events.push({ type, path }))
    expect(await watcher.exists(path, { watch: true })).toBeNull()
    await client.create(path, null)
    await watcher.sync(path)
    await watcher.getData(path, { watch: true })
    await watcher.getChildren(path, { watch: true })
    await client.setData(path, null)
    await client.setData(path, null)
    await client.create(`${path}/child`, null)
    await watcher.sync(path)
    await watcher.ping()
    expect(events).toEqual([
      { type: 'created', path },
      { type: 'dataChanged', path },
      { type: 'childrenChanged', path },
    ])
  })

  test('whether multiRead is there is found out without losing anything', async () => {
    const pending = client.pipeline(
      operations.exists,
      Array.from({ length: 3000 }, () => root),
    )
    expect(await client.supportsMultiRead()).toBe(modern)
    const outcomes = await pending
    expect(outcomes.filter((outcome) => outcome instanceof ZooKeeperError)).toEqual([])
    expect(await client.supportsMultiRead()).toBe(modern)
    expect(client.reconnects).toBe(0)
    expect(client.state).toBe('attached')
  })

  test.runIf(modern)('multiRead gives each znode its own outcome', async () => {
    await client.create(`${root}/read`, Buffer.from('data'))
    await client.create(`${root}/read/child`, null)
    const { zxid, results } = await client.multiReadReply([
      { op: 'getData', path: `${root}/read` },
      { op: 'getData', path: `${root}/missing` },
      { op: 'getChildren', path: `${root}/read` },
      { op: 'getData', path: `${root}/read/child` },
    ])
    expect(zxid).toBeGreaterThanOrEqual(client.lastZxid - 1n)
    expect(results[0]).toMatchObject({ data: Buffer.from('data'), stat: { numChildren: 1 } })
    expect(results[1]).toMatchObject({ code: 'NONODE', path: `${root}/missing` })
    expect(results[2]).toEqual({ children: ['child'] })
    expect(results[3]).toMatchObject({ data: null })
  })

  test.runIf(modern)('what newer servers know', async () => {
    const path = `${root}/new`
    const { stat, zxid } = await client.create2(path, Buffer.from('x'))
    expect(stat).toMatchObject({ czxid: zxid, dataLength: 1 })
    expect((await client.createContainer(`${path}/container`, null)).stat.ephemeralOwner).toBe(0n)
    expect((await client.createTTL(`${path}/ttl`, null, 3_600_000)).path).toBe(`${path}/ttl`)
    await client.create(`${path}/mine`, null, { flags: CreateFlag.ephemeral })
    expect((await client.getEphemerals(path)).paths).toEqual([`${path}/mine`])
    expect((await client.getAllChildrenNumber(path)).count).toBe(3)
    expect((await client.whoAmI()).identities).toContainEqual({ scheme: 'ip', user: '127.0.0.1' })
    const results = await client.multi([
      { op: 'createContainer', path: `${path}/c2`, data: null, acl: OPEN_ACL },
      { op: 'createTTL', path: `${path}/t2`, data: null, acl: OPEN_ACL, ttlMs: 3_600_000 },
    ])
    expect(results).toMatchObject([{ path: `${path}/c2` }, { path: `${path}/t2` }])
  })

  test.runIf(modern)('addWatch sees a whole subtree', async () => {
    const path = `${root}/persistent`
    const watcher = await connected(sharedServer(version).connectString)
    const events: unknown[] = []
    watcher.on('watch', (event) => events.push(event))
    await client.create(path, null)
    await watcher.addWatch(path, 'persistentRecursive')
    const { zxid } = await client.create(`${path}/a`, null)
    await client.create(`${path}/a/b`, null)
    await client.delete(`${path}/a/b`)
    await watcher.sync(path)
    expect(events).toMatchObject([
      { type: 'created', path: `${path}/a`, zxid },
      { type: 'created', path: `${path}/a/b` },
      { type: 'deleted', path: `${path}/a/b` },
    ])
  })

  test.skipIf(modern)(
    'an operation that an old server does not know is an error of that request only',
    async () => {
      const old = await connected(sharedServer(version).connectString)
      const { sessionId } = old
      await expect(old.multiRead([{ op: 'getData', path: root }])).rejects.toThrow(UnimplementedError)
      await expect(old.whoAmI()).rejects.toMatchObject({ code: 'UNIMPLEMENTED', outcomeUnknown: false })
      expect((await old.getData(root)).data).toBeNull()
      expect(old.sessionId).toBe(sessionId)
      expect(old.reconnects).toBe(0)
    },
  )

  test.skipIf(modern)('an unknown operation amid a flood costs nobody else an outcome', async () => {
    const old = await connected(sharedServer(version).connectString)
    const before = old.pipeline(
      operations.getData,
      Array.from({ length: 500 }, () => root),
    )
    const unknown = rejection(old.whoAmI())
    const after = old.pipeline(
      operations.getData,
      Array.from({ length: 500 }, () => root),
    )
    expect(await unknown).toBeInstanceOf(UnimplementedError)
    const outcomes = [...(await before), ...(await after)]
    expect(outcomes.filter((outcome) => outcome instanceof ZooKeeperError)).toEqual([])
    expect(old).toMatchObject({ state: 'attached', reconnects: 0, connectionId: 2 })
  })

  test('a request larger than jute.maxbuffer loses the connection, and not the session', async () => {
    const big = await connected(sharedServer(version).connectString)
    const { sessionId } = big
    const error = await rejection(big.create(`${root}/big`, Buffer.alloc(2_000_000)))
    expect(error).toMatchObject({ code: 'CONNECTIONLOSS', retriable: true, outcomeUnknown: true })
    expect(await big.exists(`${root}/big`)).toBeNull()
    expect(big.sessionId).toBe(sessionId)
    expect(big.reconnects).toBe(1)
  })

  test('a closed client says so', async () => {
    const closed = await connected(sharedServer(version).connectString)
    await closed.close()
    await closed.close()
    expect(closed.state).toBe('closed')
    await expect(closed.getData(root)).rejects.toMatchObject({ code: 'CLOSED' })
    expect(await closed.pipeline(operations.exists, ['/', '/'])).toMatchObject([
      { code: 'CLOSED' },
      { code: 'CLOSED' },
    ])
  })
})
