/** Rules 10 and 11: `/` as a target, and the ancestors that are made. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { connect, Place, pair, place, plant } from '../helpers/places.ts'
import { contents, readTree } from '../helpers/read-tree.ts'
import { zkferry } from '../helpers/zkferry.ts'
import { type Server, startServer } from '../servers/index.ts'

describe('rule 10: / as a target', () => {
  let server: Server
  let to: Place
  beforeAll(async () => {
    server = await startServer({ version: '3.9.5' })
    to = new Place(await connect(server.connectString), server.connectString, '/')
  })
  afterAll(() => server.stop())

  test('its own data and ACL change only with --include-root, and /zookeeper is no stranger', async () => {
    const from = await place('3.4.14', 'root')
    await plant(from, {
      '': { data: 'of the source', acl: ['31:ip:127.0.0.1'] },
      a: 'x',
      'a/zookeeper': 'ordinary',
    })
    const { code, stderr, summary } = await zkferry(['copy', from.location, to.location])
    expect(code, stderr).toBe(0)
    expect(summary.status).toBe('done')
    const tree = await readTree(to)
    expect([...tree.keys()].sort()).toEqual(['', 'a', 'a/zookeeper'])
    expect(tree.get('')).toMatchObject({ data: '', acl: ['31:world:anyone'] })
    expect(await to.client.exists('/zookeeper/quota')).not.toBeNull()

    const journal = `${process.env.TMPDIR ?? '/tmp'}/zkferry-root-${process.pid}.journal`
    const args = ['copy', '--merge', '--include-root', '--journal', journal]
    const included = await zkferry([...args, from.location, to.location])
    expect(included.code, included.stderr).toBe(0)
    const after = await readTree(to)
    expect(after.get('')).toMatchObject({
      data: Buffer.from('of the source').toString('base64'),
      acl: ['31:ip:127.0.0.1'],
    })
    expect(contents(after)).toEqual(contents(await readTree(from)))
  })

  test('what was deleted below / since the last copy is not brought back', async () => {
    const from = await place('3.4.14', 'root')
    await plant(from, { '': null, b: 'x', foo: 'y' })
    const args = ['copy', '--merge', '--delete', '--yes', from.location, to.location]
    expect((await zkferry(args)).code).toBe(0)
    await to.client.delete('/foo')
    const refused = await zkferry(args)
    expect(refused.code, refused.stderr).toBe(7)
    expect(await to.client.exists('/foo')).toBeNull()
    // What another application makes beside is no deletion.
    expect((await zkferry([...args, '--overwrite-newer'])).code).toBe(0)
    await from.client.create(from.at('new'), null)
    const copy = ['copy', '--restart', '--exclude', 'other', ...args.slice(1)]
    await to.client.create('/other', null)
    const { code, stderr } = await zkferry(copy)
    expect(code, stderr).toBe(0)
    expect(await to.client.exists('/other')).not.toBeNull()
    await to.client.delete('/other')
  })

  test('--delete never touches /zookeeper', async () => {
    const from = await place('3.4.14', 'root')
    await plant(from, { '': null, only: 'x' })
    const { code, stderr } = await zkferry([
      'copy',
      '--merge',
      '--delete',
      '--yes',
      from.location,
      to.location,
    ])
    expect(code, stderr).toBe(0)
    expect([...(await readTree(to)).keys()].sort()).toEqual(['', 'only'])
    expect(await to.client.exists('/zookeeper/config')).not.toBeNull()
  })

  test('a source child named zookeeper is skipped as reserved, exit 3', async () => {
    const from = await place('3.4.14', 'root')
    await plant(from, { '': null, fine: 'x', zookeeper: 'mine', 'zookeeper/below': null })
    const before = await to.client.getData('/zookeeper')
    for (const dry of [['--dry-run'], []]) {
      const { code, summary, skipped } = await zkferry([
        'copy',
        ...dry,
        '--merge',
        from.location,
        to.location,
      ])
      expect(skipped()).toContain('zookeeper: reserved')
      expect(summary.status).toBe('incomplete')
      expect(code).toBe(3)
    }
    expect(await to.client.exists('/fine')).not.toBeNull()
    expect(await to.client.exists('/zookeeper/below')).toBeNull()
    expect((await to.client.getData('/zookeeper')).stat.mzxid).toBe(before.stat.mzxid)
  })

  test('/ as a source leaves its own /zookeeper behind', async () => {
    const target = await place('3.9.5', 'root')
    const { code, stderr } = await zkferry(['copy', to.location, target.location])
    expect(code, stderr).toBe(0)
    expect(await target.client.exists(target.at('zookeeper'))).toBeNull()
    expect(contents(await readTree(target))).toEqual(contents(await readTree(to)))
  })
})

test('rule 11: created ancestors of the target root take the ACL of the nearest one that existed', async () => {
  const { from, to } = await pair('rule11')
  await plant(from, { '': null, a: 'y' })
  const near = ['31:ip:127.0.0.1', '1:world:anyone']
  await plant(to, { '': { data: null, acl: ['31:world:anyone'] }, app: { data: null, acl: near } })
  const { code, stderr } = await zkferry([
    'copy',
    from.location,
    to.at('app/one/two/root').replace(/^/, to.address),
  ])
  expect(code, stderr).toBe(0)
  const tree = await readTree(to)
  expect(tree.get('app/one')?.acl).toEqual(near)
  expect(tree.get('app/one/two')?.acl).toEqual(near)
  expect(tree.get('app/one/two/root')?.acl).toEqual(['31:world:anyone'])
})
