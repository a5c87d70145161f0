/** Sequence counters, and data versions that are counters: an application's next number is the one it would have been. */
import { createHash } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, onTestFinished, test } from 'vitest'
import { recordedTree } from '../../fixtures/recorded.ts'
import { CreateFlag, OPEN_ACL } from '../../src/zookeeper/index.ts'
import { FaultProxy } from '../faults/proxy.ts'
import { load, type Place, parseAcl, place, plant, type Version } from '../helpers/places.ts'
import { freshJournal, zkferry } from '../helpers/zkferry.ts'
import { sharedServer } from '../servers/shared.ts'

/** What an application gets that makes a sequential child there now. */
async function nextChild(where: Place, below: string): Promise<string> {
  const { path } = await where.client.create(`${where.at(below)}/n-`, null, {
    flags: CreateFlag.persistentSequential,
  })
  return path.slice(where.at(below).length + 1)
}

/** Children come and go, so often. */
async function spend(where: Place, below: string, numbers: number): Promise<void> {
  const path = `${where.at(below)}/spent`
  const pair = [
    { op: 'create', path, data: null, acl: OPEN_ACL },
    { op: 'delete', path },
  ] as const
  const sent: Promise<unknown>[] = []
  for (let left = numbers; left > 0; left -= 1000) {
    if (sent.length >= 4) await sent.shift()
    sent.push(where.client.multi(Array.from({ length: Math.min(1000, left) }, () => pair).flat()))
  }
  await Promise.all(sent)
}

async function numbersSpent(where: Place, below: string): Promise<number> {
  const stat = await where.client.exists(where.at(below))
  return stat === null ? 0 : (stat.cversion + stat.numChildren) / 2
}

async function versionOf(where: Place, below: string): Promise<number | undefined> {
  return (await where.client.exists(where.at(below)))?.version
}

const ALICE = 'alice:secret'
const AS_ALICE = { ZKFERRY_SOURCE_AUTH: `digest ${ALICE}`, ZKFERRY_TARGET_AUTH: `digest ${ALICE}` }
const ALICES = [parseAcl(`31:digest:alice:${createHash('sha1').update(ALICE).digest('base64')}`)]
/** It is shown as it is to alice alone. */
const MASKED_TO_OTHERS = [...ALICES, parseAcl('1:world:anyone')]

async function route(from: Version, to: Version): Promise<{ from: Place; to: Place }> {
  return { from: await place(from, 'counters-from'), to: await place(to, 'counters-to') }
}

/** A queue with purged children, an empty directory that has seen many, one that never had any. */
async function plantCounters(where: Place): Promise<void> {
  await plant(where, { '': null, queue: null, empty: null, fresh: null, plain: 'x' })
  for (let at = 0; at < 5; at++) await nextChild(where, 'queue')
  for (const purged of [0, 1, 2]) await where.client.delete(where.at(`queue/n-000000000${purged}`))
  await spend(where, 'empty', 2000)
}

describe.each([
  ['3.4.14', '3.9.5'],
  ['3.9.5', '3.4.14'],
] as const)('from %s to %s', (older, newer) => {
  test('the next sequential child gets the number that it would have got at the source', async () => {
    const { from, to } = await route(older, newer)
    await plantCounters(from)
    const planned = await zkferry(['copy', '--dry-run', from.location, to.location])
    const copy = await zkferry(['copy', from.location, to.location])
    expect(copy.code, copy.stderr).toBe(0)
    // Three purged, two thousand spent: what the dry run said is what was done.
    expect(copy.summary).toMatchObject({ steps: 2003 })
    expect(planned.summary).toMatchObject({ steps: 2003 })
    expect(planned.of('plan')).toContainEqual({ path: 'empty', action: 'advance', bytes: 0, steps: 2000 })
    for (const [path, name] of [
      ['queue', 'n-0000000005'],
      ['empty', 'n-0000002000'],
      ['fresh', 'n-0000000000'],
      ['', 'n-0000000004'],
    ] as const) {
      expect(await nextChild(to, path)).toBe(name)
      expect(await nextChild(from, path)).toBe(name)
    }
  })

  test("Kafka's counters: config changes, and the broker ids in the version of /brokers/seqid", async () => {
    const { from, to } = await route(older, newer)
    await load(from, recordedTree('kafka'))
    // Old changes are purged by the broker; only the counter remembers their numbers.
    for (const purged of [0, 1, 3])
      await from.client.delete(from.at(`config/changes/config_change_000000000${purged}`))
    await from.client.setData(from.at('brokers/seqid'), Buffer.alloc(0))
    const planned = await zkferry(['copy', '--dry-run', from.location, to.location])
    const copy = await zkferry(['copy', from.location, to.location])
    expect(copy.code, copy.stderr).toBe(0)
    expect(await versionOf(from, 'brokers/seqid')).toBe(2)
    expect(await versionOf(to, 'brokers/seqid')).toBe(2)
    expect(await nextChild(to, 'config/changes')).toBe('n-0000000004')
    const { steps } = copy.summary as unknown as { steps: number }
    expect(steps).toBeGreaterThan(3)
    expect(planned.summary).toMatchObject({ steps })
  })
})

