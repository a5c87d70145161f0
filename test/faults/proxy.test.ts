/** The laboratory's proxy itself: each of its faults, and what the client makes of it. */
import { connect as connectSocket } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { type ClientOptions, ZooKeeperError } from '../../src/zookeeper/index.ts'
import { freshRoot, sharedServer } from '../servers/shared.ts'
import { connected, eventually } from '../zookeeper/helpers.ts'
import { flipped } from './frames.ts'
import { FaultProxy, type ProxyOptions } from './proxy.ts'

async function proxied(options: ProxyOptions = {}): Promise<FaultProxy> {
  const proxy = await FaultProxy.before(sharedServer().port, options)
  onTestFinished(() => proxy.close())
  return proxy
}

const QUICK: Partial<ClientOptions> = { sessionTimeoutMs: 1500 }

/** The session reads and writes again. */
async function works(client: Awaited<ReturnType<typeof connected>>): Promise<void> {
  const path = freshRoot('works')
  await eventually(async () => {
    const outcome = await client.create(path, Buffer.from('x')).catch((error: ZooKeeperError) => error)
    if (outcome instanceof ZooKeeperError) expect(outcome.code).toBe('NODEEXISTS')
  })
  expect((await client.getData(path)).data?.toString()).toBe('x')
}

test.each([
  ['cut', (proxy: FaultProxy) => proxy.cut()],
  ['cut in the middle of a reply', (proxy: FaultProxy) => proxy.cutMidFrame('replies')],
  ['cut in the middle of a request', (proxy: FaultProxy) => proxy.cutMidFrame('requests')],
  ['cut after 7 bytes of replies', (proxy: FaultProxy) => proxy.cutAfter(7, 'replies')],
  ['cut after 9 bytes of requests', (proxy: FaultProxy) => proxy.cutAfter(9, 'requests')],
  ['losing requests', (proxy: FaultProxy) => proxy.lose('requests')],
  ['losing replies', (proxy: FaultProxy) => proxy.lose('replies')],
  ['frozen', (proxy: FaultProxy) => proxy.freeze()],
  ['a length corrupted', (proxy: FaultProxy) => proxy.corrupt('replies', 1, 'length')],
  ['an xid corrupted', (proxy: FaultProxy) => proxy.corrupt('replies', 1, 'xid')],
  ['replies sent again', (proxy: FaultProxy) => proxy.repeatTail('replies', 100)],
] as const)('%s: the session moves to a new connection', async (_, fault) => {
  const proxy = await proxied()
  const client = await connected(proxy.connectString, QUICK)
  await client.getData('/')
  fault(proxy)
  // Something to lose: it fails, or is answered, but is never left open.
  await client.getData('/').catch((error: ZooKeeperError) => expect(error.outcomeUnknown).toBe(true))
  proxy.thaw()
  await eventually(() => expect(client.reconnects).toBeGreaterThan(0))
  await works(client)
})

test('refused, silent and moved: the session waits and goes on', async () => {
  const proxy = await proxied()
  let host = '127.0.0.1'
  const reasons: string[] = []
  const client = await connected(`zoo.example:${proxy.port}`, {
    sessionTimeoutMs: 20_000,
    lookup: async () => [{ address: host }],
    onWaiting: ({ reason }) => reasons.push(reason),
  })
  await proxy.refuse()
  proxy.cut()
  await eventually(() => expect(reasons.join()).toContain('refuses connections'))
  await proxy.admit()
  await works(client)

  proxy.silence()
  proxy.cut()
  await eventually(() => expect(reasons.join()).toContain('does not answer'))
  await proxy.admit()
  await works(client)

  await proxy.moveTo('127.0.0.9')
  host = '127.0.0.9'
  await works(client)
  expect(client.reconnects).toBeGreaterThanOrEqual(3)
})

test('delayed, jittered and throttled: everything arrives, in order', async () => {
  const proxy = await proxied({ seed: 'slow' })
  Object.assign(proxy.pace, { delayMs: 5, jitterMs: 20, bytesPerSecond: 500_000 })
  const client = await connected(proxy.connectString)
  const path = freshRoot('slow')
  const data = Buffer.alloc(20_000, 7)
  await client.create(path, data)
  const replies = await Promise.all(Array.from({ length: 20 }, () => client.getData(path)))
  for (const reply of replies) expect(reply.data?.equals(data)).toBe(true)
  expect(client.reconnects).toBe(0)
})

test('the sessions that pass are known, so that they can be ended', async () => {
  const proxy = await proxied()
  const client = await connected(proxy.connectString)
  const [seen] = proxy.sessions
  expect(seen).toEqual({ sessionId: client.sessionId, password: client.sessionPassword })
})

test('four-letter words pass', async () => {
  const proxy = await proxied()
  const answer = await new Promise<string>((resolve) => {
    const socket = connectSocket(proxy.port, '127.0.0.1', () => socket.write('ruok'))
    let text = ''
    socket.on('data', (chunk) => {
      text += chunk
    })
    socket.on('close', () => resolve(text))
  })
  expect(answer).toBe('imok')
})

test('one bit is flipped, in the part that was asked for', () => {
  const frame = Buffer.alloc(40)
  for (const [part, from, to] of [
    ['length', 0, 4],
    ['xid', 4, 8],
    ['zxid', 8, 16],
    ['error', 16, 20],
    ['body', 20, 40],
  ] as const) {
    const altered = flipped(frame, part, (limit) => limit - 1)
    const changed = [...altered.entries()].filter(([at, byte]) => byte !== frame[at])
    expect(changed).toHaveLength(1)
    const [at, byte] = changed[0] as [number, number]
    expect(at).toBeGreaterThanOrEqual(from)
    expect(at).toBeLessThan(to)
    expect([1, 2, 4, 8, 16, 32, 64, 128]).toContain(byte)
  }
})
