/** ACLs that lock the tool out: the run's own temporary identity, and that nothing of it stays. */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { afterAll, expect, test } from 'vitest'
import { ZooKeeperClient } from '../../src/zookeeper/index.ts'
import { cli } from '../cli/run-cli.ts'
import { connect, Place, pair, parseAcl, place, plant } from '../helpers/places.ts'
import { readTree } from '../helpers/read-tree.ts'
import { freshJournal, zkferry, zkferryUntil } from '../helpers/zkferry.ts'
import { type Server, startServer } from '../servers/index.ts'
import { freshRoot } from '../servers/shared.ts'

const READ_ONLY = '1:world:anyone'
const OPEN = '31:world:anyone'
/** A user of the source that the tool is there, and not at the target. */
const BOB = 'bob:secret'
const BOBS = `31:digest:bob:${createHash('sha1').update(BOB).digest('base64')}`
const AS_BOB = { env: { ZKFERRY_SOURCE_AUTH: `digest ${BOB}` } }

/** Of 600 znodes that come after the directory: it is there for sure. */
const HALF_DONE = /"type":"progress".*"znodes":[3-9]\d\d/

const servers: Server[] = []
afterAll(() => Promise.all(servers.map((server) => server.stop())))

/** A target whose servers take digest identities otherwise than usual. */
async function unusualTarget(...jvm: string[]): Promise<Place> {
  const server = await startServer({ version: '3.9.5', jvm })
  servers.push(server)
  return new Place(await connect(server.connectString), server.connectString, freshRoot('unusual'))
}

/** A directory that nobody may create in, with children, a subdirectory and a counter that is ahead of both. */
async function plantShut(from: Place): Promise<void> {
  await plant(from, { '': null, shut: 'x', 'shut/a': 'a', 'shut/b': null, 'shut/b/c': 'c' })
  for (let made = 0; made < 5; made++) {
    await from.client.create(from.at('shut/gone'), null)
    await from.client.delete(from.at('shut/gone'))
  }
  for (const path of ['shut/b', 'shut']) await from.client.setACL(from.at(path), [parseAcl(READ_ONLY)])
}

async function aclsOf(where: Place): Promise<Record<string, string[]>> {
  return Object.fromEntries([...(await readTree(where))].map(([path, { acl }]) => [path, acl]))
}

function expectNoSecret(journal: string): void {
  for (const file of [journal, `${journal}-wal`]) {
    let bytes = ''
    try {
      bytes = readFileSync(file, 'latin1')
    } catch {
      continue
    }
    expect(bytes).not.toMatch(/"password"/)
  }
}

test('a directory that nobody may create in gets its children, its counter and then its own ACL', async () => {
  const { from, to } = await pair('shut')
  await plantShut(from)
  const journal = freshJournal()
  const { code, stderr, summary } = await zkferry(['copy', '--journal', journal, from.location, to.location])
  expect(code, stderr).toBe(0)
  expect(summary.digest.source).toBe(summary.digest.target)
  expect(await aclsOf(to)).toEqual({
    '': [OPEN],
    shut: [READ_ONLY],
    'shut/a': [OPEN],
    'shut/b': [READ_ONLY],
    'shut/b/c': [OPEN],
  })
  const shut = await to.client.exists(to.at('shut'))
  // 2 children that are there and 5 that were.
  expect(((shut?.cversion ?? 0) + (shut?.numChildren ?? 0)) / 2).toBe(7)
  expectNoSecret(journal)
})

