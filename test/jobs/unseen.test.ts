/** What a job has not seen, or a file does not hold, is neither taken for equal nor for absent. */
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { place, plant, plantMany } from '../helpers/places.ts'
import { contents, readTree } from '../helpers/read-tree.ts'
import { DELETING, freshJournal, SOME_DONE, zkferry, zkferryUntil } from '../helpers/zkferry.ts'

const CLOSED = ['31:digest:alice:QLmHrPtjxOWvOUHVAGIYx1rmkmM=']

const copy = (from: string, to: string, ...flags: string[]) =>
  zkferry(['copy', '--retry-for', '10s', '--journal', freshJournal(), ...flags, from, to])

function fresh(name: string): string {
  return join(mkdtempSync(join(tmpdir(), 'zkferry-unseen-')), name)
}

test('a directory that leads to what is included and cannot be read ends no job as done', async () => {
  const [from, to] = [await place('3.9.5', 'unseen-way'), await place('3.9.5', 'unseen-to')]
  await plant(from, { '': null, way: { data: 'w', acl: CLOSED }, other: 'o' })
  const include = ['--include', 'way/below/**']
  const copied = await copy(from.location, to.location, ...include)
  expect([copied.code, copied.of('failed').map(({ path, side }) => `${side} ${path}`)]).toEqual([
    3,
    ['source way'],
  ])
  for (const job of [
    ['digest', ...include, from.location],
    ['verify', '--rounds', '0', ...include, from.location, to.location],
    ['verify', '--rounds', '0', ...include, to.location, from.location],
  ])
    expect((await zkferry(job)).summary.status).toBe('incomplete')
})

test('an archive without ACLs opens nothing: it is copied and compared without them, or not at all', async () => {
  const from = await place('3.9.5', 'unseen-acl')
  await plant(from, { '': null, safe: { data: 'x', acl: ['31:ip:127.0.0.1'] } })
  const archive = `archive:${fresh('a.zkferry')}#/app`
  expect((await copy(from.location, archive, '--no-acl')).code).toBe(0)
  await from.client.setData(from.at('safe'), Buffer.from('y'))
  const before = contents(await readTree(from))
  for (const refused of [
    await copy(archive, from.location, '--merge'),
    await zkferry(['verify', archive, from.location]),
    await zkferry(['verify', from.location, archive]),
    await zkferry(['digest', archive]),
  ])
    expect([refused.code, refused.summary.message]).toEqual([2, expect.stringContaining('holds no ACLs')])
  expect(contents(await readTree(from))).toEqual(before)
  expect((await copy(archive, from.location, '--merge', '--no-acl')).code).toBe(0)
  const { data } = await from.client.getData(from.at('safe'))
  const { acl } = await from.client.getACL(from.at('safe'))
  expect([String(data), acl.map(({ scheme }) => scheme)]).toEqual(['x', ['ip']])
})

test('what an incomplete archive lacks is not deleted anywhere', async () => {
  const [from, to] = [await place('3.9.5', 'unseen-part'), await place('3.9.5', 'unseen-part-to')]
  await plant(from, { '': null, a: 'a', closed: { data: 'x', acl: CLOSED } })
  await plant(to, { '': null, a: 'old', closed: 'x', 'closed/below': 'y' })
  const archive = `archive:${fresh('a.zkferry')}#/app`
  expect((await copy(from.location, archive)).code).toBe(3)
  const before = contents(await readTree(to))
  const refused = await copy(archive, to.location, '--merge', '--delete', '--yes')
  expect([refused.code, refused.summary.message]).toEqual([7, expect.stringContaining('is not whole')])
  expect(contents(await readTree(to))).toEqual(before)
})

