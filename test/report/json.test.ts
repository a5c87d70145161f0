import { expect, test, vi } from 'vitest'
import { JsonPrinter } from '../../src/report/json.ts'
import { ProgressModel } from '../../src/report/progress.ts'
import { newCounts } from '../../src/tree/events.ts'
import { exampleSummary } from './examples.ts'
import { Lines } from './lines.ts'

function printer(options: { progress?: boolean; quiet?: boolean } = {}) {
  const stdout = new Lines()
  const stderr = new Lines()
  const counts = newCounts()
  const progress = options.progress === false ? null : new ProgressModel(counts, () => performance.now())
  const json = new JsonPrinter({ stdout, stderr, progress, quiet: options.quiet ?? false, verbose: false })
  return { json, stdout, stderr, counts, parsed: () => stdout.lines.map((line) => JSON.parse(line)) }
}

test('events come out with exactly the fields of the contract', () => {
  const { json, parsed, stderr } = printer()
  json.event({ type: 'phase', phase: 'copy' })
  json.event({ type: 'difference', path: '', what: ['data', 'acl'] })
  json.event({ type: 'skipped', path: 'a', reason: 'ephemeral' })
  json.event({ type: 'failed', path: 'a/b', side: 'target', code: 'NOAUTH', message: 'no' })
  json.event({ type: 'combined', path: 'a', mark: '=' })
  expect(parsed()).toEqual([
    { type: 'difference', path: '', what: ['data', 'acl'] },
    { type: 'skipped', path: 'a', reason: 'ephemeral' },
    { type: 'failed', path: 'a/b', side: 'target', code: 'NOAUTH', message: 'no' },
  ])
  expect(stderr.lines).toEqual([])
})

test('the summary is the last line; the sentence of a failure is on stderr as well', () => {
  const { json, parsed, stdout, stderr } = printer()
  const summary = exampleSummary({ exitCode: 3, status: 'incomplete', message: 'One \u001b failed.' })
  json.finish(summary, 'One \u001b failed.')
  expect(parsed().at(-1)).toEqual(summary)
  expect(stdout.flushed).toBe(stdout.lines.length)
  expect(stderr.lines).toEqual(['zkferry: One \\x1b failed.'])
})

test('progress lines come every second, with a null estimate until one can be given', () => {
  vi.useFakeTimers()
  try {
    const { json, parsed, counts } = printer()
    json.event({ type: 'phase', phase: 'verify' })
    counts.phaseDone = 7
    counts.phaseBytes = 70
    vi.advanceTimersByTime(1_000)
    expect(parsed()).toEqual([
      {
        type: 'progress',
        phase: 'verify',
        znodes: 7,
        bytes: 70,
        znodesPerSecond: expect.any(Number),
        estimate: null,
      },
    ])
    json.finish(exampleSummary(), null)
    vi.advanceTimersByTime(10_000)
    expect(parsed().at(-1)?.type).toBe('summary')
  } finally {
    vi.useRealTimers()
  }
})

test('64-bit numbers are decimal strings', () => {
  const { json, parsed } = printer({ progress: false })
  json.data(Object.assign({ type: 'run' }, { lastWrite: 2n ** 64n + 1n }))
  expect(parsed()).toEqual([{ type: 'run', lastWrite: '18446744073709551617' }])
})

test('quiet keeps back what is said in passing, not the sentence', () => {
  const { json, stderr } = printer({ quiet: true })
  json.say('journal: x')
  json.finish(exampleSummary({ exitCode: 2, status: 'refused' }), 'No.')
  expect(stderr.lines).toEqual(['zkferry: No.'])
})
