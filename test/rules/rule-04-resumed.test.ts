/** Rule 4: a resumed copy of a source that changed. */
import { expect, test } from 'vitest'
import { pair, plantMany } from '../helpers/places.ts'
import { contents, readTree } from '../helpers/read-tree.ts'
import { freshJournal, SOME_DONE, zkferry, zkferryUntil } from '../helpers/zkferry.ts'

test.each([
  ['with verification, what changed behind the copy is found and copied', [], 0],
  ['without it, there is no digest to trust', ['--no-verify'], 0],
] as const)('rule 4: a resumed copy of a source that changed: %s', async (_, options, exit) => {
  const { from, to } = await pair('moved')
  await plantMany(from, 30, 50)
  const args = ['copy', ...options, '--settle', '0s', '--journal', freshJournal(), from.location, to.location]
  const stopped = await zkferryUntil([...args, '--concurrency', '1', '--rate', '400'], SOME_DONE, 'SIGKILL')
  expect(stopped.code).toBeNull()
  // The first directory was done: a resumed run does not read it again by itself.
  expect((await to.client.exists(to.at('d00000')))?.numChildren).toBe(50)
  await from.client.setData(from.at('d00000/z000003'), Buffer.from('changed'))
  await from.client.create(from.at('d00000/new'), Buffer.from('new'))
  await from.client.delete(from.at('d00000/z000004'))

  const { code, summary, of, stderr, differences } = await zkferry(args)
  expect(of('run')[0]).toMatchObject({ resumed: true })
  if (options.length > 0) {
    expect(code, stderr).toBe(exit)
    expect(summary.digest).toEqual({ source: null, target: null })
    return
  }
  // What the source deleted meanwhile is deleted on the target only by --delete, and named until then.
  expect(differences()).toEqual(['d00000/z000004: missing-in-source'])
  expect(code).toBe(1)
  expect((await to.client.getData(to.at('d00000/z000003'))).data?.toString()).toBe('changed')
  await to.client.delete(to.at('d00000/z000004'))
  expect(contents(await readTree(to))).toEqual(contents(await readTree(from)))
})
