import fc from 'fast-check'
import { describe, expect, onTestFinished, test } from 'vitest'
import { operations, ZooKeeperError } from '../../src/zookeeper/index.ts'
import { FaultProxy } from '../faults/proxy.ts'
import { sharedServer } from '../servers/shared.ts'
import { connected } from './helpers.ts'

/** A real server whose reply to the `nth` frame of the first connection is altered. */
async function altered(nth: number, alter: (frame: Buffer) => Buffer): Promise<FaultProxy> {
  const proxy = await FaultProxy.before(sharedServer().port)
  onTestFinished(() => proxy.close())
  proxy.alterReply = (frame, { connection, index }) =>
    connection === 0 && index === nth ? alter(Buffer.from(frame)) : frame
  return proxy
}

function withLength(payload: Buffer): Buffer {
  const length = Buffer.alloc(4)
  length.writeInt32BE(payload.length)
  return Buffer.concat([length, payload])
}

/** Frame: i32 length, i32 xid, i64 zxid, i32 err, body. */
const faults: Record<string, (frame: Buffer) => Buffer> = {
  'a reply out of order': (frame) => {
    frame.writeInt32BE(frame.readInt32BE(4) + 1, 4)
    return frame
  },
  'an unknown special xid': (frame) => {
    frame.writeInt32BE(-77, 4)
    return frame
  },
  'a negative length': (frame) => {
    frame.writeInt32BE(-2, 0)
    return frame
  },
  'a length of 2³¹−1': (frame) => {
    frame.writeInt32BE(2 ** 31 - 1, 0)
    return frame
  },
  'a record cut short': (frame) => withLength(frame.subarray(4, frame.length - 1)),
  'a header cut short': (frame) => withLength(frame.subarray(4, 15)),
  'an empty frame': () => withLength(Buffer.alloc(0)),
  'data longer than the frame': (frame) => {
    frame.writeInt32BE(1_000_000, 20)
    return frame
  },
}

describe('a reply that cannot be right drops the connection, and nothing is thrown', () => {
  test.for(Object.entries(faults))('%s', async ([, fault]) => {
    const proxy = await altered(2, fault)
    const client = await connected(proxy.connectString)
    const outcomes = await client.pipeline(operations.getData, ['/', '/', '/', '/'])
    expect(outcomes[0]).toMatchObject({ zxid: expect.any(BigInt) })
    for (const outcome of outcomes.slice(1)) {
      expect(outcome).toMatchObject({ name: 'ProtocolError', code: 'CONNECTIONLOSS', outcomeUnknown: true })
      expect((outcome as Error).message).toContain(proxy.connectString)
    }
    await client.getData('/')
    expect(client).toMatchObject({ state: 'attached', reconnects: 1 })
  })

  test('an unknown error code is an error of its request, with its number', async () => {
    const proxy = await altered(2, (frame) => {
      frame.writeInt32BE(-9876, 16)
      return withLength(frame.subarray(4, 20))
    })
    const client = await connected(proxy.connectString)
    const outcomes = await client.pipeline(operations.getData, ['/', '/zookeeper', '/'])
    expect(outcomes[1]).toMatchObject({
      name: 'ServerError',
      errno: -9876,
      code: 'UNKNOWN(-9876)',
      path: '/zookeeper',
    })
    expect(outcomes[2]).not.toBeInstanceOf(ZooKeeperError)
    expect(client.reconnects).toBe(0)
  })

  test('an unknown event is told as such', async () => {
    const proxy = await FaultProxy.before(sharedServer().port)
    onTestFinished(() => proxy.close())
    proxy.alterReply = (frame) => {
      if (frame.readInt32BE(4) === -1) frame.writeInt32BE(99, 20)
      return frame
    }
    const client = await connected(proxy.connectString)
    const event = new Promise((resolve) => client.once('watch', resolve))
    const { path } = await client.create('/hostile-', null, { flags: 3 })
    await client.getData(path, { watch: true })
    await client.setData(path, null)
    expect(await event).toMatchObject({ type: 'unknown', typeNumber: 99, path })
  })

  test('no zxid that a server sends without meaning lowers the last one seen', async () => {
    const proxy = await altered(3, (frame) => {
      frame.writeBigInt64BE(-1n, 8)
      return frame
    })
    const client = await connected(proxy.connectString)
    await client.getData('/')
    const before = client.lastZxid
    expect(before).toBeGreaterThan(0n)
    await client.getData('/')
    await client.getData('/')
    expect(client.lastZxid).toBeGreaterThanOrEqual(before)
  })

  test('any one byte of a reply but its length may be wrong', async () => {
    const proxy = await FaultProxy.before(sharedServer().port)
    onTestFinished(() => proxy.close())
    let fault: { offset: number; xor: number } | null = null
    proxy.alterReply = (frame, { index }) => {
      if (fault === null || index === 0) return frame
      const changed = Buffer.from(frame)
      const at = 4 + (fault.offset % (changed.length - 4))
      changed[at] = (changed[at] ?? 0) ^ fault.xor
      fault = null
      return changed
    }
    await fc.assert(
      fc.asyncProperty(fc.nat(120), fc.integer({ min: 1, max: 255 }), async (offset, xor) => {
        const client = await connected(proxy.connectString)
        fault = { offset, xor }
        expect(await client.pipeline(operations.getACL, ['/', '/zookeeper', '/'])).toHaveLength(3)
        await client.close()
      }),
      { numRuns: 60 },
    )
  })
})
