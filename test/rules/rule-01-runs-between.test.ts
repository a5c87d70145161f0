/** Rule 1 when there are runs in between: filtered, refused, without ACLs, broken off. */
import type { ChildProcess } from 'node:child_process'
import { describe, expect, onTestFinished, test } from 'vitest'
import { FaultProxy } from '../faults/proxy.ts'
import { type Place, pair, parseAcl, plant, plantMany } from '../helpers/places.ts'
import { freshJournal, meanwhile, zkferry, zkferryUntil } from '../helpers/zkferry.ts'

const COPYING = /"type":"progress","phase":"copy","znodes":[1-9]/
const MINE = parseAcl('31:ip:127.0.0.1')

const killed = (args: string[], when = COPYING) =>
  zkferryUntil([...args, '--concurrency', '1', '--rate', '400'], when, 'SIGKILL')

async function dataOf(where: Place, path: string) {
  return (await where.client.getData(where.at(path))).data?.toString()
}

async function idOf(where: Place, path: string) {
  return (await where.client.getACL(where.at(path))).acl.map(({ id }) => id).join(',')
}

describe('rule 1: what no run of ours knows of is a stranger’s, also', () => {
  test('when a run was refused because of it', async () => {
    const { from, to } = await pair('between')
    await plant(from, { '': null, a: '1', b: null, 'b/c': '1' })
    await plant(to, { '': null, b: null, 'b/c': 'a stranger’s' })
    const args = ['--journal', freshJournal(), from.location, to.location]
    expect((await zkferry(['copy', '--merge', '--include', 'a', ...args])).code).toBe(0)
    for (const flags of [['--restart'], [], []])
      expect((await zkferry(['copy', ...flags, ...args])).code).toBe(7)
    expect(await dataOf(to, 'b/c')).toBe('a stranger’s')
  })

  test('when the look for it was broken off', async () => {
    const { from, to } = await pair('between')
    await plantMany(from, 10, 60)
    await plant(from, { a: '1', zz: '1' })
    await plant(to, { '': null, zz: 'a stranger’s' })
    const args = ['--journal', freshJournal(), from.location, to.location]
    expect((await zkferry(['copy', '--merge', '--include', 'a', ...args])).code).toBe(0)
    const planning = /"type":"progress","phase":"plan","znodes":[1-9]/
    const look = await zkferryUntil(['copy', '--restart', '--rate', '300', ...args], planning, 'SIGINT')
    expect(look.code).toBe(130)
    expect((await zkferry(['copy', ...args])).code).toBe(7)
    expect(await dataOf(to, 'zz')).toBe('a stranger’s')
  })

  test('when a first copy was broken off before it wrote anything', async () => {
    const { from, to } = await pair('between')
    await plantMany(from, 5, 10)
    await plant(to, { '': null })
    const args = ['copy', '--journal', freshJournal(), from.location, to.location]
    // The first group waits for its turn.
    const stopped = await zkferryUntil([...args, '--byte-rate', '1'], /"type":"run"/, 'SIGINT')
    expect(stopped.code).toBe(130)
    expect((await to.client.getChildren(to.root)).children).toEqual([])
    await plant(to, { d00001: 'a stranger’s' })
    expect((await zkferry(args)).code).toBe(7)
    expect(await dataOf(to, 'd00001')).toBe('a stranger’s')
  })
})

describe('rule 1: an ACL that somebody set on the target is not set back', () => {
  test('after a second copy that was broken off, and ended', async () => {
    const { from, to } = await pair('between')
    await plantMany(from, 20, 50)
    const journal = freshJournal()
    const args = ['copy', '--journal', journal, from.location, to.location]
    expect((await zkferry(args)).code).toBe(0)
    await from.client.setData(from.at('d00000/z000000'), Buffer.from('v2'))
    expect((await killed(args)).code).toBeNull()
    expect((await zkferry(args)).code).toBe(0)
    const compared = await zkferry(['verify', '--from-journal', journal, to.location])
    expect(compared.code, compared.stderr).toBe(0)
    await to.client.setACL(to.at('d00019/z000007'), [MINE])
    expect((await zkferry(args)).code).toBe(7)
    expect(await idOf(to, 'd00019/z000007')).toBe('127.0.0.1')
  })

  test.each(['', 'a/b'])('with a run without ACLs in between: "%s"', async (path) => {
    const { from, to } = await pair('between')
    await plant(from, { '': null, a: null, 'a/b': '1' })
    const args = ['--restart', '--journal', freshJournal(), from.location, to.location]
    expect((await zkferry(['copy', ...args])).code).toBe(0)
    await to.client.setACL(to.at(path), [MINE])
    expect((await zkferry(['copy', '--no-acl', ...args])).code).toBe(0)
    expect((await zkferry(['copy', ...args])).code).toBe(7)
    expect(await idOf(to, path)).toBe('127.0.0.1')
  })
})

