/** `--delete`, its limits, and the filters. */
import { describe, expect, test } from 'vitest'
import { type Place, pair, parseAcl, plant, plantMany } from '../helpers/places.ts'
import { contents, readTree, zxids } from '../helpers/read-tree.ts'
import { freshJournal, zkferry, zkferryUntil } from '../helpers/zkferry.ts'

/** Where a difference is expected to stay, there is nothing to wait for. */
const ONCE = ['--rounds', '0']

describe('--delete', () => {
  test('what stays for the sake of what is excluded is named, and no clean end, also unverified', async () => {
    const { from, to } = await pair('delete')
    await plant(from, { '': null })
    await plant(to, { '': null, only: null, 'only/lock': 'x', gone: null })
    const args = ['copy', '--merge', '--delete', '--yes', '--exclude', '**/lock', from.location, to.location]
    const { code, summary, skipped } = await zkferry([...args, '--no-verify'])
    expect(code).toBe(1)
    expect(summary).toMatchObject({ status: 'different', znodes: { deleted: 1 } })
    expect(skipped()).toEqual(['only: holds-what-stays'])
  })

  test('what only the target has goes, children first, and the trees are equal', async () => {
    const { from, to } = await pair('delete')
    await plant(from, { '': null, a: 'x' })
    await plant(to, { '': null, a: 'x', b: null, 'b/c': null, 'b/c/d': 'deep', 'a/e': 'y' })
    const { code, stderr, summary } = await zkferry([
      'copy',
      '--merge',
      '--delete',
      '--yes',
      from.location,
      to.location,
    ])
    expect(code, stderr).toBe(0)
    expect(summary).toMatchObject({ status: 'done', znodes: { deleted: 4, created: 0 }, differences: 0 })
    expect(contents(await readTree(to))).toEqual(contents(await readTree(from)))
  })

  test('more than --max-delete: exit 7, and nothing at all is deleted', async () => {
    const { from, to } = await pair('delete')
    await plant(from, { '': null, new: 'x' })
    await plant(to, { '': null, b: null, c: null, d: null })
    const args = ['copy', '--merge', '--delete', '--max-delete', '2', from.location, to.location]
    const { code, summary } = await zkferry(args)
    expect(code).toBe(7)
    expect(summary).toMatchObject({ status: 'refused', znodes: { deleted: 0 } })
    expect(summary.message).toMatch(/3 .*--max-delete 2/)
    expect([...(await readTree(to)).keys()].sort()).toEqual(['', 'b', 'c', 'd', 'new'])
  })

  test('exactly as many as --max-delete are allowed', async () => {
    const { from, to } = await pair('delete')
    await plant(from, { '': null })
    await plant(to, { '': null, b: null, c: null })
    const args = ['copy', '--merge', '--delete', '--max-delete', '2', from.location, to.location]
    expect((await zkferry(args)).code).toBe(0)
    expect((await readTree(to)).size).toBe(1)
  })

  test('excluded znodes stay, with the directories that hold them, and are not counted', async () => {
    const { from, to } = await pair('delete')
    await plant(from, { '': null, a: 'x' })
    await plant(to, { '': null, a: 'x', old: null, 'old/keep': 'k', 'old/go': 'g', keep: 'top' })
    const args = [
      'copy',
      '--merge',
      ...ONCE,
      '--delete',
      '--max-delete',
      '1',
      '--exclude',
      '**/keep',
      from.location,
      to.location,
    ]
    const { code, summary, differences } = await zkferry(args)
    expect([...(await readTree(to)).keys()].sort()).toEqual(['', 'a', 'keep', 'old', 'old/keep'])
    expect(summary.znodes.deleted).toBe(1)
    // The directory had to stay, so the trees are not equal, and nobody says that they are.
    expect(differences()).toEqual(['old: missing-in-source'])
    expect(code).toBe(1)
  })

  test('an ephemeral stays, with the directory that holds it, and is listed', async () => {
    const { from, to } = await pair('delete')
    await plant(from, { '': null })
    await plant(to, { '': null, old: null, 'old/session': { ephemeral: true }, 'old/go': null, gone: null })
    const args = ['copy', '--merge', ...ONCE, '--delete', '--yes', from.location, to.location]
    const { code, summary, skipped } = await zkferry(args)
    expect([...(await readTree(to)).keys()].sort()).toEqual(['', 'old', 'old/session'])
    expect(summary.znodes.deleted).toBe(2)
    expect(skipped()).toContain('old/session: ephemeral')
    expect(code).toBe(1)
  })

  test('a persistent znode where the source has an ephemeral goes', async () => {
    const { from, to } = await pair('delete')
    await plant(from, { '': null, lock: { data: 'me', ephemeral: true } })
    await plant(to, { '': null, lock: 'left behind by a careless tool' })
    const kept = await zkferry(['copy', '--merge', ...ONCE, from.location, to.location])
    expect(kept.code).toBe(1)
    expect(kept.differences()).toEqual(['lock: ephemeral'])
    const args = [
      'copy',
      '--merge',
      '--delete',
      '--yes',
      '--journal',
      freshJournal(),
      from.location,
      to.location,
    ]
    const { code, summary, stderr } = await zkferry(args)
    expect(code, stderr).toBe(0)
    expect(summary.znodes.deleted).toBe(1)
    expect(await to.client.exists(to.at('lock'))).toBeNull()
  })

  test('nothing is deleted in a run in which a read failed', async () => {
    const { from, to } = await pair('delete')
    await plant(from, { '': null, secret: 'x', ok: 'y' })
    await from.client.setACL(from.at('secret'), [parseAcl('31:digest:nobody:x=')])
    await plant(to, { '': null, extra: 'e' })
    const { code, summary, of } = await zkferry([
      'copy',
      '--merge',
      '--delete',
      '--yes',
      from.location,
      to.location,
    ])
    expect(code).toBe(3)
    expect(summary).toMatchObject({ status: 'incomplete', znodes: { deleted: 0, created: 1 } })
    expect(JSON.stringify(of('note'))).toContain('Nothing was deleted')
    expect(await to.client.exists(to.at('extra'))).not.toBeNull()
  })
})

