/** zkferry killed while it takes its temporary ACL entries out: what it has proved by then it may not read any more. */
import { expect, onTestFinished, test } from 'vitest'
import { ZooKeeperClient } from '../../src/zookeeper/index.ts'
import { place } from '../helpers/places.ts'
import { freshJournal, zkferry } from '../helpers/zkferry.ts'
import { sharedServer } from '../servers/shared.ts'
import { readAll, unlike } from './nemesis/reader.ts'
import { LOCKED, OWNER } from './nemesis/tree.ts'
import { FaultProxy } from './proxy.ts'

const SET_ACL = 7
const owner = [{ scheme: 'digest', auth: Buffer.from(OWNER) }]

test.each([
  ['the first', 1, false],
  ['the second', 2, false],
  ['the last', 4, false],
  ['the second, where the root locks it out as well', 2, true],
])('at %s: the same command again ends with 0, and nothing of it stays', async (_, nth, rootToo) => {
  const [from, to] = [await place('3.4.14', 'locked-from'), await place('3.9.5', 'locked-to')]
  const [source, target] = await Promise.all(
    [from, to].map((where) => ZooKeeperClient.connect({ connect: where.address, auth: owner })),
  )
  const [reader, writer] = [source as ZooKeeperClient, target as ZooKeeperClient]
  const proxy = await FaultProxy.before(sharedServer('3.9.5').port)
  onTestFinished(async () => {
    await Promise.all([proxy.close(), reader.close(), writer.close()])
  })
  await reader.create(from.root, null, rootToo ? { acl: LOCKED } : {})
  for (const name of ['a', 'b', 'c', 'd']) {
    await reader.create(from.at(name), Buffer.from(name), { acl: LOCKED })
    await reader.create(from.at(`${name}/child`), Buffer.from('x'), { acl: LOCKED })
  }
  let pid = 0
  let seen = 0
  proxy.alterRequest = (frame, { index }) => {
    if (index === 0 || frame.readInt32BE(8) !== SET_ACL) return frame
    if (++seen < nth) return frame
    // Whatever else was sent with it does not arrive.
    if (seen === nth) process.kill(pid, 'SIGKILL')
    return null
  }
  const env = { ZKFERRY_SOURCE_AUTH: `digest ${OWNER}` }
  const words = (address: string) => ['copy', '--journal', journal, from.location, address + to.root]
  const journal = freshJournal()
  const killed = await zkferry(words(proxy.connectString), {
    env,
    onStart: (child) => {
      pid = child.pid as number
    },
  })
  expect(killed.code, killed.stderr).toBeNull()
  const again = await zkferry(words(to.address), { env })
  expect(again.code, again.stderr).toBe(0)
  expect(again.summary).toMatchObject({ status: 'done', digest: { source: again.summary.digest.target } })
  const rules = { mayBeAhead: false, writtenOnce: true }
  expect(unlike(await readAll(reader, from.root), await readAll(writer, to.root), rules)).toEqual([])
  const shown = await zkferry(['runs', 'show', String(again.summary.runId), '--journal', journal])
  expect(shown.of('run')).toMatchObject([{ status: 'done', verified: true, temporaryIdentity: false }])
})

test('a root that locks the tool out is copied, and that is no failure', async () => {
  const [from, to] = [await place('3.4.14', 'locked-from'), await place('3.9.5', 'locked-to')]
  const [reader, writer] = (await Promise.all(
    [from, to].map((where) => ZooKeeperClient.connect({ connect: where.address, auth: owner })),
  )) as [ZooKeeperClient, ZooKeeperClient]
  onTestFinished(async () => {
    await Promise.all([reader.close(), writer.close()])
  })
  await reader.create(from.root, Buffer.from('root'), { acl: LOCKED })
  await reader.create(from.at('child'), Buffer.from('x'), { acl: LOCKED })
  const outcome = await zkferry(['copy', '--journal', freshJournal(), from.location, to.location], {
    env: { ZKFERRY_SOURCE_AUTH: `digest ${OWNER}` },
  })
  expect(outcome.code, outcome.stderr).toBe(0)
  const rules = { mayBeAhead: false, writtenOnce: true }
  expect(unlike(await readAll(reader, from.root), await readAll(writer, to.root), rules)).toEqual([])
})
