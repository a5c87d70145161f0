/** `copy --quota`: limits go along to the target's paths, and the servers' own tallies there are right. */
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { OPEN_ACL } from '../../src/zookeeper/index.ts'
import { connect, Place, parseAcl, place, plant, plantMany, type Version } from '../helpers/places.ts'
import { freshJournal, meanwhile, zkferry } from '../helpers/zkferry.ts'
import { startServer } from '../servers/index.ts'

const QUOTA = '/zookeeper/quota'

/** As `setquota` of ZooKeeper's own command line does it. */
async function setQuota(where: Place, below: string, limits: string, acl = OPEN_ACL): Promise<void> {
  const names = where.at(below).split('/').slice(1)
  for (let depth = 1; depth <= names.length; depth++) {
    const path = `${QUOTA}/${names.slice(0, depth).join('/')}`
    if ((await where.client.exists(path)) === null) await where.client.create(path, null)
  }
  const at = QUOTA + where.at(below)
  await where.client.create(`${at}/zookeeper_limits`, Buffer.from(limits), { acl })
  await where.client.create(`${at}/zookeeper_stats`, Buffer.from('count=-1,bytes=-1'))
}

async function read(where: Place, below: string, name: 'limits' | 'stats'): Promise<string | null> {
  const path = `${QUOTA}${where.at(below)}/zookeeper_${name}`
  if ((await where.client.exists(path)) === null) return null
  return (await where.client.getData(path)).data?.toString() ?? 'null'
}

const DIGEST = ['31:world:anyone', '1:digest:u:EBQ0XjL1y0cYd2rXBIf/JhYdmzc='].map(parseAcl)

async function planted(version: Version): Promise<Place> {
  const from = await place(version, 'quota-from')
  await plant(from, {
    '': 'root',
    a: '12345',
    'a/b': null,
    'a/b/c': '678',
    'a/left-out': 'xx',
    plain: null,
  })
  await setQuota(from, '', 'count=100,bytes=-1')
  await setQuota(from, 'a/b', 'count=7,bytes=70', DIGEST)
  await setQuota(from, 'a/left-out', 'count=1,bytes=1')
  return from
}

describe.each([
  ['3.4.14', '3.9.5'],
  ['3.9.5', '3.9.5'],
  ['3.9.5', '3.4.14'],
] as const)('from %s to %s', (older, newer) => {
  test('limits are copied to the new paths, and what the target counts is what is there', async () => {
    const from = await planted(older)
    const to = await place(newer, 'quota-to')
    const args = ['--quota', '--exclude', 'a/left-out', from.location, to.location]
    const planned = await zkferry(['copy', '--dry-run', ...args])
    expect(planned.of('note').map(({ message }) => message)).toEqual([
      'The quota of the root would be set: count=100,bytes=-1.',
      'The quota of a/b would be set: count=7,bytes=70.',
    ])
    expect(await to.client.exists(QUOTA + to.root)).toBeNull()
    const { code, stderr } = await zkferry(['copy', ...args])
    expect(code, stderr).toBe(0)
    expect(await read(to, '', 'limits')).toBe('count=100,bytes=-1')
    expect(await read(to, 'a/b', 'limits')).toBe('count=7,bytes=70')
    expect(await read(to, 'a/left-out', 'limits')).toBeNull()
    expect((await to.client.getACL(`${QUOTA}${to.at('a/b')}/zookeeper_limits`)).acl).toEqual(
      expect.arrayContaining(DIGEST),
    )
    // root, a, a/b, a/b/c, plain: what was excluded on the way is not there.
    expect(await read(to, '', 'stats')).toMatch(/^count=5,bytes=12\b/)
    expect(await read(to, 'a/b', 'stats')).toMatch(/^count=2,bytes=3\b/)
    // The servers go on from there: the tally is theirs, not a number that was copied.
    await to.client.create(to.at('a/b/d'), Buffer.from('99'))
    expect(await read(to, 'a/b', 'stats')).toMatch(/^count=3,bytes=5\b/)
    await to.client.delete(to.at('a/b/d'))
  })

  test('a second copy writes nothing', async () => {
    const from = await planted(older)
    const to = await place(newer, 'quota-again')
    expect((await zkferry(['copy', '--quota', from.location, to.location])).code).toBe(0)
    const before = await to.client.exists(`${QUOTA}${to.at('a/b')}/zookeeper_limits`)
    expect((await zkferry(['copy', '--quota', from.location, to.location])).code).toBe(0)
    expect(await to.client.exists(`${QUOTA}${to.at('a/b')}/zookeeper_limits`)).toEqual(before)
  })

  test('hard limits, as 3.7 and later write them', async () => {
    const hard = 'count=50,bytes=-1=;byteHardLimit=9000000000;countHardLimit=60'
    const from = await place(older, 'quota-hard')
    await plant(from, { '': 'root', a: 'x' })
    await setQuota(from, 'a', hard)
    const to = await place(newer, 'quota-hard-to')
    const { code, stderr } = await zkferry(['copy', '--quota', from.location, to.location])
    expect(code, stderr).toBe(0)
    expect(await read(to, 'a', 'limits')).toBe(hard)
    await to.client.create(to.at('a/more'), Buffer.from('yy'))
    expect(await read(to, 'a', 'stats')).toMatch(/^count=2,bytes=3\b/)
  })
})

