/** Rule 2: the same ensemble under two names. */
import { expect, test } from 'vitest'
import { place, plant } from '../helpers/places.ts'
import { readTree, zxids } from '../helpers/read-tree.ts'
import { zkferry } from '../helpers/zkferry.ts'

test('rule 2: the same ensemble under two names is found, and one root inside the other is refused', async () => {
  const here = await place('3.9.5', 'names')
  await plant(here, { '': null, a: 'x', 'a/b': 'y' })
  const elsewhere = (path: string) => `${here.address.replace('127.0.0.1', 'localhost')}${here.root}${path}`
  const before = zxids(await readTree(here))
  for (const [source, target] of [
    [here.location, elsewhere('')],
    [here.location, elsewhere('/a/inside')],
    [elsewhere('/a'), here.location],
  ] as const) {
    const { code, summary, stderr } = await zkferry(['copy', '--merge', source, target])
    expect(code, stderr).toBe(2)
    expect(summary.message).toMatch(/same place|inside/)
  }
  expect(zxids(await readTree(here))).toEqual(before)
})

test('rule 2: two roots beside each other on one ensemble are a copy like any other', async () => {
  const [from, to] = [await place('3.9.5', 'beside'), await place('3.9.5', 'beside')]
  await plant(from, { '': null, a: 'x' })
  const target = to.location.replace('127.0.0.1', 'localhost')
  const { code, stderr } = await zkferry(['copy', from.location, target])
  expect(code, stderr).toBe(0)
  expect((await readTree(to)).size).toBe(2)
})

test('rule 2: two ensembles with the same paths and the same zxids are two', async () => {
  const [from, to] = [await place('3.4.14', 'two'), await place('3.9.5', 'two')]
  await plant(from, { '': null, a: 'x' })
  const { code, stderr } = await zkferry(['copy', from.location, `${to.address}${from.root}`])
  expect(code, stderr).toBe(0)
})
