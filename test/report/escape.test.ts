import fc from 'fast-check'
import { expect, test } from 'vitest'
import { escapeJson, escapePath, escapeText } from '../../src/report/escape.ts'

test.each([
  ['plain/path-1_2.3', 'plain/path-1_2.3'],
  ['ü€漢字 😀', 'ü€漢字 😀'],
  ['\u001b[2Jgone', '\\x1b[2Jgone'],
  ['a\nb\r\tc\u0000', 'a\\x0ab\\x0d\\x09c\\x00'],
  ['abc\u202ecba', 'abc\\u202ecba'],
  ['\u009b31m', '\\x9b31m'],
  ['a\u2028b\u2029', 'a\\u2028b\\u2029'],
  ['\u200bzero\ufeff', '\\u200bzero\\ufeff'],
  ['tag\u{e0041}', 'tag\\u{e0041}'],
  ['half\ud800', 'half\\ud800'],
])('%j is shown as %j', (text, shown) => {
  expect(escapeText(text)).toBe(shown)
})

test('the root has a name that no znode can have', () => {
  expect(escapePath('')).toBe('.')
  expect(escapePath('a/b\u0007')).toBe('a/b\\x07')
})

test('whatever the text, nothing is left that moves a cursor or ends a line', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      expect(escapeText(text)).not.toMatch(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u)
    }),
  )
})

test('a line of JSON says the same to a program, and nothing to a terminal', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const line = escapeJson(JSON.stringify({ text }))
      expect(JSON.parse(line)).toEqual({ text })
      expect(line).not.toMatch(/[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}]/u)
    }),
  )
  expect(escapeJson('"\u009b2J\u{e0041}"')).toBe('"\\u009b2J\\udb40\\udc41"')
})
