/** Ctrl-C and its relatives: the job comes to its end, the same command goes on, a second signal does not wait. */
import { afterEach, describe, expect, test } from 'vitest'
import { listenForSignals, type Signals } from '../../src/cli/signals.ts'
import { cli } from './run-cli.ts'
import { fillMany, place } from './tree.ts'

describe('the listener', () => {
  let signals: Signals | undefined
  afterEach(() => signals?.stop())

  test.each([
    ['SIGINT', 'SIGINT', 130],
    ['SIGTERM', 'SIGTERM', 143],
    ['SIGHUP', 'SIGTERM', 143],
  ] as const)(
    '%s asks the job to end, and once more ends the process with the first one’s code',
    (name, received, code) => {
      const exits: number[] = []
      const heard: string[] = []
      signals = listenForSignals((exit) => void exits.push(exit))
      signals.onFirst((which) => void heard.push(which))
      expect(signals.received).toBeNull()
      process.emit(name, name)
      expect(signals.signal.aborted).toBe(true)
      expect(signals.received).toBe(received)
      expect(heard).toEqual([name])
      expect(exits).toEqual([])
      process.emit('SIGINT', 'SIGINT')
      expect(exits).toEqual([code])
      expect(heard).toEqual([name])
    },
  )
})

describe('a copy that is interrupted', () => {
  test.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)(
    '%s: exit %d, the journal saved; the same command goes on and ends equal',
    async (signal, code) => {
      const from = await place('from', '3.4.14')
      const to = await place('to')
      try {
        await fillMany(from, 30)
        const args = ['copy', from.location, to.location]
        let sent = false
        const first = await cli([...args, '--rate', '500'], {
          onStderr: (text, child) => {
            // The run has begun: there are seconds of work left at this rate.
            if (sent || !/^run /m.test(text)) return
            sent = true
            child.kill(signal)
          },
        })
        expect(first.code, first.stderr).toBe(code)
        expect(first.stderr).toContain(`${signal}: finishing what is in flight`)
        expect(first.stderr).toMatch(/^copy: interrupted in /m)
        expect(first.stderr.trimEnd().split('\n').at(-1)).toMatch(/^zkferry: Interrupted.*same command/)

        const second = await cli([...args, '--json'])
        expect(second.code, second.stderr).toBe(0)
        expect(second.json().find(({ type }) => type === 'run')).toMatchObject({ resumed: true })
        expect(second.summary()).toMatchObject({ status: 'done', differences: 0 })
        expect(await cli(['verify', from.location, to.location])).toMatchObject({ code: 0, stdout: '' })
      } finally {
        await Promise.all([from.client.close(), to.client.close()])
      }
    },
  )

  test('while it waits for an ensemble: exit 130 at once, and --json has its summary', async () => {
    const result = await cli(['digest', '--json', '--retry-for', '10m', '127.0.0.1:1/x'], {
      onStart: (child) => {
        child.stdout?.on('data', (text: string) => {
          if (text.includes('"waiting"')) child.kill('SIGINT')
        })
      },
    })
    expect(result.code, result.stderr).toBe(130)
    expect(result.summary()).toMatchObject({ status: 'interrupted', exitCode: 130 })
  })
})
