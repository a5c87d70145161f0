/** Copies as users run them, between the oldest and the newest server. */
import { beforeAll, describe, expect, test } from 'vitest'
import { pegasusRoot, pegasusTree } from '../../fixtures/pegasus.ts'
import { recordedTree } from '../../fixtures/recorded.ts'
import { nextSequence } from '../../src/tree/znode.ts'
import { advance, load, type Place, pair, parseAcl, place, plant } from '../helpers/places.ts'
import { contents, readTree, zxids } from '../helpers/read-tree.ts'
import { freshJournal, zkferry } from '../helpers/zkferry.ts'

describe.each([
  ['3.4.14', '3.9.5'],
  ['3.9.5', '3.4.14'],
] as const)('from %s to %s', (oldVersion, newVersion) => {
  test('a Codis tree arrives whole, and every line of the output agrees', async () => {
    const [from, to] = [await place(oldVersion, 'codis'), await place(newVersion, 'codis')]
    const records = recordedTree('codis3')
    await load(from, records)
    const { code, summary, stderr, of } = await zkferry(['copy', from.location, to.location])
    expect(code, stderr).toBe(0)
    const [source, target] = [await readTree(from), await readTree(to)]
    expect(contents(target)).toEqual(contents(source))
    expect(source.size).toBe(records.length)
    expect(summary).toMatchObject({
      status: 'done',
      znodes: {
        read: records.length,
        created: records.length,
        updated: 0,
        unchanged: 0,
        deleted: 0,
        failed: 0,
      },
      differences: 0,
      sourceMoved: 0,
      consistency: expect.stringMatching(/^(quiet|unknown)$/),
    })
    const bytes = records.reduce((sum, { data }) => sum + (data?.length ?? 0), 0)
    expect(summary.bytes).toEqual({ read: bytes, written: bytes })
    expect(summary.digest.source).toBe(summary.digest.target)
    expect(of('run')[0]).toMatchObject({ source: from.location, target: to.location, resumed: false })
  })

  test('a Pegasus tree arrives without the meta servers’ ephemerals, which are listed', async () => {
    const [from, to] = [await place(oldVersion, 'pegasus'), await place(newVersion, 'pegasus')]
    const records = pegasusTree({ seed: 11, apps: 12, partitions: [4, 64] }).slice(1)
    await load(from, records)
    const { code, summary, stderr, skipped } = await zkferry(['copy', from.location, to.location])
    expect(code, stderr).toBe(0)
    expect(contents(await readTree(to))).toEqual(contents(await readTree(from)))
    const ephemeral = records.filter(({ kind }) => kind === 'ephemeral')
    expect(skipped()).toEqual(
      ephemeral.map(({ path }) => `${path.slice(pegasusRoot(11).length + 1)}: ephemeral`).sort(),
    )
    expect(summary.znodes).toMatchObject({ skipped: 3, created: records.length - 3 })
    expect(await to.client.exists(to.at('lock/dsn.meta.server.leader'))).toMatchObject({ numChildren: 0 })
  })
})

test('znodes of one character, null and empty data, names of every script keep their bytes', async () => {
  const { from, to } = await pair()
  const names = [
    'a',
    ' ',
    'ü',
    '表',
    '中文名字',
    '한국어',
    'app%2F1 ä',
    '<default>',
    '.hidden',
    '...',
    '\u00a0',
  ]
  await plant(from, {
    '': Buffer.from([0, 255, 128, 10, 13]),
    null: null,
    empty: '',
    'null/empty': '',
    'empty/null': null,
    ...Object.fromEntries(
      names.flatMap((name) => [
        [name, name],
        [`${name}/${name}`, null],
      ]),
    ),
  })
  const { code, stderr } = await zkferry(['copy', from.location, to.location])
  expect(code, stderr).toBe(0)
  const target = await readTree(to)
  expect(contents(target)).toEqual(contents(await readTree(from)))
  expect(target.get('null')?.data).toBeNull()
  expect(target.get('empty')?.data).toBe('')
  expect(target.get('表/表')?.data).toBeNull()
})

test('data that differ only in being null or empty are written again', async () => {
  const { from, to } = await pair()
  await plant(from, { '': null, a: null, b: '', c: null, d: '' })
  await plant(to, { '': null, a: '', b: null, c: null, d: '' })
  const { code, stderr, summary } = await zkferry(['copy', '--merge', from.location, to.location])
  expect(code, stderr).toBe(0)
  expect(summary.znodes).toMatchObject({ updated: 2, unchanged: 3 })
  expect(contents(await readTree(to))).toEqual(contents(await readTree(from)))
})

