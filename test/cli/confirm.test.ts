import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { PassThrough } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test, vi } from 'vitest'
import { ask } from '../../src/cli/confirm.ts'
import { Interrupted } from '../../src/tree/errors.ts'

const BUILT = fileURLToPath(new URL('../../dist/cli/confirm.js', import.meta.url))

function terminal() {
  const input = new PassThrough()
  const output = new PassThrough()
  return { input, output, asked: () => once(output, 'readable'), shown: () => String(output.read() ?? '') }
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
  await place.asked()
  place.input.write(`${answer}\n`)
  expect(await asked).toBe(agreed)
  expect(place.shown()).toBe('Remove it? [y/N] ')
})

test('what was typed before the question is no answer to it', async () => {
  const place = terminal()
  place.input.write('y\ny\n')
  const asked = ask('Remove it?', place, new AbortController().signal)
  await place.asked()
  place.input.write('n\n')
  expect(await asked).toBe(false)
})

// util-linux's script(1) gives a terminal.
test.runIf(process.platform === 'linux')(
  'nor is a line without its end, which the terminal has kept',
  async () => {
    const program = `
      import { ask } from ${JSON.stringify(BUILT)}
      process.once('SIGUSR2', async () => {
        const place = { input: process.stdin, output: process.stderr }
        console.log('agreed: ' + (await ask('Remove it?', place, new AbortController().signal)))
        process.exit()
      })
      console.log('process ' + process.pid + ' listens')
      setTimeout(() => {}, 60_000)`
    const child = spawn('script', ['-qec', 'exec "$NODE" --input-type=module -e "$PROGRAM"', '/dev/null'], {
      env: { ...process.env, NODE: process.execPath, PROGRAM: program },
      stdio: ['pipe', 'pipe', 'ignore'],
    })
    onTestFinished(() => void child.kill())
    let shown = ''
    child.stdout.on('data', (text) => {
      shown += text
    })
    const seen = (what: RegExp) =>
      vi.waitFor(() => what.exec(shown) ?? expect.fail(`no ${what} in ${shown}`), { timeout: 30_000 })
    const asking = Number((await seen(/process (\d+) listens/))[1])
    child.stdin.write('y')
    // Its echo: now the terminal has it.
    await seen(/listens\s+y/)
    process.kill(asking, 'SIGUSR2')
    await seen(/\[y\/N\] /)
    child.stdin.write('\n')
    expect((await seen(/agreed: (\w+)/))[1]).toBe('false')
  },
)

test.each(['before', 'after'])('the end of the input %s the question is no agreement', async (when) => {
  const place = terminal()
  if (when === 'before') place.input.end()
  const asked = ask('Remove it?', place, new AbortController().signal)
  if (when === 'after') {
    await place.asked()
    place.input.end()
  }
  expect(await asked).toBe(false)
})

test('a signal ends the question', async () => {
  const stop = new AbortController()
  const asked = ask('Remove it?', terminal(), stop.signal)
  stop.abort()
  await expect(asked).rejects.toThrow(Interrupted)
})
