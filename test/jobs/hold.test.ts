/** `copy --ephemeral`: skipped, each a failure, or held on the target by the tool's own session. */
import { createHash } from 'node:crypto'
import { describe, expect, onTestFinished, test } from 'vitest'
import { readJournal } from '../../src/journal/index.ts'
import { CreateFlag, OPEN_ACL, type ZooKeeperClient } from '../../src/zookeeper/index.ts'
import { cli } from '../cli/run-cli.ts'
import { endSession, HoldingCopy } from '../helpers/holding.ts'
import { connect, Place, pair, parseAcl, place, plant } from '../helpers/places.ts'
import { freshJournal, zkferry } from '../helpers/zkferry.ts'
import { type Server, startServer } from '../servers/index.ts'
import { freshRoot } from '../servers/shared.ts'
import { connected, eventually } from '../zookeeper/helpers.ts'

const ephemeral = { flags: CreateFlag.ephemeral, acl: OPEN_ACL }

const proxy = (token: string, state = 'online') =>
  JSON.stringify({ addr: '10.0.0.1:19000', state, token }, null, 4)

/** What Codis proxies leave under /jodis: `count` proxies of one product, in a session of their own. */
async function jodis(where: Place, count: number): Promise<ZooKeeperClient> {
  await plant(where, { '': null, product: '' })
  const proxies = await connected(where.address)
  for (let at = 1; at <= count; at++) {
    await proxies.create(where.at(`product/proxy-${at}`), Buffer.from(proxy(String(at))), ephemeral)
  }
  return proxies
}

/** Paths below the root with an owner, and their data. */
async function held(where: Place, directory = 'product'): Promise<Record<string, string | null>> {
  const { children } = await where.client.getChildren(where.at(directory))
  const read = await Promise.all(
    children.sort().map(async (name) => {
      const { data, stat } = await where.client.getData(where.at(`${directory}/${name}`))
      expect(stat.ephemeralOwner).not.toBe(0n)
      return [name, data === null ? null : data.toString()] as const
    }),
  )
  return Object.fromEntries(read)
}

async function ownerOf(where: Place, path: string): Promise<bigint> {
  return (await where.client.exists(where.at(path)))?.ephemeralOwner ?? 0n
}

async function ownServer(version: string): Promise<{ server: Server; where: Place }> {
  const server = await startServer({ version })
  onTestFinished(() => server.stop())
  const client = await connected(server.connectString)
  return { server, where: new Place(client, server.connectString, freshRoot('own')) }
}

