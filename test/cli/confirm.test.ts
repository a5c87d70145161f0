import { PassThrough } from 'node:stream'
import { expect, test } from 'vitest'
import { ask } from '../../src/cli/confirm.ts'
import { Interrupted } from '../../src/tree/errors.ts'

function terminal() {
  const input = new PassThrough()
  const output = new PassThrough()
  return { input, output, shown: () => String(output.read() ?? '') }
}

test.each([
  ['y', true],
  ['yes', true],
  ['YES', true],
  [' y ', true],
  ['n', false],
  ['', false],
  ['yep', false],
  ['of course', false],
])('%j means %s', async (answer, agreed) => {
  const place = terminal()
  const asked = ask('Remove it?', place, new AbortController().signal)
  place.input.write(`${answer}\n`)
  expect(await asked).toBe(agreed)
  expect(place.shown()).toBe('Remove it? [y/N] ')
})

test('the end of the input is no agreement', async () => {
  const place = terminal()
  const asked = ask('Remove it?', place, new AbortController().signal)
  place.input.end()
  expect(await asked).toBe(false)
})

test('a signal ends the question', async () => {
  const stop = new AbortController()
  const asked = ask('Remove it?', terminal(), stop.signal)
  stop.abort()
  await expect(asked).rejects.toThrow(Interrupted)
})
