/** `--expect-quiet`: a source that changes while it is watched is not copied, and what changed is named. */
import { expect, test } from 'vitest'
import { pair, plant } from '../helpers/places.ts'
import { zkferry } from '../helpers/zkferry.ts'

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