describe.each([
  ['3.4.14', '3.9.5'],
  ['3.9.5', '3.4.14'],
] as const)('held, from %s to %s', (oldVersion, newVersion) => {
  test('proxies come, go and change; SIGTERM ends it and releases them', async () => {
    const [from, to] = [await place(oldVersion, 'jodis'), await place(newVersion, 'jodis')]
    const proxies = await jodis(from, 3)
    await plant(from, { other: 'a persistent znode without children' })
    const copy = new HoldingCopy(from, to)
    await copy.says({ held: 3, failed: 0, made: 3, updated: 0, dropped: 0, renewed: 0 })
    const three = { 'proxy-1': proxy('1'), 'proxy-2': proxy('2'), 'proxy-3': proxy('3') }
    expect(await held(to)).toEqual(three)
    const owner = await ownerOf(to, 'product/proxy-1')
    expect(await ownerOf(to, 'product/proxy-3')).toBe(owner)

    // The run itself is over and on record, whatever becomes of the holding.
    const journal = readJournal(copy.journal)
    expect(journal.latest()).toMatchObject({ state: 'finished', status: 'done', verified: true })
    journal.close()

    await proxies.delete(from.at('product/proxy-2'))
    await copy.says({ held: 2, dropped: 1 })
    await proxies.setData(from.at('product/proxy-1'), Buffer.from(proxy('1', 'offline')))
    await copy.says({ held: 2, updated: 1 })
    await proxies.create(from.at('product/proxy-4'), null, ephemeral)
    await copy.says({ held: 3, made: 4 })
    // A directory that never had any.
    await proxies.create(from.at('other/first'), Buffer.alloc(0), ephemeral)
    await copy.says({ held: 4, made: 5 })
    // Persistent ones are the copy's business, not that of the holding.
    await proxies.create(from.at('product/persistent'), Buffer.from('x'))
    await proxies.setData(from.at('product/proxy-3'), null)
    await copy.says({ held: 4, updated: 2 })
    expect(await held(to)).toEqual({
      'proxy-1': proxy('1', 'offline'),
      'proxy-3': null,
      'proxy-4': null,
    })
    expect(await held(to, 'other')).toEqual({ first: '' })
    expect(await ownerOf(to, 'other/first')).toBe(owner)

    const { code, stderr, summary } = await copy.stop()
    expect(code, stderr).toBe(143)
    // At once: not when the session times out.
    expect(await held(to)).toEqual({})
    expect(await held(to, 'other')).toEqual({})
    expect(summary()).toMatchObject({
      status: 'interrupted',
      exitCode: 143,
      differences: 0,
      znodes: { created: 3, failed: 0, skipped: 3 },
      message:
        'Interrupted while holding ephemerals: the copy itself was done, and the 4 ephemerals that were held were released from the target.',
    })
  })

  test('a session that expires is replaced, and everything is held again', async () => {
    const [from, to] = [await place(oldVersion, 'expiry'), await place(newVersion, 'expiry')]
    await jodis(from, 2)
    const copy = new HoldingCopy(from, to)
    await copy.says({ held: 2 })
    const owner = await ownerOf(to, 'product/proxy-1')
    await endSession(to, owner)
    await copy.says({ held: 2, made: 4, renewed: 1 })
    expect(await held(to)).toEqual({ 'proxy-1': proxy('1'), 'proxy-2': proxy('2') })
    expect(await ownerOf(to, 'product/proxy-1')).not.toBe(owner)
    expect(copy.of('note').map(({ message }) => message)).toContain(
      'the session on the target had expired, and 2 ephemerals with it: a new one makes them again',
    )
    const { code } = await copy.stop()
    expect(code).toBe(143)
    expect(await held(to)).toEqual({})
  })
})

test('what somebody deletes or changes on the target is made good', async () => {
  const { from, to } = await pair()
  await jodis(from, 2)
  const copy = new HoldingCopy(from, to)
  await copy.says({ held: 2 })
  await to.client.delete(to.at('product/proxy-1'))
  await copy.says({ held: 2, made: 3 })
  await to.client.setData(to.at('product/proxy-2'), Buffer.from('changed'))
  await copy.says({ held: 2, updated: 1 })
  expect(await held(to)).toEqual({ 'proxy-1': proxy('1'), 'proxy-2': proxy('2') })
  await copy.stop()
})

test('another session’s ephemeral and a persistent znode in its place are named and left, until they go', async () => {
  const { from, to } = await pair()
  const proxies = await jodis(from, 2)
  await plant(to, { '': null, product: '' })
  const stranger = await connect(to.address)
  await stranger.create(to.at('product/proxy-1'), Buffer.from('a stranger’s'), ephemeral)
  const copy = new HoldingCopy(from, to, ['--merge'])
  await copy.says({ held: 1, failed: 1 })
  await stranger.create(to.at('product/proxy-3'), Buffer.from('persistent'))
  await proxies.create(from.at('product/proxy-3'), Buffer.from('3'), ephemeral)
  await copy.says({ held: 1, failed: 2 })
  await proxies.setData(from.at('product/proxy-3'), Buffer.from('three'))
  await proxies.setData(from.at('product/proxy-2'), Buffer.from('two'))
  await copy.says({ held: 1, failed: 2, updated: 1 })
  expect(copy.of('failed').map(({ path, side, code }) => [path, side, code])).toEqual([
    ['product/proxy-1', 'target', 'EPHEMERAL'],
    ['product/proxy-3', 'target', 'PERSISTENT'],
  ])
  expect((await to.client.getData(to.at('product/proxy-1'))).data?.toString()).toBe('a stranger’s')
  expect((await to.client.getData(to.at('product/proxy-3'))).data?.toString()).toBe('persistent')

  await stranger.delete(to.at('product/proxy-3'))
  await stranger.close()
  await copy.says({ held: 3, failed: 0 })
  expect(await held(to)).toEqual({ 'proxy-1': proxy('1'), 'proxy-2': 'two', 'proxy-3': 'three' })
  const { summary } = await copy.stop()
  expect(summary()).toMatchObject({ exitCode: 143, znodes: { failed: 0 } })
  expect(await held(to)).toEqual({})
})

