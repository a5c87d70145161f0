/** The nemesis itself: its plans repeat, its reader sees what it must, and a few of its runs. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { planOf } from './nemesis/plan.ts'
import { type Seen, unlike } from './nemesis/reader.ts'
import { oneRun } from './nemesis/run.ts'
import { Stage } from './nemesis/stage.ts'

const SEED = process.env.ZKFERRY_SEED ?? String(Date.now() % 1_000_000)
const RUNS = 4

test('a seed repeats the schedule, another has its own', () => {
  for (const seed of ['1/1', '1/2', 'x']) expect(planOf(seed)).toEqual(planOf(seed))
  expect(planOf('1/1')).not.toEqual(planOf('1/2'))
})

describe('the reader', () => {
  const STRICT = { mayBeAhead: false, writtenOnce: true }
  const znode: Seen = {
    data: 'eA==',
    acl: '31:world:anyone',
    next: 3,
    version: 0,
    ephemeral: false,
    zxids: '',
  }
  const tree = (...entries: [path: string, changes?: Partial<Seen>][]) =>
    new Map(entries.map(([path, changes]) => [path, { ...znode, ...changes }]))

  test.each([
    [tree([''], ['a']), tree(['']), 'a: missing'],
    [tree(['']), tree([''], ['a']), 'a: only on the target'],
    [tree(['', { data: 'null' }]), tree(['', { data: '' }]), '(the root): other data'],
    [
      tree(['']),
      tree(['', { acl: '1:world:anyone' }]),
      '(the root): ACL 1:world:anyone, not 31:world:anyone',
    ],
    [tree(['']), tree(['', { next: 2 }]), '(the root): sequence counter 2, behind 3'],
    [tree(['']), tree(['', { next: 4 }]), '(the root): sequence counter 4, ahead of 3'],
    [
      tree(['', { data: '', version: 2 }]),
      tree(['', { data: '', version: 1 }]),
      '(the root): version 1, behind 2',
    ],
    [tree(['']), tree(['', { version: 1 }]), '(the root): written 2 times'],
    [
      tree([''], ['e', { ephemeral: true }]),
      tree([''], ['e']),
      'e: an ephemeral of the source is on the target',
    ],
    [tree(['']), tree(['', { ephemeral: true }]), '(the root): ephemeral on the target'],
  ])('finds what is wrong (%#)', (source, target, what) => {
    expect(unlike(source, target, STRICT)).toEqual([what])
  })

  test('finds nothing where all is as it should be', () => {
    const source = tree([''], ['a', { data: '', version: 5 }], ['e', { ephemeral: true }])
    expect(unlike(source, tree([''], ['a', { data: '', version: 5 }]), STRICT)).toEqual([])
  })
})

describe('runs', () => {
  let stage: Stage
  beforeAll(async () => {
    stage = await Stage.open(SEED, { source: '3.4.14', target: '3.9.5' }, 1)
  })
  afterAll(() => stage?.close())

  test.each(Array.from({ length: RUNS }, (_, at) => `${SEED}/${at + 1}`))(
    '%s',
    async (seed) => {
      const plan = planOf(seed)
      const { wrong, history } = await oneRun(plan, stage)
      expect(wrong, `${JSON.stringify(plan)}\n${history.join('\n')}`).toEqual([])
    },
    180_000,
  )
})
