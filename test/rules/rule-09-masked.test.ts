/** Rule 9: ACLs that the server shows masked. */
import { mkdtempSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { type Place, place, plant } from '../helpers/places.ts'
import { readTree } from '../helpers/read-tree.ts'
import { zkferry } from '../helpers/zkferry.ts'

/** READ for everyone, ADMIN for another: the server answers getACL with `alice:x`. */
const acl = ['31:digest:alice:QLmHrPtjxOWvOUHVAGIYx1rmkmM=', '1:world:anyone']

test('rule 9: a masked ACL is never written: the znode is named, with who would see it, exit 3', async () => {
  const [from, to] = [await place('3.9.5', 'masked'), await place('3.4.14', 'masked')]
  await plant(from, { '': null, ok: 'x', masked: { data: 'y', acl } })
  const { code, summary, of } = await zkferry(['copy', from.location, to.location])
  expect(code).toBe(3)
  expect(summary).toMatchObject({ status: 'incomplete', digest: { source: null, target: null } })
  const failed = of('failed').find(({ path }) => path === 'masked')
  expect(failed).toMatchObject({ side: 'source', code: 'MASKED' })
  expect(failed?.message).toMatch(/ADMIN|super/)
  expect([...(await readTree(to)).keys()].sort()).toEqual(['', 'ok'])
})

test('rule 9: two masked ACLs never compare as equal: verify marks them with !, exit 3', async () => {
  const both: Place[] = [await place('3.9.5', 'masked'), await place('3.9.5', 'masked')]
  for (const where of both) await plant(where, { '': null, masked: { data: 'y', acl } })
  const marks = join(mkdtempSync(join(tmpdir(), 'zkferry-marks-')), 'marks')
  const locations = both.map(({ location }) => location)
  const { code, summary } = await zkferry(['verify', '--rounds', '0', '--combined', marks, ...locations])
  expect(code).toBe(3)
  expect(summary).toMatchObject({ status: 'incomplete', digest: { source: null, target: null } })
  expect(readFileSync(marks, 'utf8')).toContain('! masked\n')
  expect((await zkferry(['digest', locations[0] as string])).code).toBe(3)
  const ignored = await zkferry(['verify', '--ignore', 'acl', ...locations])
  expect(ignored.summary.status).toBe('identical')
})