test('what stands in the way at the end is neither released nor removed', async () => {
  const { from, to } = await pair()
  await jodis(from, 1)
  await plant(to, { '': null, product: '' })
  const stranger = await connect(to.address)
  await stranger.create(to.at('product/proxy-1'), Buffer.from('a stranger’s'), ephemeral)
  const copy = new HoldingCopy(from, to, ['--merge'])
  await copy.says({ held: 0, failed: 1 })
  const { summary } = await copy.stop()
  expect(summary()).toMatchObject({ exitCode: 143, znodes: { failed: 1 } })
  expect(await held(to)).toEqual({ 'proxy-1': 'a stranger’s' })
})

test('ACLs are kept, also those that do not let the tool write, and follow the source', async () => {
  const [from, to] = [await place('3.9.5', 'acl'), await place('3.9.5', 'acl')]
  const credentials = Buffer.from('bob:builder')
  const bob = `31:digest:bob:${createHash('sha1').update(credentials).digest('base64')}`
  await plant(from, { '': null, product: '' })
  const proxies = await connected(from.address, { auth: [{ scheme: 'digest', auth: credentials }] })
  const acl = [bob, '17:world:anyone'].map(parseAcl)
  await proxies.create(from.at('product/one'), Buffer.from('1'), { ...ephemeral, acl })
  const copy = new HoldingCopy(from, to)
  await copy.says({ held: 1 })
  const aclOf = async () =>
    (await to.client.getACL(to.at('product/one'))).acl.map(
      ({ perms, scheme, id }) => `${perms}:${scheme}:${id}`,
    )
  expect((await to.client.getACL(to.at('product/one'))).acl.map(({ perms }) => perms)).toEqual([31, 17])
  await proxies.setData(from.at('product/one'), Buffer.from('2'))
  await copy.says({ held: 1, updated: 1 })
  expect(await held(to)).toEqual({ one: '2' })
  expect((await aclOf())[1]).toBe('17:world:anyone')
  await proxies.setACL(from.at('product/one'), [parseAcl(bob), parseAcl('19:world:anyone')])
  await copy.says({ held: 1, updated: 2 })
  expect((await aclOf())[1]).toBe('19:world:anyone')
  await proxies.delete(from.at('product/one'))
  await copy.says({ held: 0, dropped: 1 })
  await copy.stop()
})

test('those that their own maker may not look at are held, changed and dropped; a stranger’s is left', async () => {
  const [from, to] = [await place('3.9.5', 'hidden'), await place('3.9.5', 'hidden')]
  const auth = [{ scheme: 'digest', auth: Buffer.from('bob:builder') }]
  const bob = createHash('sha1').update('bob:builder').digest('base64')
  const acl = [parseAcl(`31:digest:bob:${bob}`)]
  for (const where of [from, to]) await plant(where, { '': null, product: '' })
  const proxies = await connected(from.address, { auth })
  const onTarget = await connected(to.address, { auth })
  await proxies.create(from.at('product/one'), Buffer.from('1'), { ...ephemeral, acl })
  const env = { ZKFERRY_SOURCE_AUTH: 'digest bob:builder' }
  const copy = new HoldingCopy(from, to, ['--merge'], freshJournal(), env)
  await copy.says({ held: 1, failed: 0 })
  await onTarget.create(to.at('product/two'), Buffer.from('a stranger’s'), { ...ephemeral, acl })
  await proxies.create(from.at('product/two'), Buffer.from('2'), { ...ephemeral, acl })
  await copy.says({ held: 1, failed: 1 })
  expect(copy.of('failed')).toMatchObject([{ path: 'product/two', side: 'target', code: 'NODEEXISTS' }])
  await proxies.setData(from.at('product/one'), Buffer.from('uno'))
  await copy.says({ held: 1, updated: 1 })
  expect((await onTarget.getData(to.at('product/one'))).data?.toString()).toBe('uno')
  expect((await onTarget.getData(to.at('product/two'))).data?.toString()).toBe('a stranger’s')
  await endSession(to, (await onTarget.exists(to.at('product/one')))?.ephemeralOwner ?? 0n)
  await copy.says({ held: 1, renewed: 1 })
  await proxies.delete(from.at('product/one'))
  await copy.says({ held: 0, dropped: 1 })
  expect(await onTarget.exists(to.at('product/one'))).toBeNull()
  await copy.stop()
  expect((await onTarget.getData(to.at('product/two'))).data?.toString()).toBe('a stranger’s')
})

