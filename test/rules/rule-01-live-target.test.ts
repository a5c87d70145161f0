/** Rule 1 of the design: a finished copy run again must not roll back a live target. */
import { beforeEach, describe, expect, test } from 'vitest'
import { type Place, pair, parseAcl, plant, plantMany } from '../helpers/places.ts'
import { readTree, zxids } from '../helpers/read-tree.ts'
import { freshJournal, type Outcome, SOME_DONE, zkferry, zkferryUntil } from '../helpers/zkferry.ts'

describe('rule 1: a finished copy run again must not roll back a live target', () => {
  let from: Place
  let to: Place
  const copy = (...args: string[]) => zkferry(['copy', ...args, from.location, to.location])

  beforeEach(async () => {
    ;({ from, to } = await pair('live'))
    await plant(from, { '': null, a: 'one', 'a/b': 'two', c: 'three', 'c/d': 'four' })
    expect((await copy()).code).toBe(0)
  })

  async function refusesTwice(path: string): Promise<void> {
    const before = zxids(await readTree(to))
    const names = (outcome: Outcome) => JSON.stringify(outcome.of('note')) + outcome.summary.message
    for (const flags of [['--dry-run'], [], []]) {
      const outcome = await copy(...flags)
      expect(outcome.code, outcome.stderr).toBe(7)
      expect(outcome.summary).toMatchObject({
        status: 'refused',
        znodes: { created: 0, updated: 0, deleted: 0 },
      })
      expect(names(outcome)).toContain(path)
      expect(outcome.summary.message).toContain('--overwrite-newer')
      expect(zxids(await readTree(to))).toEqual(before)
    }
  }

  test('data that someone set on the target', async () => {
    await to.client.setData(to.at('a/b'), Buffer.from('live'))
    await refusesTwice('a/b')
    const { code, summary } = await copy('--overwrite-newer')
    expect(code).toBe(0)
    expect(summary.znodes.updated).toBe(1)
    expect((await to.client.getData(to.at('a/b'))).data?.toString()).toBe('two')
  })

  test('twenty of what was changed are named, and how many more there are', async () => {
    const paths = Array.from({ length: 22 }, (_, at) => `many-${at}`)
    await plant(from, Object.fromEntries(paths.map((path) => [path, 'then'])))
    expect((await copy()).code).toBe(0)
    for (const path of paths) await to.client.setData(to.at(path), Buffer.from('live'))
    const { code, of } = await copy()
    expect(code).toBe(7)
    const notes = of('note').map(({ message }) => message)
    expect(notes).toHaveLength(21)
    expect(notes.at(-1)).toBe('and 2 more changed on the target since the last run')
  })

  test('a znode that someone deleted there', async () => {
    await to.client.delete(to.at('c/d'))
    await refusesTwice('c')
  })

  test('a znode that someone made there and the source has too, otherwise', async () => {
    await to.client.create(to.at('later'), Buffer.from('live'))
    await from.client.create(from.at('later'), Buffer.from('old'))
    await refusesTwice('later')
  })

  test('an ACL that someone set there, which leaves no zxid', async () => {
    await to.client.setACL(to.at('a/b'), [parseAcl('31:ip:127.0.0.1')])
    await refusesTwice('a')
  })

  test('the root’s own ACL', async () => {
    await to.client.setACL(to.root, [parseAcl('31:ip:127.0.0.1')])
    await refusesTwice('root')
  })

  test('a source that moved on is no reason to refuse, when nobody works on the target', async () => {
    await from.client.setData(from.at('a'), Buffer.from('moved on'))
    const { code, stderr } = await copy()
    expect(code, stderr).toBe(0)
    expect((await to.client.getData(to.at('a'))).data?.toString()).toBe('moved on')
  })

  test.each([
    [[], ['--no-acl']],
    [['--no-acl'], []],
  ])('nor is another look at ACLs: %j, then %j', async (before, after) => {
    if (before.length > 0) expect((await copy('--restart', ...before)).code).toBe(0)
    await from.client.setData(from.at('a'), Buffer.from('moved on'))
    const { code, stderr } = await copy('--restart', ...after)
    expect(code, stderr).toBe(0)
    expect((await to.client.getData(to.at('a'))).data?.toString()).toBe('moved on')
  })

  test('changes of the target that left it equal are no reason either', async () => {
    await to.client.setData(to.at('a/b'), Buffer.from('two'))
    expect((await copy()).code).toBe(0)
  })

  test('the second look, broken off, does not turn into a resumed copy', async () => {
    await plantMany({ client: from.client, root: from.at('many') }, 60, 100)
    expect((await copy()).code).toBe(0)
    await to.client.setData(to.at('a/b'), Buffer.from('live'))
    const before = zxids(await readTree(to))
    const args = ['copy', '--rate', '500', from.location, to.location]
    const stopped = await zkferryUntil(args, SOME_DONE, 'SIGINT')
    expect(stopped.code, stopped.stderr).toBe(130)
    const { code, stderr } = await copy()
    expect(code, stderr).toBe(7)
    expect(zxids(await readTree(to))).toEqual(before)
  })
})