test('onto a target that has a part already, the dry run names the steps that the copy takes', async () => {
  const { from, to } = await route('3.4.14', '3.9.5')
  await plant(from, {
    '': null,
    dir: null,
    'dir/a': null,
    'dir/b': 'b',
    'dir/here': { ephemeral: true },
    id: '',
  })
  await plant(to, { '': null, dir: null, 'dir/a': null, id: 'other', kept: null })
  await spend(from, 'dir', 20)
  await spend(to, 'dir', 4)
  for (let times = 0; times < 5; times++) await from.client.setData(from.at('id'), Buffer.alloc(0))
  const args = ['--merge', from.location, to.location]
  const planned = await zkferry(['copy', '--dry-run', ...args])
  // 23 numbers are spent at the source; at the target 5, and one more when b is made. Setting id is one of its 5.
  expect(planned.of('plan').filter(({ action }) => action === 'advance')).toEqual(
    expect.arrayContaining([
      { path: 'dir', action: 'advance', bytes: 0, steps: 17 },
      { path: 'id', action: 'advance', bytes: 0, steps: 4 },
    ]),
  )
  const copy = await zkferry(['copy', ...args])
  expect(copy.code, copy.stderr).toBe(0)
  expect(copy.summary).toMatchObject({ steps: 21 })
  expect(planned.summary).toMatchObject({ steps: 21 })
  expect(await numbersSpent(to, 'dir')).toBe(23)
  expect(await versionOf(to, 'id')).toBe(5)
})

test('a znode without children, of which the target has some, is brought up once over a slow link, too', async () => {
  const { from, to } = await route('3.9.5', '3.9.5')
  const names = Array.from({ length: 1500 }, (_, at) => `z${String(at).padStart(4, '0')}`)
  await plant(from, Object.fromEntries([['', null], ...names.map((name) => [name, null])]))
  // What takes a while to write, so that the directories are complete before it is.
  await plant(from, Object.fromEntries(names.map((name) => [`${name}-`, 'x'.repeat(3000)])))
  await plant(
    to,
    Object.fromEntries([
      ['', null],
      ...names.flatMap((name) => [
        [name, null],
        [`${name}/own`, null],
      ]),
    ]),
  )
  await Promise.all(names.map((name) => spend(from, name, 50)))
  const proxy = await FaultProxy.before(sharedServer('3.9.5').port, { record: false })
  onTestFinished(() => proxy.close())
  proxy.pace.delayMs = 10
  const copy = await zkferry(['copy', '--merge', from.location, proxy.connectString + to.root])
  expect(copy.code, copy.stderr).toBe(0)
  expect(await Promise.all(names.map((name) => numbersSpent(to, name)))).toEqual(names.map(() => 50))
})

test('children that cannot be read yet count when they are made, and not before', async () => {
  const { from, to } = await route('3.9.5', '3.9.5')
  await plant(from, { '': null, queue: null })
  for (let at = 0; at < 5; at++) await nextChild(from, 'queue')
  for (const at of [1, 3]) await from.client.setACL(from.at(`queue/n-000000000${at}`), ALICES)
  const args = ['copy', from.location, to.location]
  expect((await zkferry(args)).code).toBe(3)
  expect(await numbersSpent(to, 'queue')).toBe(3)
  const whole = await zkferry(args, { env: AS_ALICE })
  expect(whole.code, whole.stderr).toBe(0)
  expect(await numbersSpent(to, 'queue')).toBe(5)
})

