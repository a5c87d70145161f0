/** Rule 7: order inside a directory, and of an update. */
import { expect, test } from 'vitest'
import { type Place, pair, plant } from '../helpers/places.ts'
import { readTree } from '../helpers/read-tree.ts'
import { zkferry } from '../helpers/zkferry.ts'

const SHUT = '31:ip:127.0.0.1'

/** The ACL that stands when the new data are first seen, as a watcher sees it. */
async function aclAtChange(to: Place, path: string): Promise<string> {
  const changed = new Promise<void>((resolve) => {
    const hear = (event: { path: string }) => {
      if (event.path !== to.at(path)) return
      to.client.off('watch', hear)
      resolve()
    }
    to.client.on('watch', hear)
  })
  await to.client.getData(to.at(path), { watch: true })
  return changed.then(async () => {
    const { acl } = await to.client.getACL(to.at(path))
    return acl.map(({ perms, scheme, id }) => `${perms}:${scheme}:${id}`).join(' ')
  })
}

test('rule 7: an update sets the ACL before the data, so that new data never stand under the old ACL', async () => {
  const { from, to } = await pair('order')
  const names = Array.from({ length: 200 }, (_, at) => `z${at}`)
  await plant(from, { '': null })
  await plant(to, { '': null })
  await plant(from, Object.fromEntries(names.map((name) => [name, { data: 'secret', acl: [SHUT] }])))
  await plant(to, Object.fromEntries(names.map((name) => [name, 'public'])))
  to.client.setMaxListeners(300)
  const seen = names.map((name) => aclAtChange(to, name))
  const { code, stderr, summary } = await zkferry(['copy', '--merge', from.location, to.location])
  expect(code, stderr).toBe(0)
  expect(summary.znodes.updated).toBe(200)
  // Until it is proved, an entry of the run's own may stand beside the final ones; the old, open ACL never does.
  for (const acl of await Promise.all(seen)) expect(acl.split(' ')[0]).toBe(SHUT)
  for (const [path, { acl }] of await readTree(to)) if (path !== '') expect(acl).toEqual([SHUT])
})

test('rule 7: where the new ACL is refused, the data are not written either', async () => {
  const { from, to } = await pair('order')
  await plant(from, { '': null, a: { data: 'secret', acl: [SHUT] } })
  await plant(to, { '': null, a: { data: 'public', acl: ['15:world:anyone'] } })
  const { code, of } = await zkferry(['copy', '--merge', '--rounds', '0', from.location, to.location])
  expect(code).toBe(3)
  expect(of('failed')).toContainEqual(expect.objectContaining({ path: 'a', side: 'target', code: 'NOAUTH' }))
  expect((await readTree(to)).get('a')).toMatchObject({
    acl: ['15:world:anyone'],
    stat: { version: 0, aversion: 0 },
  })
})
