/** Verify: every kind of difference is named, nothing is written, a source that is being written converges. */
import { mkdtempSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { FaultProxy } from '../faults/proxy.ts'
import { type Place, pair, parseAcl, place, plant, plantMany } from '../helpers/places.ts'
import { readTree, zxids } from '../helpers/read-tree.ts'
import { freshJournal, meanwhile, SOME_DONE, zkferry, zkferryUntil } from '../helpers/zkferry.ts'
import { sharedServer } from '../servers/shared.ts'

const shut = ['31:ip:127.0.0.1']

/** One znode of each kind of difference, and some that are equal. */
async function unequal(): Promise<{ from: Place; to: Place }> {
  const { from, to } = await pair('verify')
  await plant(from, {
    '': null,
    same: 'x',
    'same/below': null,
    data: 'now',
    null: null,
    acl: { data: 'x', acl: shut },
    both: { data: 'now', acl: shut },
    missing: 'm',
    'missing/below': null,
    alive: { ephemeral: true },
    stale: { ephemeral: true },
    occupied: 'persistent',
  })
  await plant(to, {
    '': null,
    same: 'x',
    'same/below': null,
    data: 'then',
    null: '',
    acl: 'x',
    both: 'then',
    extra: 'e',
    'extra/below': null,
    stale: 'left behind',
    occupied: { data: 'persistent', ephemeral: true },
    session: { ephemeral: true },
  })
  return { from, to }
}

const DIFFERENCES = [
  'acl: acl',
  'both: data acl',
  'data: data',
  'extra/below: missing-in-source',
  'extra: missing-in-source',
  'missing/below: missing-in-target',
  'missing: missing-in-target',
  'null: data',
  'occupied: ephemeral',
  'session: ephemeral',
  'stale: ephemeral',
]

describe('differences', () => {
  test('each kind is named, with its path, and nothing is written', async () => {
    const { from, to } = await unequal()
    const before = [zxids(await readTree(from)), zxids(await readTree(to))]
    const { code, summary, differences, skipped } = await zkferry([
      'verify',
      '--rounds',
      '0',
      from.location,
      to.location,
    ])
    expect(code).toBe(1)
    expect(differences()).toEqual(DIFFERENCES)
    expect(summary).toMatchObject({ status: 'different', differences: DIFFERENCES.length })
    expect(summary.digest.source).not.toBe(summary.digest.target)
    expect(skipped()).toContain('alive: ephemeral')
    expect([zxids(await readTree(from)), zxids(await readTree(to))]).toEqual(before)
  })

  test('--combined marks every znode once', async () => {
    const { from, to } = await unequal()
    const file = join(mkdtempSync(join(tmpdir(), 'zkferry-marks-')), 'marks')
    await zkferry(['verify', '--rounds', '0', '--combined', file, from.location, to.location])
    const marks = readFileSync(file, 'utf8').trimEnd().split('\n').sort()
    expect(marks).toEqual(
      [
        '* acl',
        '* both',
        '* data',
        '* null',
        '* occupied',
        '* session',
        '* stale',
        '+ missing',
        '+ missing/below',
        '- extra',
        '- extra/below',
        '= ',
        '= same',
        '= same/below',
      ].sort(),
    )
  })

  test('--ignore acl leaves the ACLs out', async () => {
    const { from, to } = await unequal()
    const args = ['verify', '--rounds', '0', '--ignore', 'acl', from.location, to.location]
    const { differences } = await zkferry(args)
    expect(differences()).toEqual(
      DIFFERENCES.filter((line) => line !== 'acl: acl').map((line) =>
        line.replace('both: data acl', 'both: data'),
      ),
    )
  })

  test('filters leave out what they name, and the digests too', async () => {
    const { from, to } = await unequal()
    const args = ['verify', '--rounds', '0', '--include', 'same/**', from.location, to.location]
    const { code, summary } = await zkferry(args)
    expect(code).toBe(0)
    expect(summary.digest.source).toBe(summary.digest.target)
  })

  test('one byte, or one permission, among many', async () => {
    const { from, to } = await pair('verify')
    await plantMany(from, 20, 100)
    await plantMany(to, 20, 100)
    expect((await zkferry(['verify', from.location, to.location])).summary.status).toBe('identical')
    const path = 'd00007/z000042'
    const { data } = await to.client.getData(to.at(path))
    const flipped = Buffer.from(data as Buffer)
    flipped[50] = (flipped[50] as number) ^ 1
    await to.client.setData(to.at(path), flipped)
    await to.client.setACL(to.at('d00003/z000099'), [
      parseAcl('30:world:anyone'),
      parseAcl('31:ip:127.0.0.1'),
    ])
    const { code, differences } = await zkferry(['verify', '--rounds', '0', from.location, to.location])
    expect(code).toBe(1)
    expect(differences()).toEqual(['d00003/z000099: acl', 'd00007/z000042: data'])
  })

  test('a target that does not exist is missing, not identical', async () => {
    const { from, to } = await pair('verify')
    await plant(from, { '': null, a: 'x' })
    const args = ['verify', '--rounds', '0', from.location, to.location]
    const { code, differences, of } = await zkferry(args)
    expect(code).toBe(1)
    expect(differences()).toEqual([': missing-in-target', 'a: missing-in-target'])
    const message = `the target root ${to.location} does not exist: everything is missing there`
    expect(of('note')).toEqual([{ message }])
  })

  test('what cannot be read is never called identical', async () => {
    const { from, to } = await pair('verify')
    for (const where of [from, to]) await plant(where, { '': null, a: 'x', 'a/below': 'y' })
    await to.client.setACL(to.at('a'), [parseAcl('31:digest:nobody:x=')])
    const { code, summary, of } = await zkferry(['verify', '--rounds', '0', from.location, to.location])
    expect(code).toBe(3)
    expect(summary).toMatchObject({ status: 'incomplete', digest: { source: null, target: null } })
    expect(of('failed')).toContainEqual(
      expect.objectContaining({ path: 'a', side: 'target', code: 'NOAUTH' }),
    )
  })
})

describe('a source that is being written', () => {
  test('converges: what differs is read again until both are equal', async () => {
    const { from, to } = await pair('writing')
    const names = Array.from({ length: 1000 }, (_, at) => `z${String(at).padStart(4, '0')}`)
    for (const where of [from, to])
      await plant(where, { '': null, ...Object.fromEntries(names.map((name) => [name, '0'])) })
    // Somebody writes to both, the target a little later: at every moment some znodes differ.
    let writing = true
    const writer = (async () => {
      for (let at = 0; writing; at++) {
        const name = names[(at * 7) % names.length] as string
        await from.client.setData(from.at(name), Buffer.from(String(at)))
        await to.client.setData(to.at(name), Buffer.from(String(at)))
      }
    })()
    const args = ['verify', '--rounds', '50', '--settle', '0s', '--rate', '2000', from.location, to.location]
    const { code, summary, stderr } = await zkferry(args)
    writing = false
    await writer
    expect(code, stderr).toBe(0)
    expect(summary.status).toBe('identical')
    expect(summary.consistency).not.toBe('quiet')
    expect(summary.digest.source).toBe(summary.digest.target)
  })

  test('a copy copies again what changed behind it', async () => {
    const { from, to } = await pair('writing')
    await plantMany(from, 20, 50)
    let writing = true
    const writer = (async () => {
      for (let at = 0; writing; at++)
        await from.client.setData(from.at('d00000/z000000'), Buffer.from(`now ${at}`))
    })()
    // While it is written all the time it does not converge, and that is what the copy says.
    const args = ['copy', '--rounds', '1', '--settle', '0s', '--rate', '2000', from.location, to.location]
    const moving = await zkferry(args)
    writing = false
    await writer
    expect(moving.summary.sourceMoved).toBeGreaterThan(0)
    expect(moving.summary.consistency).not.toBe('quiet')
    expect([0, 1]).toContain(moving.code)
    const { code, summary } = await zkferry(args)
    expect(code).toBe(0)
    expect(summary.digest.source).toBe(summary.digest.target)
    expect((await to.client.getData(to.at('d00000/z000000'))).data).toEqual(
      (await from.client.getData(from.at('d00000/z000000'))).data,
    )
  })
})

describe('--from-journal', () => {
  const journal = freshJournal()
  let to: Place
  const verify = () => zkferry(['verify', '--from-journal', journal, to.location])

  test('a target is as the copy left it, also when the source is gone', async () => {
    const from = await place('3.4.14', 'gone')
    to = await place('3.9.5', 'gone')
    await plant(from, { '': 'root', a: 'x', 'a/b': 'y', 'a/b/c': null, d: null, e: { ephemeral: true } })
    expect((await zkferry(['copy', '--journal', journal, from.location, to.location])).code).toBe(0)
    expect((await zkferry(['rmr', '--yes', '--with-ephemerals', from.location])).code).toBe(0)
    const { code, summary, stderr } = await verify()
    expect(code, stderr).toBe(0)
    expect(summary.status).toBe('identical')
    expect(summary.digest.source).toBe(summary.digest.target)
  })

  test('a later run that was refused is no copy, and hides none', async () => {
    const [from, there] = [await place('3.4.14', 'refused'), await place('3.9.5', 'refused')]
    await plant(from, { '': null, a: 'x', b: 'y' })
    const file = freshJournal()
    const copy = ['copy', '--journal', file, from.location, there.location]
    expect((await zkferry(copy)).code).toBe(0)
    await there.client.setData(there.at('a'), Buffer.from('live'))
    expect((await zkferry(copy)).code).toBe(7)
    const { code, differences, stderr } = await zkferry(['verify', '--from-journal', file, there.location])
    expect(code, stderr).toBe(1)
    expect(differences()).toEqual([': data'])
  })

  test.each([
    ['data in a directory', () => to.client.setData(to.at('a/b'), Buffer.from('z')), 'a: data'],
    ['its own data', () => to.client.setData(to.root, Buffer.from('z')), ': data'],
    ['an ACL', () => to.client.setACL(to.at('a/b/c'), [parseAcl('31:ip:127.0.0.1')]), 'a/b: data'],
    ['a new znode', () => to.client.create(to.at('d/new'), null), 'd: data'],
    ['a deleted one', () => to.client.delete(to.at('a/b/c')), 'a/b: missing-in-target'],
  ])('names the directory where the target has changed: %s', async (_, change, expected) => {
    await change()
    const { code, differences } = await verify()
    expect(code).toBe(1)
    expect(differences()).toContain(expected)
  })
})

test('what is below a znode that the target hides is not called missing', async () => {
  const { from, to } = await pair('hidden')
  for (const where of [from, to]) await plant(where, { '': null, secret: 'x', 'secret/child': 'y' })
  await to.client.setACL(to.at('secret'), [parseAcl('31:ip:10.0.0.1')])
  const { code, summary, of, differences } = await zkferry(['verify', from.location, to.location])
  expect(code).toBe(3)
  expect(differences()).toEqual([])
  expect(of('failed').map(({ path, side }) => `${path} ${side}`)).toContain('secret/child target')
  expect(summary.message).toBe('2 znodes could not be compared.')
})

test('an ephemeral root is neither copied nor compared', async () => {
  const { from, to } = await pair('ephemeral-root')
  await plant(from, { '': { ephemeral: true } })
  for (const command of ['verify', 'copy']) {
    const { code, summary } = await zkferry([command, from.location, to.location])
    expect(code).toBe(2)
    expect(summary.message).toContain('is an ephemeral znode')
  }
})

test('a source that goes for good ends the job with 4, however much is in hand', async () => {
  const { from, to } = await pair('gone')
  await plantMany(from, 60, 500)
  const proxy = await FaultProxy.before(sharedServer('3.4.14').port, { record: false })
  onTestFinished(() => proxy.close())
  // For seconds: long enough to be in the middle of it.
  proxy.pace.bytesPerSecond = 1_000_000
  const source = proxy.connectString + from.root
  for (const args of [
    ['digest', '--ignore', 'acl', source],
    ['copy', '--no-acl', '--journal', freshJournal(), source, to.location],
  ]) {
    const command = [...args, '--retry-for', '2s', '--timeout', '4s']
    const { code, summary } = await meanwhile(command, SOME_DONE, async () => {
      await proxy.refuse()
      proxy.cut()
    })
    expect(code, args[0]).toBe(4)
    expect(summary.status).toBe('failed')
    await proxy.admit()
  }
})

test('an interruption does not lift --rate', async () => {
  const { from, to } = await pair('paced')
  await plantMany(from, 1, 3000)
  const args = ['copy', '--rate', '100', '--journal', freshJournal(), from.location, to.location]
  const { code } = await zkferryUntil(args, SOME_DONE, 'SIGTERM')
  expect(code).toBe(143)
  // The groups that had begun: not the 32 that were waiting for their turn.
  expect((await to.client.exists(to.at('d00000')))?.numChildren ?? 0).toBeLessThan(1500)
})
