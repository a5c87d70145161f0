/** rmr: what it refuses, what it removes, and what happens when others are at work in the subtree. */
import { describe, expect, test } from 'vitest'
import { recordedTree } from '../../fixtures/recorded.ts'
import { load, type Place, parseAcl, place, plant, plantMany } from '../helpers/places.ts'
import { readTree, zxids } from '../helpers/read-tree.ts'
import { DELETING, type Outcome, zkferry, zkferryUntil } from '../helpers/zkferry.ts'

describe.each(['3.4.14', '3.9.5'] as const)('on %s', (version) => {
  test('a recorded tree goes, children first, and what is beside it stays', async () => {
    const where = await place(version, 'rmr')
    await plant(where, { '': null, beside: 'x' })
    const records = recordedTree('codis3')
    await load({ ...where, root: where.at('codis3') } as Place, records)
    const { code, summary, stderr } = await zkferry(['rmr', '--yes', `${where.location}/codis3`])
    expect(code, stderr).toBe(0)
    expect(summary).toMatchObject({ status: 'done', znodes: { deleted: records.length, failed: 0 } })
    expect([...(await readTree(where)).keys()].sort()).toEqual(['', 'beside'])
  })

  test('2,000 children and 64 levels go, too', async () => {
    const where = await place(version, 'rmr')
    await plantMany(where, 1, 2000)
    const levels = Array.from({ length: 64 }, (_, at) =>
      Array(at + 1)
        .fill('level')
        .join('/'),
    )
    await plant(where, Object.fromEntries(levels.map((path) => [path, null])))
    const { code, summary, stderr } = await zkferry(['rmr', '--yes', where.location])
    expect(code, stderr).toBe(0)
    expect(summary.znodes.deleted).toBe(2066)
    expect((await readTree(where)).size).toBe(0)
  })
})

describe('what is refused, and then nothing is deleted', () => {
  async function refused(where: Place, args: string[], code: number): Promise<Outcome> {
    const before = zxids(await readTree(where))
    const outcome = await zkferry(['rmr', ...args, where.location])
    expect(outcome.code, outcome.stderr).toBe(code)
    expect(outcome.summary.znodes.deleted).toBe(0)
    expect(zxids(await readTree(where))).toEqual(before)
    return outcome
  }

  test('without a terminal and without --yes', async () => {
    const where = await place('3.9.5', 'rmr')
    await plant(where, { '': null, a: 'x' })
    expect((await refused(where, [], 2)).summary.message).toContain('--yes')
  })

  test('more than --max-delete', async () => {
    const where = await place('3.9.5', 'rmr')
    await plant(where, { '': null, a: 'x', 'a/b': 'y' })
    expect((await refused(where, ['--yes', '--max-delete', '2'], 7)).summary.message).toMatch(
      /3 .*--max-delete 2/,
    )
    expect((await zkferry(['rmr', '--yes', '--max-delete', '3', where.location])).code).toBe(0)
  })

  test('a subtree that somebody lives in, unless --with-ephemerals', async () => {
    const where = await place('3.9.5', 'rmr')
    await plant(where, { '': null, a: null, 'a/alive': { ephemeral: true } })
    expect((await refused(where, ['--yes'], 7)).summary.message).toContain('a/alive')
    const { code, summary } = await zkferry(['rmr', '--yes', '--with-ephemerals', where.location])
    expect(code).toBe(0)
    expect(summary.znodes.deleted).toBe(3)
  })

  test('a root that is an ephemeral itself', async () => {
    const where = await place('3.9.5', 'rmr')
    await plant(where, { '': { ephemeral: true } })
    expect((await refused(where, ['--yes'], 7)).summary.message).toContain('such as (the root): somebody')
  })

  test('a subtree of which something cannot be read', async () => {
    const where = await place('3.9.5', 'rmr')
    await plant(where, { '': null, a: 'x', shut: null, 'shut/below': null })
    await where.client.setACL(where.at('shut'), [parseAcl('31:digest:nobody:x=')])
    const { code, summary, of } = await zkferry(['rmr', '--yes', where.location])
    expect(code).toBe(3)
    expect(summary).toMatchObject({ status: 'incomplete', znodes: { deleted: 0 } })
    expect(of('failed')).toContainEqual(expect.objectContaining({ path: 'shut', code: 'NOAUTH' }))
    expect(await where.client.exists(where.at('a'))).not.toBeNull()
  })

  test.each(['/', '/zookeeper', '/zookeeper/quota'])('%s, always', async (path) => {
    const { address, client } = await place('3.9.5', 'rmr')
    const { code } = await zkferry(['rmr', '--yes', '--with-ephemerals', `${address}${path}`])
    expect([2, 7]).toContain(code)
    expect(await client.exists('/zookeeper/quota')).not.toBeNull()
  })

  test('a root that does not exist: exit 2', async () => {
    const where = await place('3.9.5', 'rmr')
    const outcome = await zkferry(['rmr', '--yes', where.location])
    expect(outcome.code).toBe(2)
    expect(outcome.summary.message).toMatch(/does not exist; the nearest that does is \/, with .* in it\.$/)
  })
})