test('without --quota nothing below /zookeeper is touched', async () => {
  const from = await planted('3.4.14')
  const to = await place('3.9.5', 'no-quota')
  expect((await zkferry(['copy', from.location, to.location])).code).toBe(0)
  expect(await to.client.exists(QUOTA + to.root)).toBeNull()
})

test('limits that changed on the source follow; those that somebody set on the target are not replaced', async () => {
  const from = await planted('3.4.14')
  const to = await place('3.9.5', 'quota-change')
  const journal = freshJournal()
  const args = ['copy', '--quota', '--journal', journal, from.location, to.location]
  expect((await zkferry(args)).code).toBe(0)
  await from.client.setData(`${QUOTA}${from.at('a/b')}/zookeeper_limits`, Buffer.from('count=8,bytes=80'))
  expect((await zkferry(args)).code).toBe(0)
  expect(await read(to, 'a/b', 'limits')).toBe('count=8,bytes=80')
  await to.client.setData(`${QUOTA}${to.at('a/b')}/zookeeper_limits`, Buffer.from('count=9,bytes=90'))
  const refused = await zkferry(args)
  expect(refused.code).toBe(3)
  expect(refused.of('failed')).toMatchObject([{ path: 'a/b', side: 'target', code: 'QUOTAEXISTS' }])
  expect(await read(to, 'a/b', 'limits')).toBe('count=9,bytes=90')
  expect((await zkferry([...args, '--overwrite-newer'])).code).toBe(0)
  expect(await read(to, 'a/b', 'limits')).toBe('count=8,bytes=80')
})

