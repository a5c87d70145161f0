/** A source that is written at 500 changes a second while it is copied, and sessions that expire a hundred times. */
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import { RandomStream } from '../../fixtures/random.ts'
import { OPEN_ACL, ZooKeeperClient } from '../../src/zookeeper/index.ts'
import { readAll, unlike } from '../faults/nemesis/reader.ts'
import { FaultProxy } from '../faults/proxy.ts'
import { pair, plantMany } from '../helpers/places.ts'
import { freshJournal, zkferry } from '../helpers/zkferry.ts'
import { sharedServer } from '../servers/shared.ts'

const WRITES_A_SECOND = 500
const EXPIRIES = Number(process.env.ZKFERRY_EXPIRIES ?? 100)
const NO_FIRST = { mayBeAhead: false, writtenOnce: false }

/** Creates, sets, deletes and sets ACLs below `root`, until told to stop. */
async function write(client: ZooKeeperClient, root: string, stopped: () => boolean): Promise<number> {
  const random = new RandomStream(root)
  const mine: string[] = []
  const begun = performance.now()
  let writes = 0
  while (!stopped()) {
    const due = ((performance.now() - begun) / 1000) * WRITES_A_SECOND
    const batch: Promise<unknown>[] = []
    for (; writes < due; writes++) {
      const directory = `${root}/d${String(random.below(50)).padStart(5, '0')}`
      const leaf = `${directory}/z${String(random.below(80)).padStart(6, '0')}`
      const kind = random.below(4)
      if (kind === 0) {
        const path = `${directory}/new-${writes}`
        mine.push(path)
        batch.push(client.create(path, Buffer.from(`made as ${writes}`)))
      } else if (kind === 1 && mine.length > 100) {
        batch.push(client.delete(mine.splice(random.below(mine.length), 1)[0] as string))
      } else if (kind === 2) {
        const acl =
          random.below(2) === 0
            ? OPEN_ACL
            : [...OPEN_ACL, { perms: 1, scheme: 'ip', id: Buffer.from('127.0.0.1') }]
        batch.push(client.setACL(leaf, acl))
      } else batch.push(client.setData(leaf, Buffer.from(`set as ${writes}`)))
    }
    await Promise.all(batch)
    await sleep(5)
  }
  return writes
}

test('500 writes a second on the source: the first copy says so, one more is equal', async () => {
  const { from, to } = await pair('moving')
  await plantMany(from, 50, 80)
  const journal = freshJournal()
  const args = ['copy', '--delete', '--yes', '--journal', journal, from.location, to.location]
  let stop = false
  const begun = performance.now()
  const writing = write(from.client, from.root, () => stop)
  const first = await zkferry([...args, '--rate', '1000'])
  const seconds = (performance.now() - begun) / 1000
  stop = true
  const writes = await writing
  expect([0, 1], first.stderr).toContain(first.code)
  expect(first.summary.sourceMoved).toBeGreaterThan(0)
  expect(['moving', 'converged']).toContain(first.summary.consistency)
  const second = await zkferry(args)
  expect(second.code, second.stderr).toBe(0)
  const verified = await zkferry(['verify', from.location, to.location])
  expect(verified.summary.status).toBe('identical')
  expect(unlike(await readAll(from.client, from.root), await readAll(to.client, to.root), NO_FIRST)).toEqual(
    [],
  )
  console.log(
    `${writes} writes in ${seconds.toFixed(1)} s (${Math.round(writes / seconds)}/s); first copy: exit ${first.code}, ${first.summary.consistency}, ${first.summary.sourceMoved} moved, ${first.summary.differences} differences; one more: ${second.summary.status}; verify: ${verified.summary.status}`,
  )
})

test(`sessions expire ${EXPIRIES} times in mid-copy: the end equals the source`, async () => {
  const { from, to } = await pair('expiring')
  await plantMany(from, 100, 80)
  const near = await FaultProxy.before(sharedServer('3.4.14').port, { record: false })
  const far = await FaultProxy.before(sharedServer('3.9.5').port, { record: false })
  onTestFinished(async () => {
    await Promise.all([near.close(), far.close()])
  })
  let [done, expiries, sessions] = [false, 0, 0]
  let copies = 0
  while (expiries < EXPIRIES) {
    copies++
    done = false
    const root = `${to.root}-${copies}`
    const args = [
      '--rate',
      '600',
      '--sessions',
      '4',
      near.connectString + from.root,
      far.connectString + root,
    ]
    const copying = zkferry(['copy', '--journal', freshJournal(), ...args]).finally(() => {
      done = true
    })
    while (!done && expiries < EXPIRIES) {
      await sleep(1500)
      for (const [proxy, version] of [
        [near, '3.4.14'],
        [far, '3.9.5'],
      ] as const) {
        const seen = proxy.sessions.splice(0)
        const connect = sharedServer(version).connectString
        for (const resume of seen) {
          const thief = await ZooKeeperClient.connect({ connect, resume }).catch(() => null)
          if (thief !== null) sessions++
          await thief?.close()
        }
        if (seen.length > 0) expiries++
      }
    }
    const { code, stderr, summary } = await copying
    expect(code, stderr).toBe(0)
    expect(summary.survived.expiredSessions).toBeGreaterThan(0)
    const wrong = unlike(await readAll(from.client, from.root), await readAll(to.client, root), {
      mayBeAhead: false,
      writtenOnce: true,
    })
    expect(wrong).toEqual([])
  }
  console.log(`${expiries} times, ${sessions} sessions in ${copies} copies: each equal, written once`)
})
