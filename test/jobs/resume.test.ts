/** Copies that are killed, stopped, or lose their servers: the same command goes on, and nothing is done twice. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { RandomStream } from '../../fixtures/random.ts'
import { expectedReading, readIndependently } from '../helpers/native.ts'
import { connect, many, Place, pair, parseAcl, place, plant, plantMany } from '../helpers/places.ts'
import { contents, readTree } from '../helpers/read-tree.ts'
import { expectWrittenOnce } from '../helpers/written-once.ts'
import { freshJournal, type Outcome, SOME_DONE, zkferry, zkferryUntil } from '../helpers/zkferry.ts'
import { type Ensemble, type Server, startEnsemble, startServer } from '../servers/index.ts'

const DIRS = 300
const LEAVES = 80
const KILLS = 10
/** In how many moments of a run's length it may be killed: late enough to get on, early enough to be killed ten times. */
const SHARE = 0.09

/** Runs the command and kills it so many milliseconds after the copy has begun; the moment is the caller's. */
async function killed(args: string[], signal: NodeJS.Signals, afterMs: number): Promise<Outcome> {
  return zkferry(args, {
    onStart: (child) => {
      let begun = false
      child.stdout?.on('data', (text: string) => {
        if (begun || !text.includes('"type":"run"')) return
        begun = true
        setTimeout(() => child.kill(signal), afterMs)
      })
    },
  })
}

describe('killed by kill -9 at ten random moments', () => {
  // The server counts what is asked of it, and nobody else asks: that is how often the copy really read.
  let source: Server
  let from: Place
  beforeAll(async () => {
    source = await startServer({ version: '3.4.14' })
    from = new Place(await connect(source.connectString), source.connectString, '/many')
    await plantMany(from, DIRS, LEAVES)
  })
  afterAll(() => source.stop())

  const packets = async () => Number(/^Received: (\d+)/m.exec(await source.fourLetter('srvr'))?.[1])

  test('and resumed each time: equal, no znode written twice, read less than 1.1 times', async () => {
    const once = await place('3.9.5', 'once')
    const options = ['--no-verify', '--concurrency', '2', '--sessions', '1']
    let before = await packets()
    const whole = await zkferry(['copy', ...options, from.location, once.location])
    expect(whole.code, whole.stderr).toBe(0)
    const packetsOfOne = (await packets()) - before
    const milliseconds = (whole.summary as unknown as { seconds: number }).seconds * 1000

    const to = await place('3.9.5', 'killed')
    const args = ['copy', ...options, '--journal', freshJournal(), from.location, to.location]
    const seed = Math.floor(Math.random() * 1e9)
    console.log(`kill -9: seed ${seed}`)
    const random = new RandomStream(String(seed))
    before = await packets()
    for (let kill = 0; kill < KILLS; kill++) {
      const outcome = await killed(args, 'SIGKILL', random.below(Math.ceil(milliseconds * SHARE)))
      expect(outcome.code, `seed ${seed}, kill ${kill}: the copy ended before it was killed`).toBeNull()
    }
    const last = await zkferry(args)
    expect(last.code, `seed ${seed}: ${last.stderr}`).toBe(0)
    const ratio = ((await packets()) - before) / packetsOfOne
    console.log(`kill -9: ${ratio.toFixed(3)} × the reads of one run`)
    expect(last.of('run')[0]).toMatchObject({ resumed: true })
    // What is not verified, and was not read in one go, has no digest.
    expect(last.summary).toMatchObject({ status: 'done', digest: { source: null, target: null } })

    const { by: _, ...found } = await readIndependently(to.address, to.root)
    expect(found, `seed ${seed}`).toEqual(expectedReading(many(DIRS, LEAVES, 100)))
    await expectWrittenOnce(to)
    expect(ratio, `seed ${seed}`).toBeLessThan(1.1)
    const verified = await zkferry(['verify', from.location, to.location])
    expect(verified.summary).toMatchObject({
      status: 'identical',
      digest: { source: verified.summary.digest.target },
    })
  })
})