test('rule 1: what somebody set after it was proved, before the run had ended', async () => {
  const { from, to } = await pair('between')
  await plantMany(from, 10, 60)
  // Its ACL locks the tool out, so that ACLs are set after the proof.
  await plant(from, { zz: null, 'zz/a': '1' })
  await from.client.setACL(from.at('zz'), [parseAcl('1:world:anyone')])
  const args = ['copy', '--journal', freshJournal(), from.location, to.location]
  const proving = /"phase":"verify","znodes":[1-5]\d\d/
  const first = await meanwhile([...args, '--rate', '200', '--concurrency', '1'], proving, async () => {
    await to.client.setData(to.at('d00000/z000001'), Buffer.from('live'))
  })
  expect(first.code, first.stderr).toBe(0)
  expect((await zkferry(args)).code).toBe(7)
  expect(await dataOf(to, 'd00000/z000001')).toBe('live')
})

test('rule 1: what a filtered run of ours deleted in between is nobody else’s doing', async () => {
  const { from, to } = await pair('between')
  await plant(from, { '': null, a: null, 'a/x': '1', 'a/y': '1', b: '1' })
  const args = ['--restart', '--journal', freshJournal(), from.location, to.location]
  expect((await zkferry(['copy', ...args])).code).toBe(0)
  await from.client.delete(from.at('a/x'))
  const filtered = ['--include', 'a', '--include', 'a/**', '--delete', '--yes']
  expect((await zkferry(['copy', ...filtered, ...args])).summary.znodes.deleted).toBe(1)
  await from.client.setData(from.at('b'), Buffer.from('2'))
  const { code, stderr } = await zkferry(['copy', ...args])
  expect(code, stderr).toBe(0)
})

test('rule 1: the writes of a killed second copy are its own, though the source has moved on since', async () => {
  const { from, to } = await pair('between')
  await plantMany(from, 40, 50)
  const args = ['copy', '--journal', freshJournal(), from.location, to.location]
  expect((await zkferry(args)).code).toBe(0)
  const [first, ...others] = Array.from({ length: 2000 }, (_, at) => {
    const [directory, leaf] = [Math.floor(at / 50), at % 50].map(String)
    return `d${directory?.padStart(5, '0')}/z${leaf?.padStart(6, '0')}`
  }) as [string, ...string[]]
  const set = (data: string) =>
    Promise.all([first, ...others].map((path) => from.client.setData(from.at(path), Buffer.from(data))))
  await set('v2')
  // As soon as its first writes have arrived: hardly any of them are on record.
  const onStart = async (child: ChildProcess) => {
    while (child.exitCode === null && (await dataOf(to, first)) !== 'v2');
    child.kill('SIGKILL')
  }
  expect((await zkferry(args, { onStart: (child) => void onStart(child) })).code).toBeNull()
  await set('v3')
  const { code, stderr } = await zkferry(args)
  expect(code, stderr).toBe(0)
  expect(await dataOf(to, others.at(-1) as string)).toBe('v3')
})

test('what a broken-off second copy left of its temporary identity is taken out by the same command', async () => {
  const { from, to } = await pair('between')
  await plantMany(from, 10, 60)
  await plant(from, { zz: null, 'zz/a': '1' })
  const args = ['copy', '--journal', freshJournal(), from.location, to.location]
  expect((await zkferry(args)).code).toBe(0)
  await from.client.setACL(from.at('zz'), [parseAcl('1:world:anyone')])
  expect((await killed(args, /"type":"progress","phase":"verify"/)).code).toBeNull()
  expect(await idOf(to, 'zz')).toContain('zkferry-')
  const { code, stderr } = await zkferry(args)
  expect(code, stderr).toBe(0)
  expect(await idOf(to, 'zz')).toBe('anyone')
})