test('limits of which a server would trip are named and not written; a tally without limits is made anew', async () => {
  const from = await place('3.4.14', 'quota-odd')
  await plant(from, { '': 'root', odd: 'x', even: 'y' })
  await setQuota(from, 'even', 'count=3,bytes=-1')
  const to = await place('3.9.5', 'quota-odd-to')
  // What a tool that copies everything leaves: somebody else's numbers, and no limits beside them.
  for (const path of [QUOTA + to.root, QUOTA + to.at('even')]) await to.client.create(path, null)
  await to.client.create(`${QUOTA}${to.at('even')}/zookeeper_stats`, Buffer.from('count=500,bytes=5000'))
  await from.client.create(QUOTA + from.at('odd'), null)
  // Set in two steps: this server would trip, too.
  await from.client.create(`${QUOTA}${from.at('odd')}/zookeeper_limits`, Buffer.from('count=1,bytes=1'))
  await from.client.setData(`${QUOTA}${from.at('odd')}/zookeeper_limits`, Buffer.from('a lot'))
  const { code, of } = await zkferry(['copy', '--quota', from.location, to.location])
  await from.client.delete(`${QUOTA}${from.at('odd')}/zookeeper_limits`)
  expect(code).toBe(3)
  expect(of('failed')).toMatchObject([{ path: 'odd', side: 'source', code: 'BADQUOTA' }])
  expect(await read(to, 'odd', 'limits')).toBeNull()
  expect(await read(to, 'even', 'limits')).toBe('count=3,bytes=-1')
  expect(await read(to, 'even', 'stats')).toMatch(/^count=1,bytes=1\b/)
})

test('a quota of the source root has no place when the target is /', async () => {
  const from = await planted('3.4.14')
  // Whoever copies to / has a server to themselves.
  const server = await startServer({ version: '3.9.5' })
  const to = new Place(await connect(server.connectString), server.connectString, '/')
  const whole = ['--include', 'quota-at-the-top/**', '--no-verify', from.location, to.location]
  const { code, of, stderr } = await zkferry(['copy', '--quota', ...whole])
  expect(code, stderr).toBe(3)
  expect(of('failed')).toMatchObject([{ path: '', side: 'target', code: 'QUOTAROOT' }])
  expect(await to.client.exists('/zookeeper/quota/zookeeper_limits')).toBeNull()
  expect(await to.client.exists('/zookeeper/quota/a')).toBeNull()
  await server.stop()
})

test('quotas that runs of ours have set follow the source; data that somebody set before them are no less noticed', async () => {
  const [from, to] = [await place('3.9.5', 'quota-runs'), await place('3.9.5', 'quota-runs-to')]
  await plantMany(from, 10, 60)
  await setQuota(from, '', 'count=1000,bytes=-1')
  const args = ['copy', '--quota', '--journal', freshJournal(), from.location, to.location]
  for (const count of [1000, 1000, 2000, 3000]) {
    await from.client.setData(`${QUOTA}${from.root}/zookeeper_limits`, Buffer.from(`count=${count},bytes=-1`))
    const { code, stderr } = await zkferry(args)
    expect(code, stderr).toBe(0)
    expect(await read(to, '', 'limits')).toBe(`count=${count},bytes=-1`)
  }
  // While it is proved: the quota is set after that.
  await from.client.setData(`${QUOTA}${from.root}/zookeeper_limits`, Buffer.from('count=4000,bytes=-1'))
  await from.client.setData(from.at('d00009/z000059'), Buffer.from('v2'))
  const slowly = [...args, '--rate', '200', '--concurrency', '1']
  const copied = await meanwhile(slowly, /"phase":"verify","znodes":[1-5]\d\d/, async () => {
    await to.client.setData(to.at('d00000/z000001'), Buffer.from('live'))
  })
  expect(copied.code, copied.stderr).toBe(0)
  expect(await read(to, '', 'limits')).toBe('count=4000,bytes=-1')
  expect((await zkferry(args)).code).toBe(7)
})

test('--quota from a place without quotas is refused before anything is written', async () => {
  const [from, to] = [await place('3.9.5', 'quota-file'), await place('3.9.5', 'quota-file-to')]
  await plant(from, { '': null, a: '1' })
  const archive = `archive:${join(mkdtempSync(join(tmpdir(), 'zkferry-quota-')), 'a.zkferry')}#/app`
  expect((await zkferry(['copy', from.location, archive])).code).toBe(0)
  const { code, summary } = await zkferry(['copy', '--quota', archive, to.location])
  expect([code, summary.message]).toEqual([2, expect.stringContaining('has no quotas beside its tree')])
  expect(await to.client.exists(to.root)).toBeNull()
})
