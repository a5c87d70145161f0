import { expect, test } from 'vitest'
import { HumanPrinter, type HumanPrinterOptions } from '../../src/report/human.ts'
import { ProgressModel } from '../../src/report/progress.ts'
import { type JobEvent, newCounts, nothingSurvived } from '../../src/tree/events.ts'
import { exampleSummary } from './examples.ts'
import { Lines } from './lines.ts'

function printer(options: Partial<HumanPrinterOptions> = {}) {
  const stdout = new Lines()
  const stderr = new Lines()
  const progress = new ProgressModel(newCounts(), () => 0)
  const human = new HumanPrinter({ stdout, stderr, progress, quiet: false, verbose: false, ...options })
  return { human, stdout, stderr }
}

const run: JobEvent = {
  type: 'run',
  command: 'copy',
  runId: 'k3v9x2ab',
  journal: '/state/x.journal',
  source: 'old:2181/a',
  target: 'new:2181/a',
  resumed: true,
  version: '1.0.0',
}

test('stdout has data only: differences, digests, plans', () => {
  const { human, stdout, stderr } = printer()
  human.event({ type: 'difference', path: 'a/b', what: ['data', 'acl'] })
  human.event({ type: 'difference', path: '', what: ['missing-in-target'] })
  human.event({ type: 'digest', path: '', znodes: 3, digest: 'ab'.repeat(32) })
  human.event({ type: 'plan', path: 'new', action: 'create', bytes: 1500 })
  expect(stdout.lines).toEqual([
    'data,acl  a/b',
    'missing-in-target  .',
    `${'ab'.repeat(32)}  .`,
    'create    1.5 kB  new',
  ])
  expect(stderr.lines).toEqual([])
})

test('everything else goes to stderr, with foreign texts escaped', () => {
  const { human, stdout, stderr } = printer()
  human.event(run)
  human.event({ type: 'failed', path: 'x\u202ey', side: 'source', code: 'NOAUTH', message: 'bad\u001b[0m' })
  human.event({ type: 'waiting', side: 'target', reason: 'no quorum\n', seconds: 12, atMostSeconds: 90 })
  human.event({ type: 'note', message: 'something\u0007' })
  human.event({ type: 'skipped', path: 'e', reason: 'ephemeral' })
  expect(stdout.lines).toEqual([])
  expect(stderr.text).toContain('resuming run k3v9x2ab')
  expect(stderr.text).toContain('failed  x\\u202ey  (source, NOAUTH: bad\\x1b[0m)')
  expect(stderr.text).toContain(
    'waiting for the target, for 12 s now: no quorum\\x0a (gives up after 1 min 30 s, --retry-for)',
  )
  expect(stderr.text).toContain('note: something\\x07')
  expect(stderr.text).toContain('skipped  e  (ephemeral)')
})

test('the end can be pasted into a ticket', () => {
  const { human, stderr } = printer()
  human.event(run)
  for (const path of ['e1', 'e2', 'e3']) human.event({ type: 'skipped', path, reason: 'ephemeral' })
  stderr.lines.length = 0
  human.finish(
    exampleSummary({
      reconnects: 2,
      survived: { ...nothingSurvived(), reconnects: 2, expiredSessions: 1, waits: 1, waitedSeconds: 12.3 },
    }),
    null,
  )
  expect(stderr.text).toMatchInlineSnapshot(`
    "copy: done in 13 s
      from      old:2181/a
      to        new:2181/a
      znodes    20,021 read, 20,021 created
      bytes     6.0 MB read, 6.0 MB written
      skipped   3 znodes (ephemeral)
      digest    abababababababababababababababababababababababababababababababab (source)
                abababababababababababababababababababababababababababababababab (target)
                equal; digests do not cover sequence counters and versions
      source    did not change during the run
      survived  2 reconnects, 1 expired session, 12 s without a server (1 time)
      run       k3v9x2ab in /state/x.journal"
  `)
})

