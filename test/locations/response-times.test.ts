/** AIMD on the number of requests in flight: shrinks while answers take long, grows slowly, never below its least. */
import { describe, expect, test } from 'vitest'
import { GENTLE, MILD, type Pacing, ResponseTimes } from '../../src/locations/response-times.ts'

function times(pacing: Pacing) {
  const slowed: [number, number][] = []
  const measured = new ResponseTimes(pacing, (answer, usual) => slowed.push([answer, usual]))
  const answer = (ms: number, count = 1) => {
    for (let at = 0; at < count; at++) measured.answered(ms)
  }
  return { measured, slowed, answer }
}

describe.each([
  ['mild', MILD],
  ['gentle', GENTLE],
] as const)('the %s form', (_name, pacing) => {
  test('asks for as much as it may while answers come in time', () => {
    const { measured, slowed, answer } = times(pacing)
    answer(1, 1000)
    expect([measured.requests, measured.throttled, slowed]).toEqual([pacing.most, 0, []])
  })

  test('shrinks while answers take long, down to its least, and grows again by steps', () => {
    const { measured, slowed, answer } = times(pacing)
    answer(1, 1000)
    const late = pacing.limit(1) * 2
    answer(late, 3)
    expect(measured.requests).toBeCloseTo(pacing.most * pacing.shrink)
    expect(slowed).toEqual([[late, expect.closeTo(1, 1)]])
    answer(late, 300)
    expect(measured.requests).toBe(pacing.least)
    expect(measured.groups).toBe(pacing.groups)
    const [before, shrunk] = [measured.requests, measured.throttled]
    answer(1, 5)
    expect([measured.requests, measured.throttled]).toEqual([before + 5 * pacing.step, shrunk])
  })

  test('one late answer is our own process, and shrinks nothing', () => {
    const { measured, answer } = times(pacing)
    answer(1, 1000)
    for (let at = 0; at < 10; at++) {
      answer(10_000)
      answer(1, 2)
    }
    expect([measured.requests, measured.throttled]).toEqual([pacing.most, 0])
  })

  test('a request that a server refused halves what is asked', () => {
    const { measured, slowed } = times(pacing)
    measured.refused()
    expect(measured.requests).toBe(Math.max(pacing.least, pacing.first / 2))
    expect([measured.throttled, slowed.length]).toEqual([1, 1])
  })

  test('a network that is slow from now on is not taken for a busy server for ever', () => {
    const { measured, answer } = times(pacing)
    answer(1, 100)
    answer(pacing.limit(1) + 1, 20_000)
    expect(measured.requests).toBe(pacing.most)
  })
})

test('at full speed nothing is smaller than without it', () => {
  const { measured } = times(MILD)
  expect([measured.groups, measured.window, measured.changes, measured.batches]).toEqual([16, 256, 1000, 4])
})

test('a gentle copy asks for three small groups at a time, and writes small batches, one after the other', () => {
  const { measured } = times(GENTLE)
  expect(measured.groups).toBe(3)
  expect(measured.window).toBe(Math.floor(GENTLE.first / 3))
  expect([measured.changes, measured.batches]).toEqual([40, 1])
})
