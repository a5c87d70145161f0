/** zkcopy's command line, with zkcopy's meaning. */
import { expect, test } from 'vitest'
import { pair, plant } from '../helpers/places.ts'
import { contents, readTree } from '../helpers/read-tree.ts'
import { zkferry } from '../helpers/zkferry.ts'

async function olderTarget() {
  const { from, to } = await pair('zkcopy')
  await plant(from, { '': 'r', a: 'new', 'a/b': null, lock: { ephemeral: true } })
  await plant(to, { '': 'r', a: 'old', extra: 'e', 'extra/below': null })
  return { from, to }
}

test('-c: a merge that deletes nothing', async () => {
  const { from, to } = await olderTarget()
  const args = ['zkcopy', '-s', from.location, '-t', to.location, '-c', '-w', '10', '-b', '1000']
  const { code, summary, skipped, stderr } = await zkferry(args)
  expect(code, stderr).toBe(0)
  expect(summary.znodes).toMatchObject({ created: 1, updated: 1, deleted: 0 })
  expect(skipped()).toEqual(['lock: ephemeral'])
  expect([...(await readTree(to)).keys()].sort()).toEqual(['', 'a', 'a/b', 'extra', 'extra/below'])
})

test('without -c it deletes, and off a terminal only with --yes', async () => {
  const { from, to } = await olderTarget()
  const args = ['zkcopy', `-s=${from.location}`, `-t=${to.location}`]
  expect((await zkferry(args)).code).toBe(2)
  expect((await readTree(to)).has('extra/below')).toBe(true)
  const { code, summary, stderr } = await zkferry([...args, '--yes'])
  expect(code, stderr).toBe(0)
  expect(summary.znodes).toMatchObject({ created: 1, updated: 1, deleted: 2 })
  expect(contents(await readTree(to))).toEqual(contents(await readTree(from)))
})

test('run again while someone works on the target it refuses, as copy does', async () => {
  const { from, to } = await olderTarget()
  const args = ['zkcopy', '-s', from.location, '-t', to.location, '-c']
  expect((await zkferry(args)).code).toBe(0)
  await to.client.setData(to.at('a'), Buffer.from('live'))
  expect((await zkferry(args)).code).toBe(7)
  expect((await to.client.getData(to.at('a'))).data?.toString()).toBe('live')
  const { code, stderr } = await zkferry([...args, '--overwrite-newer'])
  expect(code, stderr).toBe(0)
  expect((await to.client.getData(to.at('a'))).data?.toString()).toBe('new')
})