describe('ACLs', () => {
  const acls = [
    ['31:digest:alice:QLmHrPtjxOWvOUHVAGIYx1rmkmM=', '17:world:anyone'],
    ['17:world:anyone', '31:digest:alice:QLmHrPtjxOWvOUHVAGIYx1rmkmM='],
    ['31:ip:127.0.0.1'],
    ['31:ip:127.0.0.1', '3:digest:bob:p=', '5:digest:bob:p=', '17:world:anyone'],
  ]
  const tree = Object.fromEntries(acls.map((acl, at) => [`acl${at}`, { data: String(at), acl }]))

  test('several entries, digest users, addresses: each list arrives, and in its order', async () => {
    const { from, to } = await pair('acl')
    await plant(from, { '': null, ...tree })
    const { code, stderr } = await zkferry(['copy', from.location, to.location])
    expect(code, stderr).toBe(0)
    const target = await readTree(to)
    for (const [at, acl] of acls.entries()) expect(target.get(`acl${at}`)?.acl).toEqual(acl)
  })

  test('a znode is created with its ACL, not opened and shut later', async () => {
    const { from, to } = await pair('acl')
    await plant(from, { '': null, ...tree })
    await zkferry(['copy', from.location, to.location])
    for (const [path, { stat }] of await readTree(to)) expect([path, stat.aversion]).toEqual([path, 0])
  })

  test('the order of entries alone is no difference', async () => {
    const { from, to } = await pair('acl')
    await plant(from, { '': null, a: { data: 'x', acl: acls[0] as string[] } })
    await plant(to, { '': null, a: { data: 'x', acl: acls[1] as string[] } })
    const { code, summary } = await zkferry(['copy', '--merge', from.location, to.location])
    expect(code).toBe(0)
    expect(summary.znodes).toMatchObject({ updated: 0, unchanged: 2 })
  })

  test('an ACL that differs is set, and the data are left alone', async () => {
    const { from, to } = await pair('acl')
    await plant(from, { '': null, a: { data: 'x', acl: acls[3] as string[] } })
    await plant(to, { '': null, a: 'x' })
    const { code, summary, stderr } = await zkferry(['copy', '--merge', from.location, to.location])
    expect(code, stderr).toBe(0)
    expect(summary.znodes).toMatchObject({ updated: 1, unchanged: 1 })
    expect((await readTree(to)).get('a')).toMatchObject({ acl: acls[3], stat: { version: 0, aversion: 1 } })
  })

  test('--no-acl leaves them out, says so, and gives the digest without ACLs', async () => {
    const { from, to } = await pair('acl')
    await plant(from, { '': null, ...tree })
    const { code, stderr, summary, of } = await zkferry(['copy', '--no-acl', from.location, to.location])
    expect(code, stderr).toBe(0)
    const target = await readTree(to)
    for (const { acl } of target.values()) expect(acl).toEqual(['31:world:anyone'])
    expect(JSON.stringify(of('note'))).toContain('--no-acl')
    const digest = await zkferry(['digest', '--ignore', 'acl', from.location])
    expect(summary.digest).toEqual({
      source: digest.summary.digest.source,
      target: digest.summary.digest.source,
    })
    expect((await zkferry(['digest', from.location])).summary.digest.source).not.toBe(summary.digest.source)
  })
})

describe('ancestors of the target root', () => {
  test('missing ones are made, with the ACL of the nearest that exists', async () => {
    const { from, to } = await pair('ancestors')
    await plant(from, { '': 'x', a: 'y' })
    const acl = ['31:ip:127.0.0.1', '1:world:anyone']
    await plant(to, { '': { data: null, acl } })
    const { code, stderr, summary } = await zkferry(['copy', from.location, `${to.location}/one/two/root`])
    expect(code, stderr).toBe(0)
    const tree = await readTree(to)
    expect([...tree.keys()].sort()).toEqual(['', 'one', 'one/two', 'one/two/root', 'one/two/root/a'])
    for (const path of ['one', 'one/two']) expect(tree.get(path)).toMatchObject({ data: '', acl })
    expect(tree.get('one/two/root')?.acl).toEqual(['31:world:anyone'])
    expect(summary.znodes.created).toBe(4)
  })

  test('a source root that does not exist makes none', async () => {
    const { from, to } = await pair('ancestors')
    const { code } = await zkferry(['copy', from.location, `${to.location}/one/two`])
    expect(code).toBe(2)
    expect(await to.client.exists(to.root)).toBeNull()
  })
})

