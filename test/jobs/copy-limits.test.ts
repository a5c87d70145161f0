/** Sizes at the limits: large data, wide and deep trees, long paths. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { connect, Place, pair, place, plant, plantMany } from '../helpers/places.ts'
import { contents, readTree } from '../helpers/read-tree.ts'
import { zkferry } from '../helpers/zkferry.ts'
import { type Server, startServer } from '../servers/index.ts'

test('data of 900 KB and of 1,048,000 bytes arrive, many of them too', async () => {
  const { from, to } = await pair('large')
  await plant(from, {
    '': null,
    small: 'x',
    large: Buffer.alloc(900_000, 'l'),
    most: Buffer.alloc(1_048_000, 'm'),
  })
  for (let at = 0; at < 12; at++) await plant(from, { [`some${at}`]: Buffer.alloc(300_000, at) })
  const { code, stderr, summary } = await zkferry(['copy', from.location, to.location])
  expect(code, stderr).toBe(0)
  expect(contents(await readTree(to))).toEqual(contents(await readTree(from)))
  expect(summary.reconnects).toBe(0)
  const update = Buffer.alloc(1_048_000, 'n')
  await from.client.setData(from.at('most'), update)
  expect((await zkferry(['copy', from.location, to.location])).summary.znodes).toMatchObject({
    updated: 1,
    created: 0,
  })
  expect((await to.client.getData(to.at('most'))).data?.equals(update)).toBe(true)
})

describe('a znode that is too large for the target', () => {
  let source: Server
  let from: Place
  beforeAll(async () => {
    source = await startServer({ version: '3.9.5', jvm: ['-Djute.maxbuffer=8000000'] })
    from = new Place(await connect(source.connectString), source.connectString, '/huge')
    await plant(from, { '': null, a: 'x', huge: Buffer.alloc(2_000_000, 'h'), 'huge/below': 'y', z: 'last' })
  })
  afterAll(() => source.stop())

  test('is named with its size and the setting, its children count as failed, the rest is copied: exit 3', async () => {
    const to = await place('3.9.5', 'huge')
    const { code, summary, of } = await zkferry(['copy', from.location, to.location])
    expect(code).toBe(3)
    expect(summary.status).toBe('incomplete')
    const failed = of('failed') as { path: string; side: string; message: string }[]
    const huge = failed.find(({ path }) => path === 'huge')
    expect(huge).toMatchObject({ side: 'target' })
    expect(huge?.message).toContain('2000000')
    expect(huge?.message).toContain('jute.maxbuffer')
    expect(failed.some(({ path }) => path === 'huge/below')).toBe(true)
    expect([...(await readTree(to)).keys()].sort()).toEqual(['', 'a', 'z'])
    expect(summary.digest.source === summary.digest.target && summary.digest.source !== null).toBe(false)
  })
})

test('a directory of 20,000 children, and one of 64 levels', async () => {
  const { from, to } = await pair('wide')
  await plantMany(from, 1, 20_000, 50)
  const levels = Array.from({ length: 64 }, (_, at) =>
    Array(at + 1)
      .fill('level')
      .join('/'),
  )
  await plant(from, Object.fromEntries(levels.map((path, at) => [path, `depth ${at}`])))
  const { code, stderr, summary } = await zkferry(['copy', from.location, to.location])
  expect(code, stderr).toBe(0)
  expect(summary.znodes).toMatchObject({ read: 20_066, created: 20_066 })
  expect(contents(await readTree(to))).toEqual(contents(await readTree(from)))
})

test('paths of 4 KB, of ASCII and of Chinese names', async () => {
  const { from, to } = await pair('long')
  const names = (name: string) =>
    Array.from({ length: 8 }, (_, at) =>
      Array(at + 1)
        .fill(name)
        .join('/'),
    )
  const paths = [...names('n'.repeat(511)), ...names('中'.repeat(170))]
  expect(Math.max(...paths.map((path) => Buffer.byteLength(path)))).toBeGreaterThan(4_000)
  await plant(from, { '': null, ...Object.fromEntries(paths.map((path, at) => [path, String(at)])) })
  const { code, stderr } = await zkferry(['copy', from.location, to.location])
  expect(code, stderr).toBe(0)
  expect(contents(await readTree(to))).toEqual(contents(await readTree(from)))
})
