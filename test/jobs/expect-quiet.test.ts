/** `--expect-quiet`: a source that changes while it is watched is not copied, and what changed is named. */
import { expect, test } from 'vitest'
import { pair, plant, plantMany } from '../helpers/places.ts'
import { zkferry, zkferryUntil } from '../helpers/zkferry.ts'

test('a source that changes is refused, with a znode that did; one that does not is copied', async () => {
  const { from, to } = await pair('quiet')
  await plant(from, { '': null, a: 'x', 'a/busy': '0', z: 'x' })
  const args = ['copy', from.location, to.location]
  let writing = true
  const writer = (async () => {
    for (let at = 1; writing; at++) await from.client.setData(from.at('a/busy'), Buffer.from(`${at}`))
  })()
  const refused = await zkferry([...args, '--expect-quiet', '100ms'])
  writing = false
  await writer
  expect(refused.code, refused.stderr).toBe(7)
  expect(refused.summary.message).toContain('(--expect-quiet), such as a/busy; nothing was written')
  expect(await to.client.exists(to.root)).toBeNull()
  const { code, stderr } = await zkferry([...args, '--expect-quiet', '100ms'])
  expect(code, stderr).toBe(0)
})

test('an interruption of the last look is no change of the source', async () => {
  const { from, to } = await pair('quiet')
  await plantMany(from, 10, 60)
  const args = ['copy', '--expect-quiet', '100ms', '--rate', '300', from.location, to.location]
  const proved = /"type":"progress","phase":"verify","znodes":6\d\d/
  const stopped = await zkferryUntil(args, proved, 'SIGINT')
  expect(stopped.code, stopped.stderr).toBe(130)
  expect((await zkferry(['verify', from.location, to.location])).code).toBe(0)
})
