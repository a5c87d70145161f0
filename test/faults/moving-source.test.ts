/** A source that moves on after it was copied. */
import { expect, onTestFinished, test } from 'vitest'
import { OPEN_ACL } from '../../src/zookeeper/index.ts'
import { pair, plantMany } from '../helpers/places.ts'
import { contents, readTree } from '../helpers/read-tree.ts'
import { freshJournal, zkferry } from '../helpers/zkferry.ts'
import { sharedServer } from '../servers/shared.ts'
import { FaultProxy } from './proxy.ts'

const SYNC = 9

/** Three directories, and the arguments of a copy under whose verification they change. */
async function movingUnderCopy() {
  const { from, to } = await pair('moved-on')
  await plantMany(from, 3, 3)
  const proxy = await FaultProxy.before(sharedServer('3.9.5').port)
  onTestFinished(() => proxy.close())
  let moved = false
  const moveOn = async () => {
    // All of the copy is there: what asks for a sync now is the verification.
    if (moved || (await to.client.exists(to.at('d00002/z000002'))) === null) return
    moved = true
    const acl = [...OPEN_ACL, { perms: 1, scheme: 'ip', id: Buffer.from('127.0.0.1') }]
    await Promise.all([
      from.client.setACL(from.at('d00001/z000001'), acl),
      from.client.setACL(from.at(''), acl),
      from.client.setData(from.at('d00002/z000002'), Buffer.from('moved on')),
      from.client.create(from.at('d00000/new'), Buffer.from('moved on')),
    ])
  }
  proxy.alterRequest = (frame, { index }) => {
    if (index > 0 && frame.readInt32BE(8) === SYNC && !moved) {
      proxy.freeze()
      void moveOn().then(() => proxy.thaw())
    }
    return frame
  }
  const args = ['copy', '--journal', freshJournal(), from.location, proxy.connectString + to.root]
  return { from, to, args, hasMoved: () => moved }
}

test('a copy that has caught up says that the writers have to be stopped before a switch', async () => {
  const { args, hasMoved } = await movingUnderCopy()
  const { code, summary, of, stderr } = await zkferry([...args, '--settle', '1ms'])
  expect(hasMoved()).toBe(true)
  expect(code, stderr).toBe(0)
  expect(summary.consistency).toBe('converged')
  expect(of('note')).toContainEqual({ message: expect.stringContaining('stop the writers and run the same') })
  // With nobody writing there is nothing to say.
  expect((await zkferry(args)).of('note')).toEqual([])
})

test('the first copy ends with 1, the same command again with 0: nobody works on the target', async () => {
  const { from, to, args, hasMoved } = await movingUnderCopy()
  const first = await zkferry([...args, '--rounds', '0'])
  expect(hasMoved()).toBe(true)
  expect(first.code, first.stderr).toBe(1)
  expect(first.differences()).toEqual([
    ': acl',
    'd00000/new: missing-in-target',
    'd00000: sequence',
    'd00001/z000001: acl',
    'd00002/z000002: data',
  ])
  const second = await zkferry(args)
  expect(second.code, second.stderr).toBe(0)
  expect(contents(await readTree(to))).toEqual(contents(await readTree(from)))

  // Somebody who does change an ACL there is found all the same.
  await to.client.setACL(to.at('d00001'), [{ perms: 31, scheme: 'ip', id: Buffer.from('127.0.0.1') }])
  const third = await zkferry(args)
  expect(third.code, third.stderr).toBe(7)
})
