import { expect, test } from 'vitest'
import { Burst } from '../../src/zookeeper/burst.ts'
import { ConnectionLossError } from '../../src/zookeeper/errors.ts'
import { InFlight } from '../../src/zookeeper/in-flight.ts'
import { sync } from '../../src/zookeeper/operations/sync.ts'

const LAST_XID = 2 ** 31 - 1

test('xids wrap from 2³¹−1 to 1', () => {
  const inFlight = new InFlight(8, LAST_XID - 1)
  const burst = new Burst(sync, ['/a', '/b', '/c', '/d'])
  const xids: number[] = []
  for (let index = 0; index < 4; index++) {
    xids.push(inFlight.nextXid)
    inFlight.add(burst, index, 10)
  }
  expect(xids).toEqual([LAST_XID - 1, LAST_XID, 1, 2])
  expect(inFlight.find(1)).toBe(2)
  expect(inFlight.find(3)).toBe(-1)
  for (const xid of xids) {
    expect(inFlight.headXid).toBe(xid)
    inFlight.removeHead()
  }
  expect(inFlight.nextXid).toBe(3)
  expect(inFlight.bytes).toBe(0)
  expect(burst.inFlight).toBe(0)
})

test('a loss settles every request once, the one that was answered with its own error', async () => {
  const inFlight = new InFlight(4)
  const burst = new Burst(sync, ['/a', '/b', '/c'])
  const loss = new ConnectionLossError('zk1:2181', 'gone')
  const own = new ConnectionLossError('zk1:2181', 'its own')
  while (!burst.written) inFlight.add(burst, burst.next++, 1)
  inFlight.failAll(loss, 1, own)
  expect(await burst.outcomes).toEqual([loss, own, loss])
  expect(inFlight.count).toBe(0)
})
