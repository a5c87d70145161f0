import { expect, test } from 'vitest'
import { ProgressModel } from '../../src/report/progress.ts'
import { newCounts } from '../../src/tree/events.ts'

function started() {
  const counts = newCounts()
  const clock = { ms: 0 }
  const model = new ProgressModel(counts, () => clock.ms)
  return { counts, clock, model }
}

test('the rate is that of the last ten seconds', () => {
  const { counts, clock, model } = started()
  for (let second = 1; second <= 20; second++) {
    clock.ms = second * 1000
    counts.phaseDone += second <= 10 ? 1000 : 50
    model.poll()
  }
  expect(model.poll().znodesPerSecond).toBe(50)
})

test('an estimate is given once there is a total, a rate and two seconds of history', () => {
  const { counts, clock, model } = started()
  counts.phaseDone = 100
  clock.ms = 1000
  expect(model.poll().estimate).toBeNull()
  counts.phaseDone = 300
  clock.ms = 3000
  expect(model.poll().estimate).toBeNull()
  counts.phaseTotal = 1300
  expect(model.poll()).toMatchObject({ znodes: 300, znodesPerSecond: 100, estimate: 10 })
})

test('nothing moving gives no estimate', () => {
  const { counts, clock, model } = started()
  counts.phaseTotal = 100
  clock.ms = 5000
  expect(model.poll()).toMatchObject({ znodesPerSecond: 0, estimate: null })
})

test('a phase begins with an empty window, whether its counts are set back before or after it is announced', () => {
  const { counts, clock, model } = started()
  counts.phaseDone = 5000
  clock.ms = 5000
  model.poll()
  model.see({ type: 'phase', phase: 'verify' })
  counts.phaseDone = 0
  clock.ms = 6000
  expect(model.poll()).toMatchObject({ phase: 'verify', znodes: 0, znodesPerSecond: 0 })
  counts.phaseDone = 200
  clock.ms = 8000
  expect(model.poll().znodesPerSecond).toBe(100)
})

test('a wait is over when work goes on', () => {
  const { counts, model } = started()
  const waiting = { side: 'target', reason: 'no quorum', seconds: 3, atMostSeconds: 900 } as const
  model.see({ type: 'waiting', ...waiting })
  expect(model.poll().waiting).toEqual(waiting)
  counts.phaseDone = 1
  expect(model.poll().waiting).toBeNull()
})