describe('onto a target that has the tree already', () => {
  let from: Place
  let to: Place
  beforeAll(async () => {
    ;({ from, to } = await pair('again'))
    await plant(from, { '': null, a: 'one', 'a/b': '', c: null, 'c/d': 'x'.repeat(3000) })
    await zkferry(['copy', from.location, to.location])
  })

  test('nothing is written: every mzxid, version and ACL version stays', async () => {
    const before = zxids(await readTree(to))
    const { code, summary } = await zkferry(['copy', from.location, to.location])
    expect(code).toBe(0)
    expect(summary.znodes).toMatchObject({ created: 0, updated: 0, unchanged: 5 })
    expect(zxids(await readTree(to))).toEqual(before)
  })

  test('neither by a run that knows nothing of the first', async () => {
    const before = zxids(await readTree(to))
    const journal = ['--journal', freshJournal()]
    const { code, summary } = await zkferry(['copy', '--merge', ...journal, from.location, to.location])
    expect(code).toBe(0)
    expect(summary.znodes).toMatchObject({ created: 0, updated: 0, unchanged: 5, read: 5 })
    expect(summary.bytes.written).toBe(0)
    expect(zxids(await readTree(to))).toEqual(before)
  })

  test('only what changed on the source is written', async () => {
    await from.client.setData(from.at('a/b'), Buffer.from('new'))
    await from.client.create(from.at('c/e'), null)
    const before = zxids(await readTree(to))
    const { code, summary, stderr } = await zkferry(['copy', from.location, to.location])
    expect(code, stderr).toBe(0)
    expect(summary.znodes).toMatchObject({ created: 1, updated: 1, unchanged: 4 })
    const after = zxids(await readTree(to))
    expect(
      Object.keys(after)
        .filter((path) => after[path] !== before[path])
        .sort(),
    ).toEqual(['a/b', 'c', 'c/e'])
  })
})

describe('--dry-run', () => {
  test('writes nothing, and predicts exactly what the copy then does', async () => {
    const { from, to } = await pair('dry')
    await plant(from, {
      '': 'root',
      new: 'n',
      'new/er': null,
      same: 's',
      data: 'now',
      acl: { data: 'x', acl: ['31:ip:127.0.0.1'] },
      alive: { ephemeral: true },
    })
    await plant(to, { '': 'root', same: 's', data: 'then', acl: 'x', extra: 'e', 'extra/below': null })
    const args = ['--merge', '--delete', '--max-delete', '2', from.location, to.location]
    const before = zxids(await readTree(to))
    const plan = await zkferry(['copy', '--dry-run', ...args])
    expect(plan.code, plan.stderr).toBe(0)
    expect(
      plan
        .of('plan')
        .map(({ path, action, bytes }) => `${action} ${path} ${bytes}`)
        .sort(),
    ).toEqual([
      'create new 1',
      'create new/er 0',
      'delete extra 0',
      'delete extra/below 0',
      'set-acl acl 0',
      'update data 3',
    ])
    expect(zxids(await readTree(to))).toEqual(before)
    expect(plan.summary).toMatchObject({ runId: null, journal: null, digest: { source: null, target: null } })

    const copy = await zkferry(['copy', ...args])
    expect(copy.code, copy.stderr).toBe(0)
    expect(plan.summary.znodes).toEqual(copy.summary.znodes)
    expect(plan.skipped()).toEqual(copy.skipped())
    expect(plan.summary.bytes.read).toBe(copy.summary.bytes.read)
  })

  test('of a target that does not exist makes not even its ancestors', async () => {
    const { from, to } = await pair('dry')
    await plant(from, { '': null, a: 'x' })
    const args = [from.location, `${to.location}/deep/root`]
    const { code, summary, of } = await zkferry(['copy', '--dry-run', ...args])
    expect(code).toBe(0)
    expect(of('plan').filter(({ above }) => above)).toEqual(
      [to.root, `${to.root}/deep`].map((path) => ({ path, action: 'create', bytes: 0, above: true })),
    )
    expect(await to.client.exists(to.root)).toBeNull()
    const copied = await zkferry(['copy', ...args])
    expect(copied.summary.znodes.created, copied.stderr).toBe(4)
    expect(summary.znodes.created).toBe(4)
  })

  test('says what a limit on deletes would refuse', async () => {
    const { from, to } = await pair('dry')
    await plant(from, { '': null })
    await plant(to, { '': null, a: null, b: null })
    const args = ['copy', '--dry-run', '--merge', '--delete', '--max-delete', '1', from.location, to.location]
    expect((await zkferry(args)).code).toBe(7)
  })
})