test('one whose ACL is shown masked is named, and not held with another ACL', async () => {
  const [from, to] = [await place('3.9.5', 'masked'), await place('3.9.5', 'masked')]
  await plant(from, { '': null, product: '' })
  const proxies = await connected(from.address)
  const acl = ['31:digest:bob:QLmHrPtjxOWvOUHVAGIYx1rmkmM=', '1:world:anyone'].map(parseAcl)
  await proxies.create(from.at('product/one'), null, { ...ephemeral, acl })
  await proxies.create(from.at('product/two'), null, ephemeral)
  const copy = new HoldingCopy(from, to)
  await copy.says({ held: 1, failed: 1 })
  expect(copy.of('failed')).toMatchObject([{ path: 'product/one', side: 'source', code: 'MASKED' }])
  expect(await held(to)).toEqual({ two: null })
  await proxies.delete(from.at('product/one'))
  await copy.says({ held: 1, failed: 0 })
  await copy.stop()
})

test('one whose directory was made after the copy is named, and held once it is there', async () => {
  const { from, to } = await pair()
  const proxies = await jodis(from, 1)
  const copy = new HoldingCopy(from, to)
  await copy.says({ held: 1 })
  await proxies.create(from.at('later'), null)
  await proxies.create(from.at('later/one'), null, ephemeral)
  await copy.says({ held: 1, failed: 1 })
  expect(copy.of('failed')).toMatchObject([{ path: 'later/one', side: 'target', code: 'NONODE' }])
  await to.client.create(to.at('later'), null)
  await copy.says({ held: 2, failed: 0 })
  await copy.stop()
})

test('the same command holds again when nothing has changed, and asks before it overwrites when something has', async () => {
  const { from, to } = await pair()
  const proxies = await jodis(from, 2)
  const first = new HoldingCopy(from, to)
  await first.says({ held: 2 })
  await first.stop()
  const again = new HoldingCopy(from, to, [], first.journal)
  await again.says({ held: 2, failed: 0 })
  await again.stop()
  await proxies.create(from.at('later'), null)
  await proxies.create(from.at('later/one'), null, ephemeral)
  const refused = await new HoldingCopy(from, to, [], first.journal).ended
  expect(refused.code, refused.stderr).toBe(7)
  expect(await to.client.exists(to.at('later'))).toBeNull()
  const last = new HoldingCopy(from, to, ['--overwrite-newer'], first.journal)
  await last.says({ held: 3, failed: 0 })
  await last.stop()
})

test('filters hold for ephemerals, too', async () => {
  const { from, to } = await pair()
  const proxies = await jodis(from, 2)
  const copy = new HoldingCopy(from, to, ['--exclude', 'product/proxy-1', '--exclude', 'product/x*'])
  await copy.says({ held: 1 })
  await proxies.create(from.at('product/x1'), null, ephemeral)
  await proxies.create(from.at('product/y1'), null, ephemeral)
  await copy.says({ held: 2 })
  expect(Object.keys(await held(to))).toEqual(['proxy-2', 'y1'])
  await copy.stop()
})