describe('--include and --exclude', () => {
  const tree = {
    '': 'root',
    a: null,
    'a/topom': 'lock',
    'a/topom/x': null,
    'a/slots': null,
    'a/slots/1': 's1',
    'a/slots/2': 's2',
    b: null,
    'b/topom': 'lock',
    '.dot': 'd',
    '.dot/x': 'y',
  }
  const kept = async (args: string[]) => {
    const { from, to } = await pair('filter')
    await plant(from, tree)
    const copied = await zkferry(['copy', ...args, from.location, to.location])
    expect(copied.code, copied.stderr).toBe(0)
    expect(copied.summary.digest.source).toBe(copied.summary.digest.target)
    const digest = await zkferry(['digest', ...args, from.location])
    expect(copied.summary.digest.source).toBe(digest.summary.digest.source)
    const before = zxids(await readTree(to))
    const again = await zkferry(['verify', ...args, '--rounds', '0', from.location, to.location])
    expect(again.code, again.stderr).toBe(0)
    expect(zxids(await readTree(to))).toEqual(before)
    return [...(await readTree(to)).keys()].sort()
  }

  test('an excluded znode takes its subtree with it', async () => {
    expect(await kept(['--exclude', '*/topom'])).toEqual(
      ['', '.dot', '.dot/x', 'a', 'a/slots', 'a/slots/1', 'a/slots/2', 'b'].sort(),
    )
  })

  test('an excluded subtree is not even read', async () => {
    const { from, to } = await pair('filter')
    await plant(from, { ...tree, 'a/topom/y': { data: 'secret', acl: ['31:digest:nobody:x='] } })
    await from.client.setACL(from.at('a/topom'), [parseAcl('31:digest:nobody:x=')])
    const { code, summary } = await zkferry(['copy', '--exclude', '*/topom', from.location, to.location])
    expect(code).toBe(0)
    expect(summary.znodes.read).toBe(8)
  })

  test('an include brings what matches, and the directories that lead there', async () => {
    expect(await kept(['--include', 'a/slots/**'])).toEqual(['', 'a', 'a/slots', 'a/slots/1', 'a/slots/2'])
  })

  test('an exclude beats an include, and names with a dot are matched too', async () => {
    expect(await kept(['--include', '**', '--exclude', 'a'])).toEqual(
      ['', '.dot', '.dot/x', 'b', 'b/topom'].sort(),
    )
    expect(await kept(['--include', '*/x'])).toEqual(['', '.dot', '.dot/x'].sort())
  })
})