test('killed in a wide directory: it goes on behind the last child that is on record', async () => {
  const { from, to } = await pair('wide')
  await plantMany(from, 1, 12_000)
  const journal = freshJournal()
  const args = ['copy', '--journal', journal, from.location, to.location]
  const stopped = await zkferryUntil([...args, '--rate', '3000'], SOME_DONE, 'SIGKILL')
  expect(stopped.code).toBeNull()
  const there = (await to.client.exists(to.at('d00000')))?.numChildren ?? 0
  expect(there).toBeGreaterThan(0)
  expect(there).toBeLessThan(12_000)
  const { code, summary, stderr } = await zkferry([...args, '--no-verify'])
  expect(code, stderr).toBe(0)
  expect((await to.client.exists(to.at('d00000')))?.numChildren).toBe(12_000)
  // Eight slices of 256 may have been in flight.
  expect(summary.znodes.created).toBe(12_000 - there)
  await expectWrittenOnce(to)
})

test.each([
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const)(
  '%s: what is in flight is finished and saved, exit %d, and nothing is read again',
  async (signal, exit) => {
    const { from, to } = await pair('signal')
    await plantMany(from, 40, 50)
    const args = ['copy', '--no-verify', '--journal', freshJournal(), from.location, to.location]
    const stopped = await zkferryUntil([...args, '--rate', '500'], SOME_DONE, signal)
    expect(stopped.code, stopped.stderr).toBe(exit)
    expect(stopped.summary).toMatchObject({
      status: 'interrupted',
      exitCode: exit,
      digest: { source: null, target: null },
    })
    const shown = (await zkferry(['runs', '--journal', args[3] as string])).of('run')[0]
    expect(shown).toMatchObject({ state: 'interrupted' })
    const { code, summary, stderr } = await zkferry(args)
    expect(code, stderr).toBe(0)
    expect(stopped.summary.znodes.read + summary.znodes.read).toBe(2041)
    expect(contents(await readTree(to))).toEqual(contents(await readTree(from)))
    await expectWrittenOnce(to)
  },
)

test('killed while it is verified: what the proof found missing is still to be copied', async () => {
  const { from, to } = await pair('proof')
  await plantMany(from, 20, 50)
  await plant(from, { aa: null, 'aa/lost': 'precious', 'aa/lost/below': 'precious' })
  await plant(to, { '': null, aa: null })
  for (const { client, at } of [
    { client: from.client, at: from.at('aa') },
    { client: to.client, at: to.at('aa') },
  ])
    await client.setACL(at, [parseAcl('1:world:anyone')])
  const args = ['copy', '--merge', '--journal', freshJournal(), from.location, to.location]
  const verifying = /"type":"progress","phase":"verify","znodes":[1-9]/
  const killed = await zkferryUntil([...args, '--concurrency', '1', '--rate', '500'], verifying, 'SIGKILL')
  expect(killed.code).toBeNull()
  const resumed = await zkferry([...args, '--no-verify'])
  expect(resumed.of('run')[0]).toMatchObject({ resumed: true })
  expect(resumed.code, resumed.stderr).toBe(3)
  expect(await to.client.exists(to.at('aa/lost'))).toBeNull()
})

test('a second process on the same journal ends with 6 and names the first, which goes on', async () => {
  const { from, to } = await pair('both')
  await plantMany(from, 10, 100)
  const args = ['copy', '--journal', freshJournal(), from.location, to.location]
  let pid = 0
  let second: Promise<Outcome> | undefined
  const first = await zkferry([...args, '--rate', '500'], {
    onStart: (child) => {
      pid = child.pid as number
      child.stdout?.on('data', (text: string) => {
        if (text.includes('"type":"run"')) second ??= zkferry(args)
      })
    },
  })
  expect(first.code, first.stderr).toBe(0)
  const outcome = (await second) as Outcome
  expect(outcome.code).toBe(6)
  expect(outcome.summary.message).toContain(String(pid))
  expect(contents(await readTree(to))).toEqual(contents(await readTree(from)))
})

test('interrupted onto a whole ensemble (/), it goes on where it was', async () => {
  const server = await startServer({ version: '3.9.5' })
  try {
    const from = await place('3.4.14', 'root')
    await plantMany(from, 40, 50)
    const to = new Place(await connect(server.connectString), server.connectString, '/')
    const args = ['copy', '--no-verify', '--journal', freshJournal(), from.location, to.location]
    const stopped = await zkferryUntil([...args, '--rate', '500'], SOME_DONE, 'SIGKILL')
    expect(stopped.code).toBeNull()
    expect((await readTree(to)).size).toBeGreaterThan(1)
    const { code, summary, stderr } = await zkferry(args)
    expect(code, stderr).toBe(0)
    expect(summary.status).toBe('done')
    expect(contents(await readTree(to)).slice(1)).toEqual(contents(await readTree(from)).slice(1))
  } finally {
    await server.stop()
  }
})

describe('when the target’s server goes', () => {
  let server: Server
  beforeAll(async () => {
    server = await startServer({ version: '3.9.5' })
  })
  afterAll(() => server.stop())

  async function begunOn(root: string): Promise<{ from: Place; to: Place; half: () => Promise<void> }> {
    const from = await place('3.4.14', 'down')
    await plantMany(from, 40, 50)
    const to = new Place(await connect(server.connectString), server.connectString, root)
    const half = async () => {
      await expect
        .poll(async () => (await to.client.exists(`${root}/d00010`)) !== null, { timeout: 20_000 })
        .toBe(true)
    }
    return { from, to, half }
  }

  test('killed and started again: the copy waits, and ends equal by itself', async () => {
    const { from, to, half } = await begunOn('/waits')
    const copying = zkferry(['copy', '--rate', '1000', from.location, to.location])
    await half()
    await server.restart()
    const { code, summary, stderr } = await copying
    expect(code, stderr).toBe(0)
    expect(summary.reconnects).toBeGreaterThan(0)
    expect(contents(await readTree(to))).toEqual(contents(await readTree(from)))
    await expectWrittenOnce(to)
  })

  test('for longer than --retry-for: exit 5; the same command resumes when it is back', async () => {
    const { from, to, half } = await begunOn('/gives-up')
    const args = ['copy', '--retry-for', '1s', '--journal', freshJournal(), from.location, to.location]
    const copying = zkferry([...args, '--rate', '1000'])
    await half()
    await server.kill()
    const lost = await copying
    expect(lost.code, lost.stderr).toBe(5)
    expect(lost.summary).toMatchObject({ status: 'failed', exitCode: 5 })
    expect(lost.of('waiting')[0]).toMatchObject({ side: 'target' })
    await server.start()
    const { code, stderr, of, summary } = await zkferry(args)
    expect(code, stderr).toBe(0)
    expect(of('run')[0]).toMatchObject({ resumed: true })
    expect(summary.znodes.read).toBeLessThan(2041)
    expect(contents(await readTree(to))).toEqual(contents(await readTree(from)))
    await expectWrittenOnce(to)
  })
})

describe('an ensemble of three as the target', () => {
  let ensemble: Ensemble
  beforeAll(async () => {
    ensemble = await startEnsemble({ version: '3.9.5' })
  })
  afterAll(() => ensemble.stop())

  test('loses its leader while it is written: the copy goes on by itself, and nothing is written twice', async () => {
    const from = await place('3.4.14', 'leader')
    await plantMany(from, 60, 50)
    const to = new Place(await connect(ensemble.connectString), ensemble.connectString, '/copied')
    const copying = zkferry(['copy', '--rate', '1000', from.location, to.location])
    await expect
      .poll(async () => (await to.client.exists('/copied/d00005')) !== null, { timeout: 20_000 })
      .toBe(true)
    await (await ensemble.leader()).kill()
    const { code, summary, stderr } = await copying
    expect(code, stderr).toBe(0)
    expect(summary).toMatchObject({ status: 'done', differences: 0 })
    expect(contents(await readTree(to))).toEqual(contents(await readTree(from)))
    await expectWrittenOnce(to)
  })
})
