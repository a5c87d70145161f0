/** Rule 9: ACLs that the server shows masked. */
import { mkdtempSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { type Place, parseAcl, place, plant } from '../helpers/places.ts'
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

test('rule 9: nothing is made below an ancestor whose ACL is masked: exit 5, and who would see it', async () => {
  const from = await place('3.9.5', 'masked')
  const to = await place('3.9.5', 'masked')
  await plant(from, { '': null, a: 'x' })
  await plant(to, { '': { data: null, acl } })
  for (const dryRun of [[], ['--dry-run']]) {
    const { code, summary } = await zkferry(['copy', ...dryRun, from.location, `${to.location}/not/there`])
    expect(code, JSON.stringify(summary)).toBe(5)
    expect(summary.message).toContain(`an identity with ADMIN on ${to.root}, or a super user`)
    expect((await to.client.getChildren(to.root)).children).toEqual([])
  }
})

test('rule 9: a directory on the way to what is included is not made with a masked ACL', async () => {
  const [from, to] = [await place('3.9.5', 'masked'), await place('3.4.14', 'masked')]
  await plant(from, { '': null, ok: 'x', way: null, 'way/x': 'y', 'way/y': 'y' })
  await from.client.setACL(from.at('way'), acl.map(parseAcl))
  const args = ['--include', 'ok', '--include', 'way/x', from.location, to.location]
  const planned = await zkferry(['copy', '--dry-run', ...args])
  const copied = await zkferry(['copy', ...args])
  for (const { code, of, stderr } of [planned, copied]) {
    expect(code, stderr).toBe(3)
    expect(of('failed').map(({ path, side, code }) => [path, side, code])).toEqual([
      ['way', 'source', 'MASKED'],
      ['way/x', 'target', 'PARENT'],
    ])
  }
  expect([...(await readTree(to)).keys()].sort()).toEqual(['', 'ok'])
})
