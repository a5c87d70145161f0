/** Sessions that end, names that move, and a network at its worst, while a copy runs. */
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { ZooKeeperClient } from '../../src/zookeeper/index.ts'
import { type Place, place, plantMany } from '../helpers/places.ts'
import { contents, readTree } from '../helpers/read-tree.ts'
import { zkferry } from '../helpers/zkferry.ts'
import { sharedServer } from '../servers/shared.ts'
import { copyDuring, expectWhole } from './during.ts'
import { resolver } from './preload.ts'
import { FaultProxy } from './proxy.ts'

let from: Place
beforeAll(async () => {
  from = await place('3.4.14', 'sessions-from')
  await plantMany(from, 20, 40)
})

/** A proxy before one of the shared servers. */
async function proxied(version: '3.4.14' | '3.9.5'): Promise<FaultProxy> {
  const proxy = await FaultProxy.before(sharedServer(version).port, { record: false })
  onTestFinished(() => proxy.close())
  return proxy
}

/** Ends every session that has passed a proxy, as the FAQ says: by its id and password. */
async function expireAll({ sessions }: FaultProxy, version: '3.4.14' | '3.9.5'): Promise<void> {
  const connect = sharedServer(version).connectString
  for (const resume of sessions.splice(0)) {
    const thief = await ZooKeeperClient.connect({ connect, resume }).catch(() => null)
    await thief?.close()
  }
}

describe('sessions that are ended from outside', () => {
  test.each([['source'], ['target']] as const)('of the %s: others take their place', async (side) => {
    const to = await place('3.9.5', 'expired')
    const [near, far] = [await proxied('3.4.14'), await proxied('3.9.5')]
    const locations: [string, string] = [near.connectString + from.root, far.connectString + to.root]
    const outcome = await copyDuring({ from, to, locations }, async () => {
      if (side !== 'target') await expireAll(near, '3.4.14')
      if (side !== 'source') await expireAll(far, '3.9.5')
    })
    await expectWhole({ from, to }, outcome)
    expect(outcome.summary.survived.expiredSessions).toBeGreaterThan(0)
    expect(outcome.summary.survived.reconnects).toBeGreaterThanOrEqual(
      outcome.summary.survived.expiredSessions,
    )
  })
})

describe('a resolver that changes its mind', () => {
  test('a member moves to another address, another is removed from DNS: found, and done without', async () => {
    const to = await place('3.9.5', 'dns')
    const [moving, leaving] = [await proxied('3.9.5'), await proxied('3.9.5')]
    const file = join(mkdtempSync(join(tmpdir(), 'zkferry-dns-')), 'names.json')
    const names = (text: object) => writeFileSync(file, JSON.stringify(text))
    names({ 'zoo1.example': ['127.0.0.1'], 'zoo2.example': ['127.0.0.1'] })
    const target = `zoo1.example:${moving.port},zoo2.example:${leaving.port}${to.root}`
    const outcome = await copyDuring(
      { from, to, locations: [from.location, target], options: { env: resolver(file) } },
      async () => {
        names({ 'zoo1.example': ['127.0.0.3'] })
        await leaving.refuse()
        leaving.cut()
        await moving.moveTo('127.0.0.3')
      },
    )
    await expectWhole({ from, to }, outcome)
    expect(outcome.summary.survived.reconnects).toBeGreaterThan(0)
  })
})

describe('a network that', () => {
  /** Through a proxy on either side. */
  async function copyThrough(fault: (near: FaultProxy, far: FaultProxy) => Promise<unknown> | unknown) {
    const to = await place('3.9.5', 'network')
    const [near, far] = [await proxied('3.4.14'), await proxied('3.9.5')]
    const locations: [string, string] = [near.connectString + from.root, far.connectString + to.root]
    const outcome = await copyDuring({ from, to, locations }, async () => fault(near, far))
    return { to, outcome }
  }

  test.each([
    [
      'cuts connections in the middle of frames, or after some bytes',
      (near: FaultProxy, far: FaultProxy) => {
        near.cutMidFrame('replies')
        far.cutAfter(100, 'requests')
      },
    ],
    [
      'loses everything, one way only',
      (near: FaultProxy, far: FaultProxy) => {
        near.lose('replies')
        far.lose('requests')
      },
    ],
    [
      'repeats replies',
      (near: FaultProxy, far: FaultProxy) => {
        near.repeatTail('replies')
        far.repeatTail('replies')
      },
    ],
  ] as const)('%s', async (_, fault) => {
    const { to, outcome } = await copyThrough(fault)
    await expectWhole({ from, to }, outcome)
    expect(outcome.summary.survived.reconnects).toBeGreaterThan(0)
  })

  test('freezes for longer than the sessions live', async () => {
    const { to, outcome } = await copyThrough(async (near, far) => {
      near.freeze()
      far.freeze()
      await Promise.all([expireAll(near, '3.4.14'), expireAll(far, '3.9.5')])
      near.thaw()
      far.thaw()
    })
    await expectWhole({ from, to }, outcome)
    expect(outcome.summary.survived.expiredSessions).toBeGreaterThan(0)
  })

  test('flips bits in data on their way: the verification reads again, and puts it right', async () => {
    const to = await place('3.9.5', 'flips')
    const near = await proxied('3.4.14')
    let flips = 0
    near.alterReply = (frame) => {
      const at = dataOfLeaf(frame)
      if (at < 0 || flips === 3) return frame
      flips++
      const copy = Buffer.from(frame)
      copy[at + 50] = (copy[at + 50] as number) ^ 4
      return copy
    }
    const { code, stderr, summary } = await zkferry(['copy', near.connectString + from.root, to.location])
    expect(flips).toBe(3)
    expect(code, stderr).toBe(0)
    expect(summary).toMatchObject({ status: 'done', znodes: { updated: 3 }, differences: 0 })
    expect(summary.survived.remarched).toBeGreaterThan(0)
    expect(contents(await readTree(to))).toEqual(contents(await readTree(from)))
  })
})

/** Where a hundred equal bytes begin; −1 where there are none. */
function dataOfLeaf(frame: Buffer): number {
  for (let at = 0; at + 100 <= frame.length; at++) {
    if (frame.subarray(at + 1, at + 100).every((byte) => byte === frame[at])) return at
  }
  return -1
}
