import { expect, test } from 'vitest'
import { formatBytes, formatCount, formatSeconds, formatTime, plural } from '../../src/report/units.ts'

test.each([
  [0, '0 B'],
  [999, '999 B'],
  [1000, '1.0 kB'],
  [1500, '1.5 kB'],
  [12_345, '12 kB'],
  [999_499, '999 kB'],
  [999_500, '1.0 MB'],
  [30_000_000, '30 MB'],
  [5.25e9, '5.3 GB'],
  [2e18, '2000 PB'],
])('%d bytes are %s', (bytes, text) => {
  expect(formatBytes(bytes)).toBe(text)
})

test.each([
  [0, '0'],
  [999, '999'],
  [1000, '1,000'],
  [1_234_567, '1,234,567'],
])('%d is written %s', (count, text) => {
  expect(formatCount(count)).toBe(text)
})

test.each([
  [0, '0 s'],
  [5, '5 s'],
  [0.44, '0.4 s'],
  [9.96, '10 s'],
  [59.4, '59 s'],
  [60, '1 min'],
  [200, '3 min 20 s'],
  [3600, '1 h'],
  [7530, '2 h 5 min'],
])('%d seconds are %s', (seconds, text) => {
  expect(formatSeconds(seconds)).toBe(text)
})

test('a moment names its time zone', () => {
  expect(formatTime(new Date(1_795_456_800_123))).toBe('2026-11-23 18:00:00Z')
})

test('one znode, many znodes', () => {
  expect([0, 1, 2000].map((count) => plural(count, 'znode'))).toEqual(['0 znodes', '1 znode', '2,000 znodes'])
})
