/** `--keep-existing`: what was there before the first run is kept; what a run has made is not that. */
import type { ChildProcess } from 'node:child_process'
import { describe, expect, test } from 'vitest'
import { nextSequence } from '../../src/tree/znode.ts'
import { advance, type Place, pair, plant, plantMany } from '../helpers/places.ts'
import { freshJournal, meanwhile, zkferry, zkferryUntil } from '../helpers/zkferry.ts'

async function counter(where: Place, path: string): Promise<number> {
  const stat = await where.client.exists(where.at(path))
  return stat === null ? -1 : nextSequence(stat)
}

function command({ from, to }: { from: Place; to: Place }): string[] {
  return ['copy', '--merge', '--keep-existing', '--journal', freshJournal(), from.location, to.location]
}

test('killed before a counter was up, it is brought up by the same command', async () => {
  const both = await pair('keep')
  const { from, to } = both
  await plant(from, { '': null, q: null, dir: null, 'dir/k': '1' })
  await advance(from, 'dir', 40)
  // A counter that takes a while.
  const path = from.at('q/gone')
  const step = [
    { op: 'create', path, data: null, acl: (await from.client.getACL(from.root)).acl },
    { op: 'delete', path },
  ] as const
  const steps = Array.from({ length: 1000 }, () => step).flat()
  for (let round = 0; round < 60; round++) await from.client.multi(steps)
  await plant(to, { '': null, own: 'x' })
  const args = command(both)
  const onStart = async (child: ChildProcess) => {
    while (child.exitCode === null && (await to.client.exists(to.at('q'))) === null);
    child.kill('SIGKILL')
  }
  expect((await zkferry(args, { onStart: (child) => void onStart(child) })).code).toBeNull()
  expect(await counter(to, 'q')).toBeLessThan(60_000)
  expect((await zkferry(args)).code).toBe(0)
  expect([await counter(to, 'q'), await counter(to, 'dir')]).toEqual([60_000, 41])
})

test('so it is after --max-steps stood in the way', async () => {
  const both = await pair('keep')
  const { from, to } = both
  await plant(from, { '': null, q: null })
  await advance(from, 'q', 50)
  await plant(to, { '': null, own: 'x' })
  const args = command(both)
  expect((await zkferry([...args, '--max-steps', '10'])).code).toBe(3)
  expect((await zkferry(args)).code).toBe(0)
  expect(await counter(to, 'q')).toBe(50)
})

test('what it made itself follows the source until it is done', async () => {
  const both = await pair('keep')
  const { from, to } = both
  await plantMany(from, 10, 60)
  await plant(to, { '': null, d00009: 'theirs' })
  const slowly = ['--rate', '200', '--concurrency', '1', '--settle', '100ms']
  const copied = await meanwhile(
    [...command(both), ...slowly],
    /"phase":"copy","znodes":[3-5]\d\d/,
    async () => {
      await from.client.setData(from.at('d00000/z000001'), Buffer.from('v2'))
    },
  )
  expect([copied.code, copied.summary.consistency]).toEqual([0, 'converged'])
  expect((await to.client.getData(to.at('d00000/z000001'))).data?.toString()).toBe('v2')
  expect((await to.client.getData(to.at('d00009'))).data?.toString()).toBe('theirs')
})

describe('what an application has done on the target since a copy was interrupted is kept', () => {
  const halfway = /"type":"progress","phase":"copy","znodes":[1-5]\d\d/
  const interrupted = async (args: string[]) =>
    expect(
      (await zkferryUntil([...args, '--rate', '200', '--concurrency', '1'], halfway, 'SIGINT')).code,
    ).toBe(130)

  test('below the same root', async () => {
    const both = await pair('keep')
    const { from, to } = both
    await plantMany(from, 10, 60)
    await plant(to, { '': null, own: 'x' })
    const args = command(both)
    await interrupted(args)
    await to.client.setData(to.at('d00000/z000000'), Buffer.from('live'))
    await to.client.delete(to.at('d00000/z000001'))
    await to.client.create(to.at('d00000/z000001'), Buffer.from('live'))
    expect((await zkferry(args)).code).toBe(0)
    for (const path of ['d00000/z000000', 'd00000/z000001'])
      expect((await to.client.getData(to.at(path))).data?.toString()).toBe('live')
  })

  test('below a root that was made anew, and below another', async () => {
    const both = await pair('keep')
    const { from, to } = both
    const other = (await pair('keep')).to
    await plantMany(from, 10, 60)
    await plant(to, { '': null, own: 'x' })
    const args = command(both)
    await interrupted(args)
    expect((await zkferry(['rmr', '--yes', to.location])).code).toBe(0)
    const { data } = await from.client.getData(from.at('d00000/z000001'))
    // The source's data, and an ACL of their own.
    const like = { data: String(data), acl: ['31:ip:127.0.0.1'] }
    for (const where of [to, other]) {
      await plant(where, { '': null, d00000: null, 'd00000/z000000': 'theirs', 'd00000/z000001': like })
      const { code, stderr } = await zkferry([...args.slice(0, -1), where.location, '--restart'])
      expect(code, stderr).toBe(0)
      expect((await where.client.getData(where.at('d00000/z000000'))).data?.toString()).toBe('theirs')
      expect((await where.client.getACL(where.at('d00000/z000001'))).acl).toMatchObject([{ scheme: 'ip' }])
    }
  })
})