test('an interrupted copy with --delete leaves a record that its target is compared with', async () => {
  const { from, to } = await pair('between')
  await plantMany(from, 20, 50)
  await plant(from, { 'a-dir': null, 'a-dir/x': '1', 'b-dir': null, 'b-dir/x': '1' })
  const journal = freshJournal()
  const args = ['copy', '--journal', journal, '--delete', '--yes', from.location, to.location]
  expect((await killed(args, /"type":"progress","phase":"copy","znodes":[2-9]\d\d/)).code).toBeNull()
  for (const path of ['a-dir/x', 'a-dir', 'b-dir/x']) await from.client.delete(from.at(path))
  expect((await zkferry(args)).code).toBe(0)
  const { code, stderr } = await zkferry(['verify', '--from-journal', journal, to.location])
  expect(code, stderr).toBe(0)
})

describe('rule 1: nothing of a copy that was killed and went on is taken for somebody else’s by the next', () => {
  const proving = /"type":"progress","phase":"verify","znodes":[1-9]/

  test.each([[], ['--delete', '--yes']])('what it wrote, or deleted, before: %j', async (...flags) => {
    const { from, to } = await pair('between')
    await plantMany(from, 10, 60)
    const args = ['copy', ...flags, '--journal', freshJournal(), from.location, to.location]
    expect((await zkferry(args)).code).toBe(0)
    for (let at = 0; at < 10; at++) {
      const path = from.at(`d00003/z00000${at}`)
      await (flags.length > 0 ? from.client.delete(path) : from.client.setData(path, Buffer.from('v2')))
    }
    expect((await killed(args, proving)).code).toBeNull()
    for (const data of ['v3', 'v4']) {
      const { code, stderr } = await zkferry(args)
      expect(code, stderr).toBe(0)
      await from.client.setData(from.at('d00005/z000001'), Buffer.from(data))
    }
    expect((await zkferry(args)).code).toBe(0)
  })

  test('the root, of which nothing was on record yet', async () => {
    const { from, to } = await pair('between')
    await plant(from, { '': 'v1', a: '1' })
    const args = ['copy', '--journal', freshJournal(), from.location, to.location]
    expect((await zkferry(args)).code).toBe(0)
    // As many versions take a while to be made on the target.
    const set = Array.from({ length: 1000 }, () => ({ op: 'setData', path: from.root, data: null }) as const)
    for (let round = 0; round < 60; round++) await from.client.multi(set)
    await from.client.setData(from.at('a'), Buffer.from('2'))
    const onStart = async (child: ChildProcess) => {
      while (child.exitCode === null && (await to.client.exists(to.root))?.version === 0);
      child.kill('SIGKILL')
    }
    expect((await zkferry(args, { onStart: (child) => void onStart(child) })).code).toBeNull()
    const { code, stderr } = await zkferry(args)
    expect(code, stderr).toBe(0)
  })

  test('a root that could not be written', async () => {
    const { from, to } = await pair('between')
    // Not to be set by anyone.
    const readOnly = '29:world:anyone'
    await plant(from, { '': { data: 'v1', acl: [readOnly] }, a: '1' })
    const args = ['copy', '--no-verify', '--journal', freshJournal(), from.location, to.location]
    expect((await zkferry(args)).code).toBe(0)
    await from.client.setACL(from.root, [parseAcl('31:world:anyone')])
    await from.client.setData(from.root, Buffer.from('v2'))
    await from.client.setACL(from.root, [parseAcl(readOnly)])
    for (const _ of ['then', 'and again']) {
      const { code, stderr } = await zkferry(args)
      expect(code, stderr).toBe(3)
    }
  })
})