test('--dry-run lists every path with totals, and removes nothing', async () => {
  const where = await place('3.9.5', 'rmr')
  await plant(where, { '': 'root', a: 'x', 'a/b': 'yy' })
  const before = zxids(await readTree(where))
  const { code, of } = await zkferry(['rmr', '--dry-run', where.location])
  expect(code).toBe(0)
  expect(
    of('plan')
      .map(({ path, action, bytes }) => `${action} ${path} ${bytes}`)
      .sort(),
  ).toEqual(['delete  4', 'delete a 1', 'delete a/b 2'])
  expect(zxids(await readTree(where))).toEqual(before)
})

test('--keep-root removes what is below, and leaves the root as it is', async () => {
  const where = await place('3.9.5', 'rmr')
  await plant(where, { '': 'root', a: 'x', 'a/b': 'y' })
  const { code, summary } = await zkferry(['rmr', '--yes', '--keep-root', where.location])
  expect(code).toBe(0)
  expect(summary.znodes.deleted).toBe(2)
  expect((await readTree(where)).get('')).toMatchObject({
    data: Buffer.from('root').toString('base64'),
    stat: { version: 0 },
  })
})

test('a znode that may not be deleted is named, the rest goes, exit 3', async () => {
  const where = await place('3.9.5', 'rmr')
  // DELETE is asked of the parent.
  await plant(where, { '': null, a: 'x', guarded: null, 'guarded/kept': 'y', z: null })
  await where.client.setACL(where.at('guarded'), [parseAcl('17:world:anyone')])
  const { code, summary, of } = await zkferry(['rmr', '--yes', where.location])
  expect(code).toBe(3)
  expect(summary.status).toBe('incomplete')
  expect(of('failed')).toContainEqual(expect.objectContaining({ path: 'guarded/kept', code: 'NOAUTH' }))
  expect([...(await readTree(where)).keys()].sort()).toEqual(['', 'guarded', 'guarded/kept'])
})

describe('others at work in the subtree meanwhile', () => {
  /** Removes 2,000 znodes slowly; `act` is called once they begin to go. */
  async function during(where: Place, act: () => void): Promise<Outcome> {
    let acted = false
    return zkferry(['rmr', '--yes', '--progress', '--rate', '1000', where.location], {
      onStart: (child) => {
        child.stdout?.on('data', (text: string) => {
          if (acted || !text.includes('"phase":"delete"')) return
          acted = true
          act()
        })
      },
    })
  }

  test('a child that is made meanwhile goes too; one that is gone already is no failure', async () => {
    const where = await place('3.9.5', 'race')
    await plantMany(where, 1, 2000)
    await plant(where, { 'a-late': null, 'a-gone': null, 'a-gone/below': null })
    const { code, summary, stderr } = await during(where, () => {
      void where.client.create(where.at('a-late/new'), Buffer.from('x'))
      void where.client.create(where.at('a-late/new/er'), null)
      void where.client.delete(where.at('a-gone/below'))
      void where.client.delete(where.at('a-gone'))
    })
    expect(code, stderr).toBe(0)
    expect(summary).toMatchObject({ status: 'done', znodes: { failed: 0 } })
    expect((await readTree(where)).size).toBe(0)
  })

  test('an ephemeral that is made meanwhile stays, with the znodes above it: exit 3', async () => {
    const where = await place('3.9.5', 'race')
    await plantMany(where, 1, 2000)
    await plant(where, { 'a-late': null })
    const { code, summary } = await during(where, () => {
      void plant(where, { 'a-late/session': { ephemeral: true } })
    })
    expect(code).toBe(3)
    expect(summary.status).toBe('incomplete')
    expect([...(await readTree(where)).keys()].sort()).toEqual(['', 'a-late', 'a-late/session'])
  })
})

test('SIGINT: what is left is removed by the same command', async () => {
  const where = await place('3.9.5', 'rmr')
  await plantMany(where, 4, 500)
  const stopped = await zkferryUntil(['rmr', '--yes', '--rate', '1000', where.location], DELETING, 'SIGINT')
  expect(stopped.code).toBe(130)
  expect(stopped.summary.status).toBe('interrupted')
  const left = (await readTree(where)).size
  expect(left).toBe(2005 - stopped.summary.znodes.deleted)
  const { code, summary } = await zkferry(['rmr', '--yes', where.location])
  expect(code).toBe(0)
  expect(summary.znodes.deleted).toBe(left)
})
