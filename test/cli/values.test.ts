import { describe, expect, test } from 'vitest'
import { byteSize, count, duration, glob } from '../../src/cli/values.ts'
import { UsageProblem } from '../../src/tree/errors.ts'

describe('durations', () => {
  test.each([
    ['500ms', 500],
    ['30s', 30_000],
    ['15m', 900_000],
    ['2h', 7_200_000],
    ['1d', 86_400_000],
    ['1.5s', 1_500],
    ['0s', 0],
  ])('%s is %d ms', (text, ms) => {
    expect(duration('--timeout')(text)).toBe(ms)
  })

  test.each(['', '30', 's', '-1s', '1 s', '30S', '1e3s', '.5s', 'soon', '30sec', '25d', '9999999999999h'])(
    '%j is refused with a sentence that names it',
    (text) => {
      expect(() => duration('--timeout')(text)).toThrow(UsageProblem)
      expect(() => duration('--timeout')(text)).toThrow(`--timeout "${text}" `)
    },
  )

  test('zero is refused where it makes no sense', () => {
    expect(() => duration('--expect-quiet', 'positive')('0s')).toThrow('--expect-quiet "0s" is too short')
  })
})

describe('counts', () => {
  test('whole numbers within their limits', () => {
    expect(count('--rounds')('0')).toBe(0)
    expect(count('--sessions', 1, 60)('60')).toBe(60)
  })

  test.each(['', '-1', '1.0', '1e3', '0x10', ' 1', '1,000', '9007199254740993', '99999999999999999'])(
    '%j is refused',
    (text) => {
      expect(() => count('--max-delete')(text)).toThrow(`--max-delete "${text}" is not a whole number`)
    },
  )

  test('limits are named', () => {
    expect(() => count('--sessions', 1, 60)('61')).toThrow('--sessions "61" is too large: at most 60')
    expect(() => count('--sessions', 1, 60)('0')).toThrow('--sessions "0" is too small: at least 1')
  })
})

describe('sizes', () => {
  test.each([
    ['1', 1],
    ['500000', 500_000],
    ['64kB', 64_000],
    ['64k', 64_000],
    ['5MB', 5_000_000],
    ['1.5m', 1_500_000],
    ['4MiB', 4_194_304],
    ['1GiB', 2 ** 30],
  ])('%s is %d bytes', (text, bytes) => {
    expect(byteSize('--byte-rate')(text)).toBe(bytes)
  })

  test.each(['', '0', '-1', '5XB', '5 MB', 'MB', '1e6', '0.5'])('%j is refused', (text) => {
    expect(() => byteSize('--byte-rate')(text)).toThrow(`--byte-rate "${text}" is not a number of bytes`)
  })
})

test('globs are gathered in order', () => {
  const collect = glob('--exclude')
  expect(collect('b/**', collect('a', undefined))).toEqual(['a', 'b/**'])
})

test.each(['[', '{a', 'x/(z', 'a]', 'b}', '{a,(b}', '[!]', '[]', '{a,b', '@(a'])(
  'the glob %j has a bracket too few',
  (text) => {
    expect(() => glob('--include')(text, undefined)).toThrow(`--include "${text}" has a "`)
  },
)

test.each(['[a-z]*', '[]]', '[!]x]', '[({]', '{a,b}/**', '@(a|b)', '{a,[}]}', '\\[', 'a\\}', '[\\]]'])(
  'the glob %j is whole',
  (text) => {
    expect(glob('--include')(text, undefined)).toEqual([text])
  },
)
