/** Children that come or go while what differed is looked at again. */
import { describe, expect, test } from 'vitest'
import { OPEN_ACL } from '../../src/zookeeper/index.ts'
import { type Place, pair, plant, plantMany } from '../helpers/places.ts'
import { contents, readTree } from '../helpers/read-tree.ts'
import { freshJournal, meanwhile, zkferry } from '../helpers/zkferry.ts'

const SETTLING = /"phase":"settle"/
/** Long enough for a few requests. */
const SLOWLY = ['--settle', '4s']

/** A znode and its child, at once. */
async function makeBoth(where: Place, path: string): Promise<void> {
  const data = Buffer.from('new')
  await where.client.multi(
    [path, `${path}/child`].map((below) => ({ op: 'create', path: where.at(below), data, acl: OPEN_ACL })),
  )
}

describe('verify', () => {
  test('a directory that came to the target with a child is not taken for equal', async () => {
    const { from, to } = await pair('came')
    await plant(from, { '': null, a: 'x', d: 'new' })
    await plant(to, { '': null, a: 'x' })
    const args = ['verify', ...SLOWLY, from.location, to.location]
    const found = await meanwhile([...args, '--ignore', 'sequence'], SETTLING, () => makeBoth(to, 'd'))
    expect(found.code, found.stderr).toBe(1)
    expect(found.differences()).toEqual(['d/child: missing-in-source'])
    expect(found.summary.digest.source).not.toBe(found.summary.digest.target)
  })

  test('with one round only, what changed below is a difference all the same', async () => {
    const { from, to } = await pair('came')
    await plant(from, { '': null, d: 'new' })
    await plant(to, { '': null })
    const args = ['verify', '--rounds', '1', ...SLOWLY, '--ignore', 'sequence', from.location, to.location]
    const { code, differences } = await meanwhile(args, SETTLING, () => makeBoth(to, 'd'))
    expect(code).toBe(1)
    expect(differences()).toHaveLength(1)
  })
})

test('a copy finds the children that came to a znode while it was settling', async () => {
  const { from, to } = await pair('kids')
  await plant(from, { '': null, p: '0' })
  await plantMany({ client: from.client, root: from.at('more') }, 3, 100)
  let moving = true
  const mover = (async () => {
    for (let at = 0; moving; at++) await from.client.setData(from.at('p'), Buffer.from(String(at)))
  })()
  const args = ['copy', '--no-sequence', '--journal', freshJournal(), ...SLOWLY, from.location, to.location]
  const { code, summary, stderr } = await meanwhile(args, SETTLING, async () => {
    moving = false
    await mover
    await plant(from, { 'p/a': 'precious', 'p/b': 'precious' })
  })
  expect(code, stderr).toBe(0)
  expect(summary.consistency).toBe('converged')
  expect(contents(await readTree(to))).toEqual(contents(await readTree(from)))
  expect((await zkferry(['verify', '--ignore', 'sequence', from.location, to.location])).code).toBe(0)
})
