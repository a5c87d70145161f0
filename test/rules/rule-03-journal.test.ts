/** Rule 3: what a journal belongs to. */
import { beforeAll, describe, expect, test } from 'vitest'
import { type Place, pair, place, plant } from '../helpers/places.ts'
import { readTree } from '../helpers/read-tree.ts'
import { freshJournal, zkferry } from '../helpers/zkferry.ts'

describe('rule 3: a journal belongs to the roots, the filters and the options that change the outcome', () => {
  let from: Place
  let to: Place
  const journal = freshJournal()
  const copy = (...args: string[]) => zkferry(['copy', '--journal', journal, ...args])

  beforeAll(async () => {
    ;({ from, to } = await pair('journal'))
    await plant(from, { '': null, a: 'x', b: 'y' })
    expect((await copy(from.location, to.location)).code).toBe(0)
  })

  test('host lists may be written differently', async () => {
    const source = from.location.replace('127.0.0.1', 'localhost')
    const target = `zk://${to.address},${to.address}${to.root}`
    const { code, stderr, summary } = await copy(source, target)
    expect(code, stderr).toBe(0)
    expect(summary.znodes).toMatchObject({ created: 0, updated: 0, unchanged: 3 })
  })

  test('and so may options that change nothing of the outcome', async () => {
    expect((await copy('--concurrency', '3', '--no-verify', from.location, to.location)).code).toBe(0)
  })

  test.each([
    ['a filter', ['--exclude', 'a']],
    ['--no-acl', ['--no-acl']],
    ['--keep-existing', ['--merge', '--keep-existing']],
  ])('another job by %s: exit 6', async (_, args) => {
    const { code, summary } = await copy(...args, from.location, to.location)
    expect(code).toBe(6)
    expect(summary.message).toContain('another job')
    expect(summary.message).toContain(journal)
  })

  test('another target root: exit 6, nothing written', async () => {
    const other = await place('3.9.5', 'journal')
    expect((await copy(from.location, other.location)).code).toBe(6)
    expect((await readTree(other)).size).toBe(0)
  })

  test('a source root that was made anew: exit 6', async () => {
    for (const path of ['a', 'b', '']) await from.client.delete(from.at(path))
    await plant(from, { '': null, c: 'z' })
    const { code } = await copy(from.location, to.location)
    expect(code).toBe(6)
    expect(await to.client.exists(to.at('c'))).toBeNull()
  })
})