test('an undo brings back a child that is called zookeeper', async () => {
  const where = await place('3.9.5', 'unseen-zookeeper')
  await plant(where, { '': null, zookeeper: 'z', 'zookeeper/below': 'y' })
  const before = contents(await readTree(where))
  const undo = fresh('rmr.undo')
  expect((await zkferry(['rmr', '--yes', '--undo', undo, where.location])).code).toBe(0)
  expect((await copy(`archive:${undo}`, where.location)).code).toBe(0)
  expect(contents(await readTree(where))).toEqual(before)
})

test('a copy without verification goes on from the state that it began with, or not at all', async () => {
  const [from, to] = [await place('3.9.5', 'unseen-moment'), await place('3.9.5', 'unseen-moment-to')]
  await plantMany(from, 4, 500, 10)
  const archive = `archive:${fresh('a.zkferry')}#/app`
  for (const data of ['first', 'second']) {
    await from.client.setData(from.root, Buffer.from(data))
    expect((await copy(from.location, archive)).code).toBe(0)
  }
  const args = ['copy', '--no-verify', '--journal', freshJournal(), archive, to.location]
  const broken = await zkferryUntil([...args, '--rate', '300'], SOME_DONE, 'SIGINT')
  expect(broken.summary.status).toBe('interrupted')
  const other = await zkferry([...args, '--generation', '1'])
  expect([other.code, other.summary.message]).toEqual([
    7,
    expect.stringMatching(/read generation 2 of .*, and this is generation 1: .*--no-verify/),
  ])
  expect((await zkferry(args)).code).toBe(0)
  expect((await zkferry(['verify', archive, to.location])).code).toBe(0)
})

test('an undo of a removal that was interrupted brings everything back, and ends as done', async () => {
  const where = await place('3.9.5', 'unseen-interrupted')
  await plantMany(where, 4, 500, 10)
  const before = contents(await readTree(where))
  const undo = fresh('rmr.undo')
  const args = ['rmr', '--yes', '--rate', '1000', '--undo', undo, where.location]
  expect((await zkferryUntil(args, DELETING, 'SIGINT')).summary.status).toBe('interrupted')
  const { code, summary } = await copy(`archive:${undo}`, where.location, '--merge')
  expect([code, summary.status]).toEqual([0, 'done'])
  expect(contents(await readTree(where))).toEqual(before)
})

test('a filtered generation neither takes the place of a whole one nor passes for one', async () => {
  const [from, to] = [await place('3.9.5', 'unseen-filter'), await place('3.9.5', 'unseen-filter-to')]
  await plant(from, { '': null, a: 'a', b: 'b' })
  const file = fresh('a.zkferry')
  const archive = `archive:${file}#/app`
  expect((await copy(from.location, archive)).code).toBe(0)
  for (const flags of [['--include', 'a'], ['--exclude', 'b'], ['--no-acl']])
    expect((await copy(from.location, archive, ...flags)).code).toBe(0)
  const listed = await zkferry(['archive', 'list', file])
  expect(listed.of('generation').map(({ complete }) => complete)).toEqual([true, false, false, false])
  const daily = await zkferry(['archive', 'prune', '--keep-daily', '1', '--dry-run', file])
  expect(daily.of('dropped').map(({ generation }) => generation)).toEqual([2, 3])
  expect((await zkferry(['archive', 'prune', '--keep-last', '2', '--yes', file])).code).toBe(0)
  const again = await copy(archive, `archive:${fresh('b.zkferry')}#/app`, '--generation', '3')
  expect([again.code, again.summary.message]).toEqual([
    2,
    expect.stringContaining('holds parts of a tree only'),
  ])
  const told = async (generation: string) => {
    const { code, of } = await copy(archive, to.location, '--merge', '--generation', generation)
    expect(code).toBe(0)
    return of('note').map(({ message }) => String(message).replace(file, 'FILE'))
  }
  expect(await told('3')).toContain(
    'Generation 3 of FILE was made with --exclude b and holds no more than that; the newest that is whole is --generation 1.',
  )
  expect((await told('1')).filter((note) => note.includes('made with'))).toEqual([])
  expect(contents(await readTree(to))).toEqual(contents(await readTree(from)))
})
