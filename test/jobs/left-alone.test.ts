/** What a copy only passes through on the target: its own `/`, and what only leads to what a filter lets in. */
import type { ChildProcess } from 'node:child_process'
import { expect, onTestFinished, test } from 'vitest'
import { connect, Place, pair, plant } from '../helpers/places.ts'
import { freshJournal, killedAt, meanwhile, zkferry } from '../helpers/zkferry.ts'
import { startServer } from '../servers/index.ts'

const COPIED = /"type":"progress","phase":"copy","znodes":2\d\d/
const PRIVATE = ['31:ip:127.0.0.1']

const many = (directory: string, count: number) =>
  Object.fromEntries(Array.from({ length: count }, (_, at) => [`${directory}/k${1000 + at}`, 'x']))

async function ownServer(): Promise<Place> {
  const server = await startServer()
  onTestFinished(() => server.stop())
  return new Place(await connect(server.connectString), server.connectString, '/')
}

async function looks(where: Place, path: string) {
  const at = where.at(path)
  const [{ data }, { acl }] = await Promise.all([where.client.getData(at), where.client.getACL(at)])
  return [data?.toString(), ...acl.map(({ perms, scheme, id }) => `${perms}:${scheme}:${id}`)]
}

async function remove(where: Place, path: string): Promise<void> {
  const { client } = where
  const at = where.at(path)
  for (const name of (await client.getChildren(at)).children) await client.delete(`${at}/${name}`)
  await client.delete(at)
}

test('a filtered copy that is killed and goes on leaves the ACL and the data of what leads there', async () => {
  const { from, to } = await pair('leads')
  await plant(from, { '': null, u: 'the source’s', 'u/d': null, ...many('u/d', 10) })
  await plant(to, { '': null, u: { data: 'the target’s', acl: PRIVATE } })
  const before = await looks(to, 'u')
  const journal = freshJournal()
  const args = ['copy', '--merge', '--include', 'u/d/k*', '--journal', journal, from.location, to.location]
  expect((await killedAt('u/d', journal, [...args, '--rate', '1'])).code).toBeNull()
  const { code, summary, stderr } = await zkferry(args)
  expect(code, stderr).toBe(0)
  expect(summary.znodes.updated).toBe(0)
  expect(await looks(to, 'u')).toEqual(before)
})

test('so it leaves / of a target', async () => {
  const [{ from }, to] = [await pair('leads'), await ownServer()]
  await plant(from, { '': { data: 'the source’s', acl: PRIVATE }, d: null, ...many('d', 10) })
  const before = await looks(to, '')
  const journal = freshJournal()
  const args = ['copy', '--include', 'd/k*', '--journal', journal, from.location, to.location]
  expect((await killedAt('d', journal, [...args, '--rate', '1'])).code).toBeNull()
  const { code, stderr } = await zkferry(args)
  expect(code, stderr).toBe(0)
  expect(await looks(to, '')).toEqual(before)
})

test('a directory that goes on the target meanwhile is made again, and what is above it is left', async () => {
  const [{ from, to }, whole] = [await pair('leads'), await ownServer()]
  await plant(from, { '': { data: 'the source’s', acl: PRIVATE }, d: null, ...many('d', 600) })
  await plant(from, { u: 'the source’s', 'u/d': null, ...many('u/d', 600) })
  await plant(to, { '': null, u: { data: 'the target’s', acl: PRIVATE }, 'u/d': null })
  await plant(whole, { d: null })
  const before = await Promise.all([looks(to, 'u'), looks(whole, '')])
  for (const [where, gone, filter] of [
    [to, 'u/d', 'u/d/**'],
    [whole, 'd', 'd/**'],
  ] as const) {
    const args = ['copy', '--merge', '--include', gone, '--include', filter, '--journal', freshJournal()]
    const slowly = ['--rate', '200', '--concurrency', '1', from.location, where.location]
    const { code, stderr } = await meanwhile([...args, ...slowly], COPIED, () => remove(where, gone))
    expect(code, stderr).toBe(0)
    expect((await where.client.getChildren(where.at(gone))).children).toHaveLength(600)
  }
  expect(await Promise.all([looks(to, 'u'), looks(whole, '')])).toEqual(before)
})

test('--delete keeps a directory that holds what only leads on, and says so', async () => {
  const { from, to } = await pair('leads')
  await plant(from, { '': null, a: '1' })
  await plant(to, { '': null, x: null, 'x/y': null, 'x/y/z': '1' })
  const filters = ['a', 'x', 'x/*/z'].flatMap((glob) => ['--include', glob])
  const args = ['copy', '--merge', '--delete', '--yes', ...filters, from.location, to.location]
  const { code, skipped, summary } = await zkferry([...args, '--journal', freshJournal()])
  expect(code).toBe(1)
  expect(summary.znodes).toMatchObject({ deleted: 1, failed: 0 })
  expect(skipped()).toEqual(['x: holds-what-stays'])
  expect(await to.client.exists(to.at('x/y/z'))).toBeNull()
  expect(await to.client.exists(to.at('x/y'))).not.toBeNull()
})

test('a copy to / is compared with its journal, without the root that it left', async () => {
  const [{ from }, to] = [await pair('leads'), await ownServer()]
  await plant(from, { '': 'the source’s', a: '1', b: null, 'b/c': '2' })
  const journal = freshJournal()
  expect((await zkferry(['copy', '--journal', journal, from.location, to.location])).code).toBe(0)
  const compared = () => zkferry(['verify', '--from-journal', journal, to.location])
  expect((await compared()).code).toBe(0)
  await to.client.setData('/b/c', Buffer.from('3'))
  const { code, differences } = await compared()
  expect([code, differences()]).toEqual([1, ['b: data']])
})

test('a copy to / goes on after it was interrupted while it deleted the oldest child there', async () => {
  const [{ from }, to] = [await pair('leads'), await ownServer()]
  await plant(from, { '': null, a: '1' })
  await plant(to, { zz: null })
  await plant(to, { m: null })
  for (let at = 0; at < 20; at++)
    await plant(to, Object.fromEntries(Array.from({ length: 300 }, (_, k) => [`m/${at}-${k}`, null])))
  const args = [
    'copy',
    '--merge',
    '--delete',
    '--yes',
    '--journal',
    freshJournal(),
    from.location,
    to.location,
  ]
  const onStart = async (child: ChildProcess) => {
    while (child.exitCode === null && (await to.client.exists('/zz')) !== null);
    child.kill('SIGINT')
  }
  expect((await zkferry(args, { onStart: (child) => void onStart(child) })).code).toBe(130)
  const { code, stderr } = await zkferry(args)
  expect(code, stderr).toBe(0)
  expect((await to.client.getChildren('/')).children.sort()).toEqual(['a', 'zookeeper'])
})
