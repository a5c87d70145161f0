/** What counts as a time without a server, and what as a connection that takes a while. */
import { expect, onTestFinished, test } from 'vitest'
import { Failures } from '../../src/locations/failures.ts'
import { Outages } from '../../src/locations/outages.ts'
import { SessionKeeper } from '../../src/locations/session-keeper.ts'
import type { JobEvent } from '../../src/tree/events.ts'
import { FaultProxy } from '../faults/proxy.ts'
import { sharedServer } from '../servers/shared.ts'
import { eventually } from '../zookeeper/helpers.ts'

async function behindProxy() {
  const proxy = await FaultProxy.before(sharedServer().port)
  const events: JobEvent[] = []
  const outages = new Outages('target', (event) => events.push(event))
  const keeper = new SessionKeeper(
    { connect: proxy.connectString, outages },
    new Failures('target', proxy.connectString),
  )
  onTestFinished(async () => {
    await keeper.close()
    await proxy.close()
  })
  const waits = () => events.filter((event) => event.type === 'waiting')
  const survived = () => events.filter((event) => event.type === 'survived').map(({ what }) => what)
  return { proxy, keeper, waits, survived }
}

test('a server that takes a while for the first connection is waited for, and nothing was survived', async () => {
  const { proxy, keeper, waits, survived } = await behindProxy()
  proxy.freeze()
  const connecting = keeper.client()
  await eventually(() => expect(waits()).toHaveLength(1))
  proxy.thaw()
  await connecting
  expect(waits()[0]).toMatchObject({ reason: `${proxy.connectString} does not answer`, atMostSeconds: 900 })
  expect(survived()).toEqual([])
})

test('a server that is not there at first has been survived once it is', async () => {
  const { proxy, keeper, waits, survived } = await behindProxy()
  await proxy.refuse()
  const connecting = keeper.client()
  // The second is said seconds after the first.
  await eventually(() => expect(waits().length).toBeGreaterThan(1))
  await proxy.admit()
  await connecting
  expect(survived()).toEqual(['waitedSeconds'])
})