test('what the tool may not read at the target is proved all the same, and nobody else reads it meanwhile', async () => {
  const { from, to } = await pair('bobs')
  await from.client.addAuth({ scheme: 'digest', auth: Buffer.from(BOB) })
  await plant(from, { '': null })
  const names = Array.from({ length: 300 }, (_, at) => `z${String(at).padStart(3, '0')}`)
  await plant(from, Object.fromEntries(names.map((name) => [name, { data: 'private', acl: [BOBS] }])))
  const stranger = await connect(to.address)
  let [watching, looks, seen] = [true, 0, 0]
  const watcher = (async () => {
    for (let at = 0; watching; at = (at + 7) % names.length) {
      const path = to.at(names[at] as string)
      const there = await stranger.exists(path).catch(() => ({ denied: true }))
      if (there !== null) looks++
      const got = await stranger.getData(path).catch(() => null)
      const set = await stranger.setData(path, Buffer.from('mine')).catch(() => null)
      if (got !== null || set !== null) seen++
    }
  })()
  const { code, stderr } = await zkferry(['copy', '--rate', '300', from.location, to.location], AS_BOB)
  watching = false
  await watcher
  expect(code, stderr).toBe(0)
  expect(looks, 'the stranger came too late').toBeGreaterThan(0)
  expect(seen).toBe(0)
  await to.client.addAuth({ scheme: 'digest', auth: Buffer.from(BOB) })
  for (const [path, acl] of Object.entries(await aclsOf(to))) expect(acl).toEqual([path === '' ? OPEN : BOBS])
})

test('killed, it is named by runs show, and the same command again leaves nothing of it behind', async () => {
  const { from, to } = await pair('killed')
  await plantShut(from)
  await plant(from, Object.fromEntries(Array.from({ length: 600 }, (_, at) => [`z${at}`, 'later'])))
  const journal = freshJournal()
  const args = ['copy', '--journal', journal, from.location, to.location]
  const killed = await zkferryUntil([...args, '--rate', '200'], HALF_DONE, 'SIGKILL')
  expect(killed.code).toBeNull()
  const shown = await zkferry(['runs', '--journal', journal])
  const [run] = shown.of('run')
  expect(run).toMatchObject({ temporaryIdentity: true })
  const { stdout } = await cli(['runs', 'show', `${run?.runId}`, '--journal', journal])
  expect(stdout).toContain(
    `the same command again takes them out, and so does zkferry runs abandon ${run?.runId}`,
  )
  const { code, stderr } = await zkferry(args)
  expect(code, stderr).toBe(0)
  expect((await aclsOf(to)).shut).toEqual([READ_ONLY])
  expectNoSecret(journal)
})

test('an ACL that changes on the source meanwhile is the one that stays, not the one of the beginning', async () => {
  const { from, to } = await pair('changed')
  // Locks the tool out, and lets anyone change it.
  const before = '17:world:anyone'
  await plant(from, { '': null, shut: 'x', 'shut/a': 'a' })
  await from.client.setACL(from.at('shut'), [parseAcl(before)])
  await plant(from, Object.fromEntries(Array.from({ length: 600 }, (_, at) => [`z${at}`, 'later'])))
  const args = ['copy', '--journal', freshJournal(), from.location, to.location]
  await zkferryUntil([...args, '--rate', '200'], HALF_DONE, 'SIGKILL')
  expect((await aclsOf(to)).shut).toHaveLength(2)
  await from.client.setACL(from.at('shut'), [parseAcl(OPEN)])
  const { code, stderr } = await zkferry(args)
  expect(code, stderr).toBe(0)
  expect((await aclsOf(to)).shut).toEqual([OPEN])
  expect((await zkferry(['verify', from.location, to.location])).code).toBe(0)
  expect((await zkferry(args)).code).toBe(0)
})

test('runs abandon takes the entries back without going on', async () => {
  const { from, to } = await pair('abandoned')
  await plantShut(from)
  await plant(from, Object.fromEntries(Array.from({ length: 600 }, (_, at) => [`z${at}`, 'later'])))
  const journal = freshJournal()
  await zkferryUntil(
    ['copy', '--journal', journal, '--rate', '200', from.location, to.location],
    HALF_DONE,
    'SIGKILL',
  )
  const before = await aclsOf(to)
  expect(before.shut).toHaveLength(2)
  const id = String((await zkferry(['runs', '--journal', journal])).of('run')[0]?.runId)
  const { code, stderr } = await zkferry(['runs', 'abandon', id, '--journal', journal])
  expect(code, stderr).toBe(0)
  expect((await aclsOf(to)).shut).toEqual([READ_ONLY])
  expectNoSecret(journal)
  const again = await zkferry(['runs', 'abandon', id, '--journal', journal])
  expect(again.code).toBe(2)
})