test('rule 1: what somebody set after it was proved, before another znode was repaired', async () => {
  const { from, to } = await pair('between')
  await plantMany(from, 10, 60)
  const args = ['copy', '--journal', freshJournal(), from.location, to.location]
  const slowly = ['--rate', '200', '--concurrency', '1', '--settle', '100ms']
  const first = await meanwhile([...args, ...slowly], /"phase":"verify","znodes":[1-4]\d\d/, async () => {
    await to.client.setData(to.at('d00000/z000001'), Buffer.from('live'))
    await from.client.setData(from.at('d00009/z000059'), Buffer.from('v2'))
  })
  expect([first.code, first.summary.consistency]).toEqual([0, 'converged'])
  expect(await dataOf(to, 'd00009/z000059')).toBe('v2')
  const { code, of } = await zkferry(args)
  expect(code).toBe(7)
  expect(of('note').map(({ message }) => message)).toEqual([
    'changed on the target since the last run: d00000/z000001',
  ])
  expect(await dataOf(to, 'd00000/z000001')).toBe('live')
})

test('rule 1: what a round repaired stays ours, also after a copy that found nothing to do', async () => {
  const { from, to } = await pair('between')
  await plantMany(from, 10, 60)
  const args = ['copy', '--journal', freshJournal(), from.location, to.location]
  const slowly = ['--rate', '200', '--concurrency', '1', '--settle', '100ms']
  const first = await meanwhile([...args, ...slowly], /"phase":"verify","znodes":[1-4]\d\d/, async () => {
    await from.client.setData(from.at('d00009/z000059'), Buffer.from('v2'))
    await plant(from, { 'd00008/new': '1', 'd00008/new/below': '2' })
  })
  expect([first.code, first.summary.consistency]).toEqual([0, 'converged'])
  for (const data of ['v2', 'v3', 'v4']) {
    const { code, stderr } = await zkferry(args)
    expect(code, stderr).toBe(0)
    await from.client.setData(from.at('d00000/z000000'), Buffer.from(data))
  }
  await to.client.delete(to.at('d00008/new/below'))
  expect((await zkferry(args)).code).toBe(7)
})

describe('rule 1: our own writes are ours, also', () => {
  const set = (where: Place, data: string) =>
    Promise.all(
      Array.from({ length: 10 }, (_, at) =>
        where.client.setData(where.at(`d0000${at}/z000005`), Buffer.from(data)),
      ),
    )

  test.each(['--restart', 'runs abandon'])('those of a second copy that was given up: %s', async (how) => {
    const { from, to } = await pair('between')
    await plantMany(from, 10, 60)
    const journal = freshJournal()
    const args = ['copy', '--journal', journal, from.location, to.location]
    expect((await zkferry(args)).code).toBe(0)
    await set(from, 'v2')
    const halfway = /"type":"progress","phase":"copy","znodes":[2-5]\d\d/
    const slowly = [...args, '--rate', '200', '--concurrency', '1']
    const { code, summary } = await zkferryUntil(slowly, halfway, 'SIGINT')
    expect(code).toBe(130)
    await set(from, 'v3')
    if (how === '--restart') args.push(how)
    else await zkferry(['runs', 'abandon', String(summary.runId), '--journal', journal])
    const again = await zkferry(args)
    expect(again.code, again.stderr).toBe(0)
  })

  test('one that arrived in a round, and whose connection was lost', async () => {
    const { from, to } = await pair('between')
    await plantMany(from, 10, 60)
    const proxy = await FaultProxy.before(Number(to.address.split(':')[1]))
    onTestFinished(() => proxy.close())
    const args = ['copy', '--journal', freshJournal(), from.location, proxy.connectString + to.root]
    const SET_DATA = 5
    const arrived = async () => {
      while ((await dataOf(to, 'd00000/z000001')) !== 'v2');
    }
    let cuts = 0
    proxy.alterRequest = (frame, { index }) => {
      if (index === 0 || frame.readInt32BE(8) !== SET_DATA || cuts++ > 0) return frame
      proxy.alterReply = () => null
      void arrived().then(() => {
        proxy.cut()
        proxy.alterReply = (reply) => reply
      })
      return frame
    }
    const slowly = [...args, '--rate', '200', '--concurrency', '1', '--settle', '100ms']
    const first = await meanwhile(slowly, /"phase":"copy","znodes":[2-5]\d\d/, async () => {
      await from.client.setData(from.at('d00000/z000001'), Buffer.from('v2'))
    })
    expect([first.code, cuts > 0]).toEqual([0, true])
    await from.client.setData(from.at('d00003/z000001'), Buffer.from('v3'))
    const { code, stderr } = await zkferry(args)
    expect(code, stderr).toBe(0)
  })
})