describe('children that only lead to what is included', () => {
  const INCLUDE = ['--include', 'queue', '--include', 'queue/*/in']

  /** A queue of six: five have something that is included, and three more are purged. */
  async function plantWays(from: Place): Promise<void> {
    await plant(from, { '': null, queue: null })
    for (let at = 0; at < 6; at++) {
      const child = await nextChild(from, 'queue')
      await plant(from, { [`queue/${child}/${at === 2 ? 'out' : 'in'}`]: 'x' })
    }
    await spend(from, 'queue', 3)
  }

  test('count once, whenever they are made, and the dry run knows it', async () => {
    const { from, to } = await route('3.4.14', '3.9.5')
    await plantWays(from)
    const args = [...INCLUDE, from.location, to.location]
    const planned = await zkferry(['copy', '--dry-run', ...args])
    const copy = await zkferry(['copy', ...args])
    expect(copy.code, copy.stderr).toBe(0)
    // The three, and the one that leads nowhere.
    expect(copy.summary).toMatchObject({ steps: 4, znodes: { created: 12 } })
    expect(planned.summary).toMatchObject({ steps: 4, znodes: { created: 12 } })
    expect(await numbersSpent(to, 'queue')).toBe(9)
    const strict = ['verify', '--strict-sequence', '--rounds', '0', ...args]
    expect((await zkferry(strict)).code).toBe(0)
  })

  test('are waited for where they could not be made', async () => {
    const { from, to } = await route('3.9.5', '3.9.5')
    await plantWays(from)
    await from.client.setACL(from.at('queue/n-0000000004'), MASKED_TO_OTHERS)
    const args = ['copy', ...INCLUDE, from.location, to.location]
    expect((await zkferry(args)).code).toBe(3)
    expect(await numbersSpent(to, 'queue')).toBe(8)
    const whole = await zkferry(args, { env: AS_ALICE })
    expect(whole.code, whole.stderr).toBe(0)
    expect(await numbersSpent(to, 'queue')).toBe(9)
  })
})

describe('what is left out', () => {
  test('--no-sequence leaves the counters, and verify names them', async () => {
    const { from, to } = await route('3.4.14', '3.9.5')
    await plantCounters(from)
    const copy = await zkferry(['copy', '--no-sequence', from.location, to.location])
    expect(copy.code, copy.stderr).toBe(0)
    expect(copy.summary).toMatchObject({ steps: 0 })
    expect(copy.of('note')).toContainEqual({ message: expect.stringContaining('--no-sequence') })
    expect(await numbersSpent(to, 'empty')).toBe(0)
    const verify = await zkferry(['verify', '--rounds', '0', from.location, to.location])
    expect(verify.code).toBe(1)
    expect(verify.differences()).toEqual(['empty: sequence', 'queue: sequence'])
    const ignoring = await zkferry(['verify', '--ignore', 'sequence', from.location, to.location])
    expect(ignoring.code, ignoring.stderr).toBe(0)
  })

  test('a data version is kept where the data are empty, and elsewhere only where --versions says so', async () => {
    const { from, to } = await route('3.4.14', '3.9.5')
    await plant(from, { '': null, id: '', none: null, named: 'x', other: 'x' })
    for (let times = 0; times < 3; times++) {
      for (const [path, text] of [
        ['id', ''],
        ['named', 'x'],
        ['other', 'x'],
      ] as const) {
        await from.client.setData(from.at(path), Buffer.from(text))
      }
      await from.client.setData(from.at('none'), null)
    }
    const copy = await zkferry(['copy', '--versions', 'na*', from.location, to.location])
    expect(copy.code, copy.stderr).toBe(0)
    const versions = await Promise.all(['id', 'none', 'named', 'other'].map((path) => versionOf(to, path)))
    expect(versions).toEqual([3, 3, 3, 0])
    await from.client.setData(from.at('named'), Buffer.from('x'))
    await from.client.setData(from.at('id'), Buffer.alloc(0))
    const verify = (...args: string[]) =>
      zkferry(['verify', '--rounds', '0', ...args, from.location, to.location])
    expect((await verify()).differences()).toEqual(['id: version'])
    expect((await verify('--versions', 'na*')).differences()).toEqual(['id: version', 'named: version'])
    expect((await verify('--ignore', 'version')).code).toBe(0)
  })

  test('--max-steps: a counter that would take more is reported and left, exit 3', async () => {
    const { from, to } = await route('3.4.14', '3.9.5')
    await plantCounters(from)
    const copy = await zkferry(['copy', '--max-steps', '1999', from.location, to.location])
    expect(copy.code, copy.stderr).toBe(3)
    expect(copy.of('failed')).toContainEqual(
      expect.objectContaining({ path: 'empty', side: 'target', code: 'SEQUENCE' }),
    )
    expect(await numbersSpent(to, 'empty')).toBe(0)
    expect(await numbersSpent(to, 'queue')).toBe(5)
    const enough = await zkferry(['copy', '--max-steps', '2000', from.location, to.location])
    expect(enough.code, enough.stderr).toBe(0)
    expect(await numbersSpent(to, 'empty')).toBe(2000)
  })
})

