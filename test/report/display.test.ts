import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { linesDisplay, terminalDisplay } from '../../src/report/display.ts'
import { ProgressModel } from '../../src/report/progress.ts'
import { newCounts } from '../../src/tree/events.ts'
import { Lines } from './lines.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

function model() {
  const counts = newCounts()
  return { counts, progress: new ProgressModel(counts, () => Date.now()) }
}

test('without a terminal: a plain line every few seconds, none while it waits', () => {
  const { counts, progress } = model()
  const stderr = new Lines()
  const display = linesDisplay(progress, stderr)
  progress.see({ type: 'phase', phase: 'copy' })
  counts.phaseDone = 10_000
  counts.phaseBytes = 3_000_000
  counts.phaseTotal = 20_000
  vi.advanceTimersByTime(5_000)
  expect(stderr.lines).toEqual(['copying: 10,000 znodes, 3.0 MB, 2,000/s, about 5 s left'])
  progress.see({ type: 'waiting', side: 'target', reason: 'no quorum', seconds: 1, atMostSeconds: 900 })
  vi.advanceTimersByTime(20_000)
  expect(stderr.lines).toHaveLength(1)
  display.stop()
})

test('on a terminal: in place, with what it waits for, and gone while a question is asked', () => {
  const { progress } = model()
  const frames: string[] = []
  const live = Object.assign((text: string) => void frames.push(text), {
    clear: () => void frames.push('(clear)'),
    done: () => void frames.push('(done)'),
  })
  const display = terminalDisplay(progress, live, false)
  const reason = 'nobody answers\u001b'
  progress.see({ type: 'waiting', side: 'source', reason, seconds: 4, atMostSeconds: 900 })
  vi.advanceTimersByTime(200)
  expect(frames).toEqual([
    'connecting: 0 znodes, 0 B, 0/s\nwaiting for the source, for 4 s now: nobody answers\\x1b (gives up after 15 min, --retry-for)',
  ])
  display.pause()
  vi.advanceTimersByTime(2_000)
  expect(frames.slice(1)).toEqual(['(clear)'])
  display.resume()
  vi.advanceTimersByTime(200)
  expect(frames).toHaveLength(3)
  display.stop()
  vi.advanceTimersByTime(2_000)
  expect(frames.slice(3)).toEqual(['(clear)', '(done)'])
})

test('what is held: in place on a terminal, and no line again and again without one', () => {
  const { progress } = model()
  const frames: string[] = []
  const live = Object.assign((text: string) => void frames.push(text), { clear() {}, done() {} })
  const stderr = new Lines()
  const displays = [terminalDisplay(progress, live, false), linesDisplay(progress, stderr)]
  progress.see({ type: 'phase', phase: 'hold' })
  vi.advanceTimersByTime(200)
  const counts = { made: 5, updated: 0, dropped: 2, renewed: 1 }
  progress.see({ type: 'holding', held: 3, failed: 1, ...counts })
  vi.advanceTimersByTime(200)
  expect(frames).toEqual([
    'holding ephemerals: 0 znodes, 0 B, 0/s',
    'holding 3 ephemerals, 1 cannot be held, 5 made, 2 dropped, 1 session renewed; Ctrl-C or SIGTERM releases them',
  ])
  vi.advanceTimersByTime(60_000)
  expect(stderr.lines).toEqual([])
  for (const display of displays) display.stop()
})

test('while it waits for a source to settle, counts that stand still are not shown', () => {
  const { progress } = model()
  const stderr = new Lines()
  const display = linesDisplay(progress, stderr)
  const says = 'waiting for the source to settle: 3 znodes differ, round 1 of 3'
  progress.see({ type: 'phase', phase: 'settle', says })
  vi.advanceTimersByTime(5_000)
  progress.see({ type: 'phase', phase: 'settle' })
  vi.advanceTimersByTime(5_000)
  expect(stderr.lines).toEqual([says, 'waiting for the source to settle'])
  display.stop()
})