test('servers that hash digests otherwise are found out, and served', async () => {
  const from = await place('3.9.5', 'sha256')
  const to = await unusualTarget('-Dzookeeper.DigestAuthenticationProvider.digestAlg=SHA-256')
  await plantShut(from)
  const { code, stderr } = await zkferry(['copy', from.location, to.location])
  expect(code, stderr).toBe(0)
  expect((await aclsOf(to)).shut).toEqual([READ_ONLY])
})

test('servers that take no digest identities: the directory is refused beforehand, and nothing is opened', async () => {
  const from = await place('3.9.5', 'nodigest')
  const to = await unusualTarget('-Dzookeeper.DigestAuthenticationProvider.enabled=false')
  await plantShut(from)
  const { code, of, summary } = await zkferry(['copy', from.location, to.location])
  expect(code).toBe(3)
  expect(summary.status).toBe('incomplete')
  const failed = Object.fromEntries(of('failed').map(({ path, code }) => [path, code]))
  expect(failed).toEqual({ shut: 'LOCKEDOUT', 'shut/a': 'PARENT', 'shut/b': 'PARENT', 'shut/b/c': 'PARENT' })
  expect(Object.keys(await aclsOf(to))).toEqual([''])
})

test('an own identity that the ACL grants everything needs no temporary one', async () => {
  const { from, to } = await pair('own')
  await from.client.addAuth({ scheme: 'digest', auth: Buffer.from(BOB) })
  await plant(from, { '': null, dir: { data: null, acl: [BOBS] }, 'dir/a': { data: 'a', acl: [BOBS] } })
  const env = { ZKFERRY_SOURCE_AUTH: `digest ${BOB}`, ZKFERRY_TARGET_AUTH: `digest ${BOB}` }
  const { code, stderr } = await zkferry(['copy', from.location, to.location], { env })
  expect(code, stderr).toBe(0)
  const bob = await ZooKeeperClient.connect({
    connect: to.address,
    auth: [{ scheme: 'digest', auth: Buffer.from(BOB) }],
  })
  // One ACL from the beginning: it was never set anew.
  expect((await bob.exists(to.at('dir/a')))?.aversion).toBe(0)
  await bob.close()
})

test('a directory that only leads to what is included, and that nobody may create in, lets it in as well', async () => {
  const { from, to } = await pair('way')
  await plant(from, { '': null, way: 'x', 'way/in': 'in', 'way/out': 'out' })
  await from.client.setACL(from.at('way'), [parseAcl(READ_ONLY)])
  const journal = freshJournal()
  const args = ['copy', '--journal', journal, '--include', 'way/in', from.location, to.location]
  const { code, stderr } = await zkferry(args)
  expect(code, stderr).toBe(0)
  expect(await aclsOf(to)).toEqual({ '': [OPEN], way: [READ_ONLY], 'way/in': [OPEN] })
  expectNoSecret(journal)
})

test('an ACL that takes WRITE or DELETE from the tool does so after the new data and the deletions', async () => {
  const { from, to } = await pair('taken')
  await plant(from, { '': null, data: 'new', dir: null })
  for (const path of ['data', 'dir']) await from.client.setACL(from.at(path), [parseAcl(READ_ONLY)])
  await plant(to, { '': null, data: 'old', dir: null, 'dir/extra': 'x' })
  const args = ['copy', '--merge', '--delete', '--yes', from.location, to.location]
  const { code, stderr } = await zkferry(args)
  expect(code, stderr).toBe(0)
  expect(await aclsOf(to)).toEqual({ '': [OPEN], data: [READ_ONLY], dir: [READ_ONLY] })
  expect(String((await to.client.getData(to.at('data'))).data)).toBe('new')
})
