import { expect, onTestFinished, test } from 'vitest'
import { Failures } from '../../src/locations/failures.ts'
import { Outages } from '../../src/locations/outages.ts'
import { SessionKeeper } from '../../src/locations/session-keeper.ts'
import type { JobEvent } from '../../src/tree/events.ts'
import { operations, ZooKeeperClient } from '../../src/zookeeper/index.ts'
import { FaultProxy } from '../faults/proxy.ts'
import { sharedServer } from '../servers/shared.ts'
import { eventually } from '../zookeeper/helpers.ts'

/** A keeper whose session has been ended by somebody else. */
async function expired() {
  const connect = sharedServer().connectString
  const events: JobEvent[] = []
  const outages = new Outages('source', (event) => events.push(event))
  const keeper = new SessionKeeper({ connect, outages }, new Failures('source', connect))
  onTestFinished(() => keeper.close())
  const client = await keeper.client()
  const resume = { sessionId: client.sessionId, password: client.sessionPassword }
  const thief = await ZooKeeperClient.connect({ connect, resume })
  await thief.close()
  await eventually(() => expect(client.state).toBe('expired'))
  return { keeper, client, events }
}

test.each([
  ['whether it knows multiRead', (keeper: SessionKeeper) => keeper.supportsMultiRead()],
  ['to sync', (keeper: SessionKeeper) => keeper.sync()],
  ['to read', (keeper: SessionKeeper) => keeper.read(operations.exists, ['/'])],
])('asked %s, a session that has expired is replaced, and that is told', async (_, ask) => {
  const { keeper, client, events } = await expired()
  expect(await ask(keeper)).toBeTruthy()
  expect((await keeper.client()).sessionId).not.toBe(client.sessionId)
  expect(keeper).toMatchObject({ opened: 2, reconnects: 1 })
  const survived = events.filter((event) => event.type === 'survived')
  expect(survived).toContainEqual({ type: 'survived', side: 'source', what: 'expiredSessions', amount: 1 })
  expect(survived).toContainEqual({ type: 'survived', side: 'source', what: 'reconnects', amount: 1 })
})

test('a session that has expired is given another identity with the next one', async () => {
  const { keeper } = await expired()
  await keeper.addAuth({ scheme: 'digest', auth: Buffer.from('ferry:secret') })
  const { identities } = await (await keeper.client()).whoAmI()
  expect(identities).toContainEqual({ scheme: 'digest', user: 'ferry' })
})

test('a read outlives sessions that expire under it, more often than a lost connection would be tried again', async () => {
  const proxy = await FaultProxy.before(sharedServer().port)
  const keeper = new SessionKeeper({ connect: proxy.connectString }, new Failures('source', 'here'))
  onTestFinished(async () => {
    await keeper.close()
    await proxy.close()
  })
  const EXISTS = 3
  let expiries = 0
  proxy.alterRequest = (frame, { index }) => {
    if (index === 0 || frame.readInt32BE(8) !== EXISTS || expiries === 9) return frame
    expiries++
    for (const resume of proxy.sessions.splice(0)) {
      // One that is gone already need not be ended.
      ZooKeeperClient.connect({ connect: sharedServer().connectString, resume }).then(
        (thief) => thief.close(),
        () => {},
      )
    }
    return null
  }
  const [reply] = await keeper.read(operations.exists, ['/'])
  expect(reply).toMatchObject({ stat: { ephemeralOwner: 0n } })
  expect(keeper.reconnects).toBeGreaterThanOrEqual(9)
})