test('--rate and --byte-rate slow a copy down and change nothing else', async () => {
  const { from, to } = await pair('rate')
  const leaves = Object.fromEntries(Array.from({ length: 300 }, (_, at) => [`z${at}`, 'x'.repeat(10)]))
  await plant(from, { '': null, ...leaves })
  const args = ['copy', '--rate', '500', '--byte-rate', '100KB', '--no-verify', from.location, to.location]
  const { code, summary, stderr } = await zkferry(args)
  expect(code, stderr).toBe(0)
  expect(summary.znodes.created).toBe(301)
  expect(contents(await readTree(to))).toEqual(contents(await readTree(from)))
  // 300 znodes in two groups, at 500 a second: the second group starts 256/500 s after the first. It cannot be faster.
  expect((summary as unknown as { seconds: number }).seconds).toBeGreaterThan(0.5)
})

describe('a copy that is killed, and goes on', () => {
  const halfway = /"type":"progress","phase":"copy","znodes":[3-9]\d\d/
  const killed = (args: string[]) =>
    zkferryUntil([...args, '--concurrency', '1', '--rate', '400'], halfway, 'SIGKILL')

  /** Unverified, with something extra in what it is done with when it is killed. */
  async function goesOn(from: Place, to: Place, first: readonly string[], then: readonly string[]) {
    await plantMany(from, 20, 50)
    const args = ['copy', '--no-verify', '--journal', freshJournal(), from.location, to.location]
    expect((await zkferry(args)).code).toBe(0)
    await from.client.delete(from.at('d00000/z000000'))
    await from.client.setData(from.at('d00019/z000007'), Buffer.from('v2'))
    expect((await killed([...args, ...first])).code).toBeNull()
    return zkferry([...args, ...then])
  }

  test.each([[], ['--no-verify']])('with --no-acl: what is extra is deleted, %j', async (...flags) => {
    const { from, to } = await pair('delete')
    await plantMany(from, 20, 50)
    await plant(to, { '': null, old: null, 'old/x': 'extra', d00001: 'directory 1', 'd00001/extra': 'x' })
    const args = ['copy', '--merge', '--no-acl', '--delete', '--yes', ...flags, '--journal', freshJournal()]
    expect((await killed([...args, from.location, to.location])).code).toBeNull()
    const { code, stderr, summary } = await zkferry([...args, from.location, to.location])
    expect(code, stderr).toBe(0)
    expect(summary.znodes.deleted).toBe(3)
    expect(contents(await readTree(to))).toEqual(contents(await readTree(from)))
  })

  test.each([
    ['what it had seen to be extra before is no clean end', [], [], 1],
    ['without --delete in the end: what it left is no clean end', ['--delete', '--yes'], [], 1],
    ['with --delete in the end: what it deleted is nothing that stays', [], ['--delete', '--yes'], 0],
  ] as const)('unverified, %s', async (_, first, then, expected) => {
    const { from, to } = await pair('delete')
    const { code, stderr, summary } = await goesOn(from, to, first, then)
    expect(code, stderr).toBe(expected)
    if (expected === 1) expect(summary.message).toBe('1 znode on the target is not as on the source.')
    expect((await zkferry(['verify', '--rounds', '0', from.location, to.location])).code).toBe(expected)
  })

  test('unverified: what it deletes at the end is nothing that stays', async () => {
    const { from, to } = await pair('delete')
    await plantMany(from, 20, 50)
    const args = ['copy', '--no-verify', '--delete', '--yes', '--journal', freshJournal()]
    const places = [from.location, to.location]
    expect((await zkferry([...args, ...places])).code).toBe(0)
    for (let at = 10; at < 50; at++) await from.client.delete(from.at(`d00015/z0000${at}`))
    await from.client.setData(from.at('d00000/z000000'), Buffer.from('v2'))
    expect((await killed([...args, ...places])).code).toBeNull()
    const { code, stderr, summary } = await zkferry([...args, ...places])
    expect(code, stderr).toBe(0)
    expect(summary.znodes.deleted).toBe(40)
  })
})
