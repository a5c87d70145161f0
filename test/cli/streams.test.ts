/** stdout and stderr as pipes: who reads, and who has stopped reading. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { cli } from './run-cli.ts'
import { fillMany, type Place, place } from './tree.ts'

const BIN = fileURLToPath(new URL('../../bin/zkferry.js', import.meta.url))

let from: Place
let to: Place
beforeAll(async () => {
  from = await place('from')
  to = await place('to')
  await fillMany(from, 30)
  await to.client.create(to.root, null)
})
afterAll(() => Promise.all([from.client.close(), to.client.close()]))

describe('a reader that goes away', () => {
  test.each([
    ['verify', () => ['verify', '--rounds', '0', from.location, to.location], 1],
    ['a dry run', () => ['copy', '--dry-run', '--json', from.location, `${to.location}-2`], 0],
    ['--help', () => ['copy', '--help'], 0],
  ] as const)('ends the output of %s, not its exit code', async (_name, args, code) => {
    const child = spawn(process.execPath, [BIN, ...args()], { stdio: ['ignore', 'pipe', 'pipe'] })
    child.stdout.destroy()
    let stderr = ''
    child.stderr.on('data', (chunk) => {
      stderr += chunk
    })
    const [exit] = await once(child, 'close')
    expect(exit, stderr).toBe(code)
    expect(stderr).not.toContain('EPIPE')
    expect(stderr).not.toContain('    at ')
  })
})

describe('output that cannot be written', () => {
  /** With stdout at a device that is always full. */
  async function onFull(args: string[]): Promise<{ code: unknown; stderr: string }> {
    const full = openSync('/dev/full', 'w')
    try {
      const child = spawn(process.execPath, [BIN, ...args], { stdio: ['ignore', full, 'pipe'] })
      let stderr = ''
      child.stderr?.on('data', (chunk) => {
        stderr += chunk
      })
      const [code] = await once(child, 'close')
      return { code, stderr }
    } finally {
      closeSync(full)
    }
  }
  const said = (stderr: string) => stderr.match(/could not be written \(ENOSPC\)/g)

  test.each([
    ['digest', () => ['digest', from.location], 3],
    ['digest --json', () => ['digest', '--quiet', '--json', from.location], 3],
    ['verify with differences', () => ['verify', '--rounds', '0', from.location, to.location], 3],
    ['--help', () => ['copy', '--help'], 3],
    ['--version', () => ['--version'], 3],
  ] as const)('%s says so once, exit code 3', async (_name, args, expected) => {
    const { code, stderr } = await onFull(args())
    expect(code, stderr).toBe(expected)
    expect(said(stderr)).toHaveLength(1)
    expect(stderr).not.toContain('    at ')
  })

  test('a code that says more stays', async () => {
    const { code, stderr } = await onFull(['digest', '--json', '127.0.0.1:2181'])
    expect(code, stderr).toBe(2)
  })

  test('the file of --combined', async () => {
    const args = ['verify', '--json', '--rounds', '0', '--combined', '/dev/full', from.location, to.location]
    const result = await cli(args)
    expect(result.code, result.stderr).toBe(3)
    expect(result.summary()).toMatchObject({ status: 'incomplete', exitCode: 3 })
    expect(result.stderr).toContain('zkferry: --combined /dev/full could not be written (ENOSPC)')
  })
})

describe('progress where stderr is no terminal', () => {
  test('plain lines every few seconds; none with --no-progress or --quiet', async () => {
    const slow = ['digest', '--rate', '450', from.location]
    const [plain, none, quiet] = await Promise.all([
      cli(slow),
      cli([...slow, '--no-progress']),
      cli([...slow, '--quiet']),
    ])
    expect(plain.stderr).toMatch(/^digesting: [\d,]+ znodes, .* [\d,]+\/s/m)
    expect(plain.stderr).not.toContain('\u001b')
    expect(none.stderr).not.toContain('digesting: ')
    expect(quiet).toMatchObject({ code: 0, stderr: '' })
  })

  test('--json has progress lines on stdout with the fields of the contract', async () => {
    const args = ['digest', '--json', '--rate', '1500', from.location]
    const lines = (await cli(args)).json()
    const progress = lines.filter(({ type }) => type === 'progress')
    expect(progress.length).toBeGreaterThan(0)
    expect(Object.keys(progress[0] ?? {}).sort()).toEqual([
      'bytes',
      'estimate',
      'phase',
      'type',
      'znodes',
      'znodesPerSecond',
    ])
    expect(lines.at(-1)?.type).toBe('summary')
  })
})