describe('verify', () => {
  test('a counter that is behind is a difference; one that is ahead only with --strict-sequence', async () => {
    const { from, to } = await route('3.4.14', '3.9.5')
    await plantCounters(from)
    expect((await zkferry(['copy', from.location, to.location])).code).toBe(0)
    const verify = (...args: string[]) =>
      zkferry(['verify', '--rounds', '0', ...args, from.location, to.location])
    expect((await verify('--strict-sequence')).code).toBe(0)
    await spend(to, 'fresh', 1)
    const ahead = await verify()
    expect(ahead.code, ahead.stderr).toBe(0)
    expect(ahead.of('note')).toContainEqual({
      message: expect.stringMatching(/^1 sequence counter is ahead/),
    })
    const strict = await verify('--strict-sequence')
    expect(strict.code).toBe(1)
    expect(strict.differences()).toEqual(['fresh: sequence'])
    await spend(from, 'queue', 1)
    const behind = await verify()
    expect(behind.code).toBe(1)
    expect(behind.differences()).toEqual(['queue: sequence'])
  })

  test('a second copy brings up what has fallen behind, and leaves what is ahead', async () => {
    const { from, to } = await route('3.4.14', '3.9.5')
    await plantCounters(from)
    const copy = () => zkferry(['copy', from.location, to.location])
    expect((await copy()).code).toBe(0)
    await spend(from, 'queue', 7)
    await spend(from, 'fresh', 1)
    const again = await copy()
    expect(again.code, again.stderr).toBe(0)
    expect(again.summary).toMatchObject({ steps: 8 })
    expect(await numbersSpent(to, 'queue')).toBe(12)
    expect(await numbersSpent(to, 'fresh')).toBe(1)
    expect(await numbersSpent(to, 'empty')).toBe(2000)
  })
})

test('killed in the middle of a long advance and run again, a counter does not overshoot', async () => {
  const { from, to } = await route('3.4.14', '3.9.5')
  await plant(from, { '': null, ids: null, 'ids/one': 'x' })
  await spend(from, 'ids', 300_000)
  const args = ['copy', '--journal', freshJournal(), from.location, to.location]
  for (const enough of [50_000, 150_000]) {
    const killed = await zkferry(args, {
      onStart: async (child) => {
        while (child.exitCode === null && (await numbersSpent(to, 'ids')) < enough) await sleep(5)
        child.kill('SIGKILL')
      },
    })
    expect(killed.code, killed.stderr).toBeNull()
    const spent = await numbersSpent(to, 'ids')
    expect(spent).toBeGreaterThanOrEqual(enough)
    expect(spent).toBeLessThan(300_001)
  }
  const last = await zkferry(args)
  expect(last.code, last.stderr).toBe(0)
  expect(last.of('run')).toContainEqual(expect.objectContaining({ resumed: true }))
  expect(await numbersSpent(to, 'ids')).toBe(300_001)
  expect((await zkferry(['verify', '--strict-sequence', from.location, to.location])).code).toBe(0)
})

test('a counter below a path so long that few steps fit into one request', async () => {
  const { from, to } = await route('3.9.5', '3.9.5')
  const long = Array.from({ length: 4 }, () => 'x'.repeat(600)).join('/')
  const above = ['', ...Array.from({ length: 4 }, (_, at) => long.slice(0, 601 * at + 600))]
  for (const path of above) await plant(from, { [path]: null })
  for (let left = 700; left > 0; left -= 100) await spend(from, long, 100)
  const { code, stderr, summary } = await zkferry(['copy', from.location, to.location])
  expect(code, stderr).toBe(0)
  expect(summary.steps).toBe(700)
  expect(await numbersSpent(to, long)).toBe(700)
})