test('rule 1: a second copy that is broken off looks again before it goes on', async () => {
  const { from, to } = await pair('live')
  await plantMany(from, 20, 50)
  const args = ['copy', '--journal', freshJournal(), from.location, to.location]
  expect((await zkferry(args)).code).toBe(0)
  const names = Array.from({ length: 50 }, (_, at) => `z${String(at).padStart(6, '0')}`)
  for (const dir of ['d00000', 'd00019']) {
    await Promise.all(names.map((name) => from.client.setData(from.at(`${dir}/${name}`), Buffer.from('v2'))))
  }
  const copying = /"type":"progress","phase":"copy","znodes":[1-9]/
  const stopped = await zkferryUntil([...args, '--concurrency', '1', '--rate', '400'], copying, 'SIGKILL')
  expect(stopped.code).toBeNull()
  await to.client.setData(to.at('d00019/z000007'), Buffer.from('live'))
  const refused = await zkferry(args)
  expect(refused.code, refused.stderr).toBe(7)
  expect((await to.client.getData(to.at('d00019/z000007'))).data?.toString()).toBe('live')
  const forced = await zkferry([...args, '--overwrite-newer'])
  expect(forced.code, forced.stderr).toBe(0)
  expect((await to.client.getData(to.at('d00019/z000007'))).data?.toString()).toBe('v2')
})

test('rule 1: a first copy that had nothing to write is no reason to refuse the second', async () => {
  const { from, to } = await pair('live')
  await plant(from, { '': null, a: 'x' })
  await plant(to, { '': null, a: 'x' })
  expect((await zkferry(['copy', '--merge', from.location, to.location])).summary.bytes.written).toBe(0)
  await from.client.setData(from.at('a'), Buffer.from('moved on'))
  const { code, stderr } = await zkferry(['copy', '--merge', from.location, to.location])
  expect(code, stderr).toBe(0)
})

describe('rule 1: what a filtered run left out', () => {
  let from: Place
  let to: Place
  const copy = (...args: string[]) => zkferry(['copy', ...args, from.location, to.location])
  const dataOf = async (path: string) => (await to.client.getData(to.at(path))).data?.toString()

  beforeEach(async () => {
    ;({ from, to } = await pair('live'))
    await plant(from, { '': null, a: '1', b: null, 'b/c': '1' })
  })

  test('is as the last run left it that looked at it', async () => {
    expect((await copy()).code).toBe(0)
    await to.client.setData(to.at('b/c'), Buffer.from('live'))
    await from.client.setData(from.at('a'), Buffer.from('2'))
    expect((await copy('--restart', '--exclude', 'b')).code).toBe(0)
    for (const _ of ['again', 'and once more']) {
      const refused = await copy('--restart')
      expect(refused.code, refused.stderr).toBe(7)
      expect(JSON.stringify(refused.of('note'))).toContain('b/c')
      expect(JSON.stringify(refused.of('note'))).not.toContain('since the last run: a')
      expect(await dataOf('b/c')).toBe('live')
    }
    expect((await copy('--restart', '--overwrite-newer')).code).toBe(0)
    expect(await dataOf('b/c')).toBe('1')
  })

  test('is no reason to refuse when nobody works there: the filtered run’s own writes are ours', async () => {
    expect((await copy()).code).toBe(0)
    await from.client.setData(from.at('a'), Buffer.from('2'))
    await from.client.create(from.at('d'), null)
    expect((await copy('--restart', '--exclude', 'b')).code).toBe(0)
    await from.client.setData(from.at('b/c'), Buffer.from('2'))
    await from.client.setData(from.at('a'), Buffer.from('3'))
    const { code, stderr } = await copy('--restart')
    expect(code, stderr).toBe(0)
    expect([await dataOf('a'), await dataOf('b/c')]).toEqual(['3', '2'])
    await from.client.setData(from.at('a'), Buffer.from('4'))
    expect((await copy()).code).toBe(0)
  })

  test('is a stranger’s where no run ever looked at it: exit 7 unless --merge', async () => {
    await plant(to, { '': null, b: null, 'b/c': 'foreign' })
    expect((await copy('--merge', '--include', 'a')).code).toBe(0)
    const refused = await copy('--restart')
    expect(refused.code, refused.stderr).toBe(7)
    expect(refused.summary.message).toContain('--merge')
    expect(await dataOf('b/c')).toBe('foreign')
    const { code, stderr } = await copy('--restart', '--merge')
    expect(code, stderr).toBe(0)
    expect(await dataOf('b/c')).toBe('1')
  })

  test('and what it looked at stays protected in a wider run', async () => {
    await plant(to, { '': null })
    expect((await copy('--merge', '--include', 'a')).code).toBe(0)
    await to.client.setData(to.at('a'), Buffer.from('live'))
    const refused = await copy('--restart', '--merge')
    expect(refused.code, refused.stderr).toBe(7)
    expect(await dataOf('a')).toBe('live')
  })
})