test('a killed tool’s ephemerals go when its session times out, and the next one waits for that', async () => {
  const { from, to } = await pair()
  await jodis(from, 2)
  const first = new HoldingCopy(from, to, ['--timeout', '2s'])
  await first.says({ held: 2 })
  first.signal('SIGKILL')
  await first.ended
  const second = new HoldingCopy(from, to, [], first.journal)
  await second.says({ held: 2, failed: 0 })
  expect(second.of('run')).toMatchObject([{ resumed: false }])
  second.signal('SIGKILL')
  await second.ended
  expect(Object.keys(await held(to))).toHaveLength(2)
  await eventually(async () => expect(await held(to)).toEqual({}))
})

test('a target that restarts has them again; one that is gone for good ends it with 5', async () => {
  const from = await place('3.4.14', 'restart')
  const { server, where: to } = await ownServer('3.9.5')
  await jodis(from, 2)
  const copy = new HoldingCopy(from, to, ['--retry-for', '8s'])
  await copy.says({ held: 2 })
  await server.restart()
  const proxies = await connect(from.address)
  await proxies.create(from.at('product/proxy-3'), null, ephemeral)
  await copy.says({ held: 3 })
  expect(Object.keys(await held(to))).toHaveLength(3)
  await server.kill()
  const { code, stderr, summary } = await copy.ended
  expect(code, stderr).toBe(5)
  expect(summary().message).toMatch(/the copy itself was done, and the target has not confirmed/)
  await server.start()
  await eventually(async () => expect(await held(to)).toEqual({}))
})

test('a source that is gone for longer than --retry-for ends it with 4, and they are released', async () => {
  const { server, where: from } = await ownServer('3.4.14')
  const to = await place('3.9.5', 'lost')
  await jodis(from, 2)
  const copy = new HoldingCopy(from, to, ['--retry-for', '3s'])
  await copy.says({ held: 2 })
  await server.kill()
  await eventually(() => expect(copy.of('waiting')).toMatchObject([{ side: 'source' }]))
  // Not before the time is up.
  expect(Object.keys(await held(to))).toHaveLength(2)
  const { code, stderr, summary } = await copy.ended
  expect(code, stderr).toBe(4)
  expect(await held(to)).toEqual({})
  expect(summary()).toMatchObject({ status: 'failed', exitCode: 4 })
  expect(summary().message).toMatch(
    /^The source .*; the copy itself was done, and the 2 ephemerals that were held were released from the target\.$/,
  )
})

test('SIGINT while the source does not answer releases them at once', async () => {
  const { server, where: from } = await ownServer('3.9.5')
  const to = await place('3.4.14', 'waiting')
  await jodis(from, 2)
  const copy = new HoldingCopy(from, to)
  await copy.says({ held: 2 })
  await server.kill()
  await eventually(() => expect(copy.of('waiting')).toMatchObject([{ side: 'source' }]))
  copy.signal('SIGINT')
  const { code, stderr, summary } = await copy.ended
  expect(code, stderr).toBe(130)
  expect(await held(to)).toEqual({})
  expect(summary().message).toMatch(/the copy itself was done, and the 2 ephemerals .* were released/)
})

test('SIGTERM while the target does not answer says that they go by themselves', async () => {
  const from = await place('3.4.14', 'away')
  const { server, where: to } = await ownServer('3.9.5')
  await jodis(from, 2)
  const copy = new HoldingCopy(from, to)
  await copy.says({ held: 2 })
  await server.kill()
  await eventually(() => expect(copy.of('waiting')).toMatchObject([{ side: 'target' }]))
  const { code, stderr, summary } = await copy.stop()
  expect(code, stderr).toBe(143)
  expect(summary().message).toBe(
    'Interrupted while holding ephemerals: the copy itself was done, and the target has not confirmed the end of the session that held them, so they go when it times out.',
  )
  await server.start()
  await eventually(async () => expect(await held(to)).toEqual({}))
})

