import { describe, expect, test } from 'vitest'
import { encodeAcl, OPEN_ACL, operations, ZooKeeperError } from '../../src/zookeeper/index.ts'
import { FaultProxy } from '../faults/proxy.ts'
import { freshRoot, sharedServer } from '../servers/shared.ts'
import { connected } from './helpers.ts'

const acl = encodeAcl(OPEN_ACL)

describe('a pipeline', () => {
  test('a flood of mixed outcomes comes back in order, each at its place', async () => {
    const client = await connected(sharedServer().connectString)
    const root = freshRoot('flood')
    await client.create(root, null)
    const paths = Array.from(
      { length: 20_000 },
      (_, index) => `${root}/${index % 10 === 0 ? 'none-' : 'z-'}${index}`,
    )
    const creates = paths.flatMap((path, index) =>
      index % 10 === 0 ? [] : [{ op: 'create' as const, path, data: Buffer.from(String(index)), acl }],
    )
    const batches = Array.from({ length: 18 }, (_, index) => creates.slice(index * 1000, (index + 1) * 1000))
    const multis = client.pipeline(operations.multi, batches)
    // Not awaited: the session is first in, first out.
    const reads = await client.pipeline(operations.getData, paths)
    for (const outcome of await multis) expect(outcome).not.toBeInstanceOf(ZooKeeperError)
    for (const [index, outcome] of reads.entries()) {
      if (index % 10 === 0) expect(outcome).toMatchObject({ code: 'NONODE', path: paths[index] })
      else if (outcome instanceof ZooKeeperError) throw outcome
      else expect(outcome.data?.toString()).toBe(String(index))
    }
    expect(client.reconnects).toBe(0)
  })

  test('no more is in flight than the limits allow, by count, by bytes and by its own window', async () => {
    const proxy = await FaultProxy.before(sharedServer().port)
    let waiting = 0
    let most = 0
    proxy.alterRequest = (frame) => {
      if (frame.readInt32BE(4) > 0) most = Math.max(most, ++waiting)
      return frame
    }
    proxy.alterReply = (frame, { index }) => {
      if (index > 0 && frame.readInt32BE(4) > 0) waiting--
      return frame
    }
    const paths = Array.from({ length: 2000 }, () => '/')
    const count = await connected(proxy.connectString, { maxInFlight: 10 })
    await count.pipeline(operations.exists, paths)
    expect(most).toBe(10)
    most = 0
    const window = await connected(proxy.connectString)
    await window.pipeline(operations.exists, paths, { window: 3 })
    expect(most).toBe(3)
    most = 0
    // A request for "/" takes 18 bytes with its length: the sixth begins below the limit, the seventh does not.
    const bytes = await connected(proxy.connectString, { maxInFlightBytes: 100 })
    await bytes.pipeline(operations.exists, paths)
    expect(most).toBe(6)
    await Promise.all([count.close(), window.close(), bytes.close()])
    await proxy.close()
  })

  test('a windowed pipeline lets others pass', async () => {
    const client = await connected(sharedServer().connectString)
    const done: string[] = []
    const note = (name: string) => () => void done.push(name)
    await Promise.all([
      client
        .pipeline(
          operations.exists,
          Array.from({ length: 500 }, () => '/'),
          { window: 1 },
        )
        .then(note('windowed')),
      client.pipeline(operations.exists, ['/', '/']).then(note('small')),
    ])
    expect(done).toEqual(['small', 'windowed'])
  })

  test('a request that cannot be encoded fails alone', async () => {
    const client = await connected(sharedServer().connectString)
    const bad = { path: '/x', data: null, acl, ttlMs: 0.5 }
    const [first, second] = await Promise.all([
      client.pipeline(operations.createTTL, [bad]),
      client.pipeline(operations.exists, ['/']),
    ])
    expect(first[0]).toMatchObject({ code: 'BADREQUEST' })
    expect(second[0]).toMatchObject({ stat: { czxid: 0n } })
  })

  test('an empty pipeline has no outcomes', async () => {
    const client = await connected(sharedServer().connectString)
    expect(await client.pipeline(operations.exists, [])).toEqual([])
  })

  test('a flood of large requests waits for the socket', async () => {
    const client = await connected(sharedServer().connectString)
    const path = freshRoot('large')
    await client.create(path, null)
    const data = Buffer.alloc(900_000, 'x')
    const outcomes = await client.pipeline(
      operations.setData,
      Array.from({ length: 60 }, () => ({ path, data })),
    )
    expect(
      outcomes.map((outcome) => (outcome instanceof ZooKeeperError ? outcome : outcome.stat.version)),
    ).toEqual(Array.from({ length: 60 }, (_, index) => index + 1))
    const replies = await client.pipeline(
      operations.getData,
      Array.from({ length: 30 }, () => path),
    )
    for (const reply of replies) {
      if (reply instanceof ZooKeeperError) throw reply
      expect(reply.data?.equals(data)).toBe(true)
    }
  })
})