describe('a target with strangers', () => {
  test('--merge: the source wins, the strangers stay', async () => {
    const { from, to } = await pair('merge')
    await plant(from, { '': 'ours', both: 'ours', 'both/new': 'n' })
    await plant(to, { '': 'theirs', both: 'theirs', 'both/theirs': 't', stranger: null })
    const refused = await zkferry(['copy', from.location, to.location])
    expect(refused.code).toBe(7)
    expect(refused.summary.message).toMatch(
      /Are source and target swapped.* --merge allows to copy into it\.$/,
    )
    expect((await readTree(to)).get('both')?.stat.version).toBe(0)
    const { code, summary, stderr } = await zkferry(['copy', '--merge', from.location, to.location])
    expect(code, stderr).toBe(0)
    expect(summary).toMatchObject({ status: 'done', znodes: { created: 1, updated: 2, deleted: 0 } })
    const tree = await readTree(to)
    expect([...tree.keys()].sort()).toEqual(['', 'both', 'both/new', 'both/theirs', 'stranger'])
    expect(tree.get('both')?.data).toBe(Buffer.from('ours').toString('base64'))
  })

  test('--merge --keep-existing: what is there stays as it is, what is missing comes', async () => {
    const { from, to } = await pair('keep')
    await plant(from, { '': 'ours', both: { data: 'ours', acl: ['31:ip:127.0.0.1'] }, 'both/new': 'n' })
    await plant(from, { same: 'x', mine: null })
    await plant(to, { '': 'theirs', both: 'theirs', same: 'x' })
    for (const path of ['', 'both', 'same', 'mine']) await advance(from, path, 7)
    const args = ['copy', '--merge', '--keep-existing', from.location, to.location]
    const planned = await zkferry([...args, '--dry-run'])
    const { code, summary, stderr } = await zkferry(args)
    expect(code, stderr).toBe(0)
    for (const one of [planned.summary, summary])
      expect(one).toMatchObject({ znodes: { created: 2, updated: 0, unchanged: 3 }, steps: 7 })
    // What is made below counts by itself; `both`, `same` and `mine` were made below the root.
    const counters = ['', 'both', 'same', 'mine'].map(async (path) => {
      const stat = await to.client.exists(to.at(path))
      return stat && nextSequence(stat)
    })
    expect(await Promise.all(counters)).toEqual([3, 1, 0, 7])
    const tree = await readTree(to)
    expect(tree.get('both')).toMatchObject({
      data: Buffer.from('theirs').toString('base64'),
      acl: ['31:world:anyone'],
    })
    expect(tree.get('both/new')?.data).toBe(Buffer.from('n').toString('base64'))
    expect(summary.digest.source).not.toBe(summary.digest.target)
  })

  test('an empty target root is no stranger', async () => {
    const { from, to } = await pair('empty')
    await plant(from, { '': 'x', a: 'y' })
    await plant(to, { '': null })
    const { code, summary } = await zkferry(['copy', from.location, to.location])
    expect(code).toBe(0)
    expect(summary.znodes).toMatchObject({ created: 1, updated: 1 })
  })
})

test('without verification the summary has no target digest, and a clean copy its source’s', async () => {
  const { from, to } = await pair('unproven')
  await plant(from, { '': 'x', a: 'y', 'a/b': null })
  const { code, summary, of } = await zkferry(['copy', '--no-verify', from.location, to.location])
  expect(code).toBe(0)
  const source = (await zkferry(['digest', from.location])).summary.digest.source
  expect(summary).toMatchObject({ digest: { source, target: null }, consistency: 'unknown' })
  expect(JSON.stringify(of('note'))).toContain('not verified')
  expect(contents(await readTree(to))).toEqual(contents(await readTree(from)))
})

test('a znode that may not be read is named, the rest is copied, and the end is not "done"', async () => {
  const { from, to } = await pair('unread')
  await plant(from, { '': null, a: 'x', b: 'y', 'b/below': 'z', c: 'w' })
  await from.client.setACL(from.at('b'), [parseAcl('31:digest:nobody:x=')])
  const { code, summary, of } = await zkferry(['copy', from.location, to.location])
  expect(code).toBe(3)
  expect(summary.status).toBe('incomplete')
  expect(of('failed')).toContainEqual(expect.objectContaining({ path: 'b', side: 'source', code: 'NOAUTH' }))
  const tree = await readTree(to)
  expect([...tree.keys()].sort()).toEqual(['', 'a', 'c'])
  expect(summary.digest).toEqual({ source: null, target: null })
})