test('a copy that is not done holds nothing', async () => {
  const { from, to } = await pair()
  await jodis(from, 2)
  await plant(to, { '': null, product: '', 'product/proxy-1': 'left behind by another tool' })
  const { code, summary, of } = await zkferry([
    'copy',
    '--merge',
    '--ephemeral',
    'hold',
    from.location,
    to.location,
  ])
  expect(code).toBe(1)
  expect(summary.status).toBe('different')
  expect(of('holding')).toEqual([])
  expect(of('note')).toContainEqual({ message: 'No ephemeral is held, since the copy is not done.' })
  expect(await to.client.exists(to.at('product/proxy-2'))).toBeNull()
})

test('people read what is held, and that it ends with a signal', async () => {
  const { from, to } = await pair()
  await jodis(from, 1)
  let sent = false
  const result = await cli(['copy', '--ephemeral', 'hold', from.location, to.location], {
    onStderr: (text, child) => {
      if (sent || !/^holding 1 ephemeral, 1 made$/m.test(text)) return
      sent = true
      child.kill('SIGTERM')
    },
  })
  expect(result.code, result.stderr).toBe(143)
  expect(result.stderr.trimEnd().split('\n').at(-1)).toBe(
    'zkferry: Interrupted while holding ephemerals: the copy itself was done, and the ephemeral that was held was released from the target.',
  )
})

test('a dry run names what would be held, and holds nothing', async () => {
  const { from, to } = await pair()
  await jodis(from, 2)
  const { code, of, summary } = await zkferry([
    'copy',
    ...['--dry-run', '--ephemeral', 'hold', from.location, to.location],
  ])
  expect(code).toBe(0)
  expect(summary.znodes).toMatchObject({ created: 2, skipped: 2 })
  expect(of('plan').filter(({ action }) => action === 'hold')).toEqual(
    ['1', '2'].map((token) => ({
      path: `product/proxy-${token}`,
      action: 'hold',
      bytes: Buffer.byteLength(proxy(token)),
    })),
  )
  expect(await to.client.exists(to.root)).toBeNull()
})

describe('--ephemeral fail', () => {
  test('each is a failed znode, the rest is copied, nothing is deleted; so it is the second time', async () => {
    const { from, to } = await pair()
    await jodis(from, 2)
    await plant(to, { '': null, extra: 'only here' })
    const args = ['copy', '--ephemeral', 'fail', '--merge', '--delete', '--yes', '--journal', freshJournal()]
    for (const flags of [['--dry-run'], [], [], ['--no-verify']]) {
      const { code, summary, of } = await zkferry([...args, ...flags, from.location, to.location])
      expect(code).toBe(3)
      expect(summary).toMatchObject({
        status: 'incomplete',
        znodes: { failed: 2, skipped: 0, deleted: 0 },
      })
      expect(of('failed').map(({ path, side, code }) => [path, side, code])).toEqual([
        ['product/proxy-1', 'source', 'EPHEMERAL'],
        ['product/proxy-2', 'source', 'EPHEMERAL'],
      ])
    }
    expect(await to.client.exists(to.at('extra'))).not.toBeNull()
    expect(await to.client.exists(to.at('product'))).toMatchObject({ numChildren: 0 })
  })

  test('equal trees are no clean end either, and a source without ephemerals is', async () => {
    const { from, to } = await pair()
    const proxies = await jodis(from, 1)
    const journal = freshJournal()
    const args = ['copy', '--ephemeral', 'fail', '--journal', journal, from.location, to.location]
    expect((await zkferry(args)).code).toBe(3)
    expect((await zkferry(args)).code).toBe(3)
    await proxies.delete(from.at('product/proxy-1'))
    const last = await zkferry(args)
    expect(last.code, last.stderr).toBe(0)
    expect(last.summary.status).toBe('done')
  })
})

test('anything else than skip, fail and hold is refused', async () => {
  const { from, to } = await pair()
  const { code, stderr } = await cli(['copy', '--ephemeral', 'persist', from.location, to.location])
  expect(code).toBe(2)
  expect(stderr).toMatch(/skip, fail, hold/)
})