test('a dry run ends with totals, and says that nothing was written', () => {
  const { human, stderr } = printer()
  human.event({ ...run, runId: null, journal: null, resumed: false } as JobEvent)
  human.event({ type: 'plan', path: 'a', action: 'create', bytes: 1000 })
  human.event({ type: 'plan', path: 'b', action: 'create', bytes: 2000 })
  human.event({ type: 'plan', path: 'c', action: 'delete', bytes: 0 })
  human.finish(
    exampleSummary({ runId: null, journal: null, znodes: { ...exampleSummary().znodes, skipped: 0 } }),
    null,
  )
  expect(stderr.text).toContain('create 2 znodes (3.0 kB), delete 1 znode (0 B); nothing was written')
  expect(stderr.text).toMatch(/znodes +20,021 read$/m)
  expect(stderr.text).toMatch(/bytes +6.0 MB read$/m)
})

test('a refusal before anything began is its sentence alone', () => {
  const { human, stderr } = printer()
  human.finish(exampleSummary({ status: 'refused', exitCode: 2 }), 'No such place.')
  expect(stderr.lines).toEqual(['zkferry: No such place.'])
})

test('--quiet keeps what went wrong, and data', () => {
  const { human, stdout, stderr } = printer({ quiet: true })
  human.event(run)
  human.event({ type: 'note', message: 'x' })
  human.event({ type: 'skipped', path: 'e', reason: 'ephemeral' })
  human.event({ type: 'failed', path: 'f', side: 'target', code: 'NOAUTH', message: 'no' })
  human.event({ type: 'difference', path: 'd', what: ['data'] })
  human.finish(exampleSummary({ status: 'incomplete', exitCode: 3 }), 'One failed.')
  expect(stdout.lines).toEqual(['data  d'])
  expect(stderr.lines).toEqual(['failed  f  (target, NOAUTH: no)', 'zkferry: One failed.'])
})

test('many skipped znodes do not bury the end; --verbose lists them all', () => {
  const skips = Array.from(
    { length: 500 },
    (_, at): JobEvent => ({ type: 'skipped', path: `e${at}`, reason: 'ephemeral' }),
  )
  const brief = printer()
  const verbose = printer({ verbose: true })
  for (const skip of skips) {
    brief.human.event(skip)
    verbose.human.event(skip)
  }
  expect(brief.stderr.lines).toHaveLength(51)
  expect(brief.stderr.lines.at(-1)).toContain('--verbose')
  expect(verbose.stderr.lines).toHaveLength(500)
})

test('where there is one location, nobody is told of a source', () => {
  const { human, stderr } = printer({ single: true })
  human.event({ type: 'failed', path: 'x', side: 'source', code: 'NOAUTH', message: 'no' })
  human.event({ type: 'waiting', side: 'target', reason: 'no quorum', seconds: 0, atMostSeconds: 900 })
  expect(stderr.lines).toEqual([
    'failed  x  (location, NOAUTH: no)',
    'waiting for the location: no quorum (gives up after 15 min, --retry-for)',
  ])
})

test('transactions are no znodes: the end of inspect has none that were read', () => {
  const znodes = { read: 0, created: 0, updated: 0, unchanged: 0, deleted: 0, skipped: 0, failed: 0 }
  for (const [read, said] of [
    [0, false],
    [3, true],
  ] as const) {
    const { human, stderr } = printer()
    human.event({ ...run, command: 'inspect', target: null, runId: null })
    human.finish(exampleSummary({ command: 'inspect', znodes: { ...znodes, read } }), null)
    expect(stderr.text.includes('znodes')).toBe(said)
  }
})

test('what is above a target root is named by its whole path', () => {
  const { human, stdout } = printer()
  human.event({ type: 'plan', path: '/a', action: 'create', bytes: 0, above: true })
  expect(stdout.lines).toEqual(['create       0 B  /a  (above the target root)'])
})
