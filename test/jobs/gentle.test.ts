/** Servers that take long to answer, or refuse, are asked less; leaders are left alone where others can serve. */
import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { findLeaders, ZooKeeperClient } from '../../src/zookeeper/index.ts'
import { FaultProxy } from '../faults/proxy.ts'
import { pair, plantMany } from '../helpers/places.ts'
import { contents, readTree } from '../helpers/read-tree.ts'
import { zkferry } from '../helpers/zkferry.ts'
import { type Ensemble, startEnsemble } from '../servers/index.ts'

const THROTTLED = -127
const GET_ACL = 6
const MULTI = 14

const port = (address: string) => Number(address.split(':')[1])
const throttled = (summary: unknown) => (summary as { throttled: number }).throttled

test('--gentle gives the same copy, verified, on verify, digest and rmr too', async () => {
  const { from, to } = await pair('gentle')
  await plantMany(from, 10, 300)
  const copied = await zkferry(['copy', '--gentle', from.location, to.location])
  expect(copied.code, copied.stderr).toBe(0)
  expect(contents(await readTree(to))).toEqual(contents(await readTree(from)))
  const verified = await zkferry(['verify', '--gentle', from.location, to.location])
  expect(verified.summary.status).toBe('identical')
  const digest = await zkferry(['digest', '--gentle', to.location])
  expect(digest.summary.digest.source).toBe(copied.summary.digest.source)
  const removed = await zkferry(['rmr', '--gentle', '--yes', to.location])
  expect(removed.summary.znodes.deleted).toBe(3011)
})

test('answers that take long are said, counted, and shown in the summary; the copy is whole', async () => {
  const { from, to } = await pair('gentle')
  await plantMany(from, 20, 300)
  const proxy = await FaultProxy.before(port(from.address))
  try {
    // Once the usual time is known, all answers of the source are held back for a while, again and again.
    let replies = 0
    proxy.alterReply = (frame) => {
      if (++replies % 400 === 0) {
        proxy.hold()
        setTimeout(() => proxy.release(), 100)
      }
      return frame
    }
    const { code, summary, of, stderr } = await zkferry([
      ...['copy', '--gentle', `${proxy.connectString}${from.root}`],
      to.location,
    ])
    expect(code, stderr).toBe(0)
    expect(throttled(summary)).toBeGreaterThan(0)
    const first = of('slowed').find(({ side }) => side === 'source')
    expect(first?.answerMs).toBeGreaterThan(first?.usualMs as number)
    expect(contents(await readTree(to))).toEqual(contents(await readTree(from)))
  } finally {
    await proxy.close()
  }
})

describe.each([
  ['reads of the source', GET_ACL, 'source'],
  ['writes to the target', MULTI, 'target'],
] as const)('a server that throttles %s (THROTTLEDOP)', (_what, opcode, side) => {
  test('is asked again, and less', async () => {
    const { from, to } = await pair('gentle')
    await plantMany(from, 5, 100)
    const throttling = side === 'source' ? from : to
    const proxy = await FaultProxy.before(port(throttling.address))
    try {
      // A request is refused by asking for something else in its place, and answering as a throttling server does.
      const refused = new Set<string>()
      let left = 5
      proxy.alterRequest = (frame, { connection }) => {
        if (left > 0 && frame.length > 12 && frame.readInt32BE(8) === opcode) {
          left--
          refused.add(`${connection} ${frame.readInt32BE(4)}`)
          // exists("/"), after its length
          const other = Buffer.alloc(18)
          other.writeInt32BE(14, 0)
          other.writeInt32BE(frame.readInt32BE(4), 4)
          other.writeInt32BE(3, 8)
          other.writeInt32BE(1, 12)
          other.write('/', 16)
          return other
        }
        return frame
      }
      proxy.alterReply = (frame, { connection }) => {
        if (frame.length < 20 || !refused.delete(`${connection} ${frame.readInt32BE(4)}`)) return frame
        const reply = Buffer.from(frame.subarray(0, 20))
        reply.writeInt32BE(16, 0)
        reply.writeInt32BE(THROTTLED, 16)
        return reply
      }
      const at = (place: typeof from) =>
        place === throttling ? `${proxy.connectString}${place.root}` : place.location
      const { code, summary, stderr } = await zkferry(['copy', at(from), at(to)])
      expect(code, stderr).toBe(0)
      expect(left).toBeLessThan(5)
      expect(throttled(summary)).toBeGreaterThan(0)
      expect(contents(await readTree(to))).toEqual(contents(await readTree(from)))
    } finally {
      await proxy.close()
    }
  })
})

describe('--avoid-leader', () => {
  let ensemble: Ensemble
  beforeAll(async () => {
    ensemble = await startEnsemble({ size: 3 })
  })
  afterAll(() => ensemble?.stop())

  const received = async (server: { fourLetter(word: string): Promise<string> }) =>
    Number(/^zk_packets_received\t(\d+)/m.exec(await server.fourLetter('mntr'))?.[1])

  test('followers do the work; without a follower the leader serves', async () => {
    const leader = await ensemble.leader()
    const client = await ZooKeeperClient.connect({ connect: ensemble.connectString })
    await plantMany({ client, root: '/gentle' }, 10, 200)
    await client.close()
    const before = await received(leader)
    const location = `${ensemble.connectString}/gentle`
    const digest = await zkferry(['digest', '--avoid-leader', location])
    expect(digest.summary.znodes.read).toBe(2011)
    expect(digest.of('note')).toEqual([])
    // Nothing but the four-letter words themselves, on any session.
    expect((await received(leader)) - before).toBeLessThan(20)
    const alone = await zkferry(['digest', '--avoid-leader', `${leader.connectString}/gentle`])
    expect(alone.summary.digest.source).toBe(digest.summary.digest.source)
    expect((await received(leader)) - before).toBeGreaterThan(2000)
  })

  test('a session that loses its follower goes to another one', async () => {
    const leader = await ensemble.leader()
    const hosts = ensemble.connectString.split(',').map((text) => ({ host: '127.0.0.1', port: port(text) }))
    const { leaders, known } = await findLeaders(hosts)
    expect([leaders.size, known]).toEqual([1, 3])
    const client = await ZooKeeperClient.connect({ connect: ensemble.connectString, avoid: leaders })
    try {
      for (let moves = 0; moves < 2; moves++) {
        const server = client.server as string
        expect(server).not.toBe(leader.connectString)
        const follower = (await ensemble.followers()).find((one) => one.connectString === server)
        await follower?.kill()
        await client.sync('/').catch(() => client.sync('/'))
        expect(client.server).not.toBe(server)
        expect(client.server).not.toBe(leader.connectString)
        await follower?.start()
      }
    } finally {
      await client.close()
    }
  })

  test('where srvr is not answered, any server is taken, and that is said', async () => {
    const leader = await ensemble.leader()
    const proxy = createServer((socket) => {
      socket.on('error', () => {})
      socket.once('data', (first) => {
        if (first.toString('latin1') === 'srvr') return socket.end()
        const server = connect(leader.port, '127.0.0.1')
        server.on('error', () => {})
        server.write(first)
        socket.pipe(server).pipe(socket)
      })
    })
    proxy.listen(0, '127.0.0.1')
    await once(proxy, 'listening')
    try {
      const location = `127.0.0.1:${(proxy.address() as AddressInfo).port}/gentle`
      const { code, of, stderr } = await zkferry(['digest', '--avoid-leader', location])
      expect(code, stderr).toBe(0)
      expect(of('note')).toEqual([{ message: expect.stringContaining('--avoid-leader takes any') }])
    } finally {
      proxy.close()
    }
  })
})
