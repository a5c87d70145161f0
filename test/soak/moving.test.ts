/** A source that is written at 500 changes a second while it is copied, and sessions that expire a hundred times. */
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import { ZooKeeperClient } from '../../src/zookeeper/index.ts'
import { readAll, unlike } from '../faults/nemesis/reader.ts'
import { FaultProxy } from '../faults/proxy.ts'
import { pair, plantMany } from '../helpers/places.ts'
import { freshJournal, zkferry } from '../helpers/zkferry.ts'
import { sharedServer } from '../servers/shared.ts'
import { SteadyWriter } from './writer.ts'

const WRITES_A_SECOND = 500
const EXPIRIES = Number(process.env.ZKFERRY_EXPIRIES ?? 100)
const NO_FIRST = { mayBeAhead: false, writtenOnce: false }

test('500 writes a second on the source: the first copy says so, one more is equal', async () => {
  const { from, to } = await pair('moving')
  await plantMany(from, 50, 80)
  const journal = freshJournal()
  const args = ['copy', '--delete', '--yes', '--journal', journal, from.location, to.location]
  const writer = new SteadyWriter(from, { dirs: 50, leaves: 80, perSecond: WRITES_A_SECOND })
  const first = await zkferry([...args, '--rate', '1000'])
  const rate = await writer.stop()
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
    `${writer.writes} writes, ${rate}/s; first copy: exit ${first.code}, ${first.summary.consistency}, ${first.summary.sourceMoved} moved, ${first.summary.differences} differences; one more: ${second.summary.status}; verify: ${verified.summary.status}`,
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