describe('rule 1: a second copy that was broken off', () => {
  const copying = /"type":"progress","phase":"copy","znodes":[1-9]/
  const killed = (args: string[]) =>
    zkferryUntil([...args, '--concurrency', '1', '--rate', '400'], copying, 'SIGKILL')

  test('what was deleted or locked on the target since is seen, on record or not', async () => {
    const { from, to } = await pair('live')
    await plantMany(from, 20, 50)
    for (const dir of ['a-deleted', 'a-locked', 'z-deleted', 'z-locked'])
      await plant(from, { [dir]: null, [`${dir}/e`]: '1', [`${dir}/f`]: '2' })
    const args = ['copy', '--journal', freshJournal(), from.location, to.location]
    expect((await zkferry(args)).code).toBe(0)
    await from.client.setData(from.at('d00000/z000000'), Buffer.from('v2'))
    await from.client.setData(from.at('d00019/z000000'), Buffer.from('v2'))
    expect((await killed(args)).code).toBeNull()
    for (const dir of ['a-deleted', 'z-deleted']) await to.client.delete(to.at(`${dir}/e`))
    for (const dir of ['a-locked', 'z-locked'])
      await to.client.setACL(to.at(`${dir}/f`), [parseAcl('31:ip:127.0.0.1')])
    for (const flags of [['--dry-run'], []]) {
      const refused = await zkferry([...args, ...flags])
      expect(refused.code, refused.stderr).toBe(7)
      const named = refused.of('note').map(({ message }) => String(message).replace(/.*: /, ''))
      expect(named.sort()).toEqual(['a-deleted', 'a-locked', 'z-deleted', 'z-locked'])
    }
    expect(await to.client.exists(to.at('a-deleted/e'))).toBeNull()
    const forced = await zkferry([...args, '--overwrite-newer'])
    expect(forced.code, forced.stderr).toBe(0)
    expect(await to.client.exists(to.at('a-deleted/e'))).not.toBeNull()
  })

  test('its own writes are nobody else’s, whatever they were', async () => {
    const { from, to } = await pair('live')
    await plantMany(from, 20, 50)
    const args = ['copy', '--journal', freshJournal(), '--delete', '--yes', from.location, to.location]
    expect((await zkferry(args)).code).toBe(0)
    for (let d = 0; d < 20; d++) {
      const dir = from.at(`d${String(d).padStart(5, '0')}`)
      await from.client.delete(`${dir}/z000000`)
      for (let at = 1; at < 20; at++) {
        const path = `${dir}/z${String(at).padStart(6, '0')}`
        await (at < 10
          ? from.client.setACL(path, [parseAcl('31:ip:127.0.0.1')])
          : from.client.setData(path, Buffer.from('v2')))
      }
      await from.client.create(`${dir}/new`, null)
      await from.client.create(`${dir}/y`, null)
    }
    expect((await killed(args)).code).toBeNull()
    for (const flags of [['--dry-run'], []]) {
      const { code, stderr } = await zkferry([...args, ...flags])
      expect(code, stderr).toBe(0)
    }
    expect(await to.client.exists(to.at('d00007/z000000'))).toBeNull()
  })
})

test('rule 1: a deletion below what only leads to the copied znodes', async () => {
  const { from, to } = await pair('live')
  await plant(from, { '': null, u: null, 'u/v': null, 'u/v/x': '1', 'u/v/y': '2', w: '3' })
  const args = ['copy', '--include', 'u/v/*', from.location, to.location]
  expect((await zkferry(args)).code).toBe(0)
  // What others make there is not ours, and what the source gets is new.
  await to.client.create(to.at('u/other'), null)
  await from.client.create(from.at('u/v/z'), Buffer.from('4'))
  const again = await zkferry(args)
  expect(again.code, again.stderr).toBe(0)
  await to.client.delete(to.at('u/v/x'))
  const refused = await zkferry(args)
  expect(refused.code, refused.stderr).toBe(7)
  expect(await to.client.exists(to.at('u/v/x'))).toBeNull()
})
