/** Sessions that are ended before they were of any use. */
import { expect, onTestFinished, test } from 'vitest'
import { isSameEnsemble } from '../../src/locations/same-ensemble.ts'
import { ZooKeeperClient } from '../../src/zookeeper/index.ts'
import { sharedServer } from '../servers/shared.ts'
import { connected, eventually } from '../zookeeper/helpers.ts'
import { FaultProxy } from './proxy.ts'

async function proxied(): Promise<FaultProxy> {
  const proxy = await FaultProxy.before(sharedServer().port)
  onTestFinished(() => proxy.close())
  return proxy
}

/** Ends the sessions that have passed. */
async function expire(proxy: FaultProxy): Promise<void> {
  const connect = sharedServer().connectString
  for (const resume of proxy.sessions.splice(0)) {
    await (await ZooKeeperClient.connect({ connect, resume })).close()
  }
}

test('a first session that expires before the identities are in: another is begun', async () => {
  const proxy = await proxied()
  let first = true
  proxy.alterReply = (frame, { index }) => {
    if (!first || index !== 1) return frame
    first = false
    // The answer to the identity never comes; the session is gone when it is claimed again.
    void expire(proxy).then(() => proxy.cut())
    return null
  }
  const auth = [{ scheme: 'digest', auth: Buffer.from('ferry:secret') }]
  const client = await connected(proxy.connectString, { auth })
  expect(first).toBe(false)
  expect(client).toMatchObject({ state: 'attached', reconnects: 0 })
  await client.getData('/')
})

test('a session that is taken over and has expired is still said to have', async () => {
  const { connectString } = sharedServer()
  const resume = { sessionId: 0x123456789n, password: Buffer.alloc(16, 7) }
  await expect(ZooKeeperClient.connect({ connect: connectString, resume })).rejects.toMatchObject({
    code: 'SESSIONEXPIRED',
  })
})

test('one ensemble is known as one, although the session that is to tell expires under the question', async () => {
  const [one, other] = [await proxied(), await proxied()]
  other.freeze()
  const asked = isSameEnsemble({ connect: one.connectString }, { connect: other.connectString })
  await eventually(() => expect(one.sessions).toHaveLength(1))
  await expire(one)
  other.thaw()
  expect(await asked).toBe(true)
})
