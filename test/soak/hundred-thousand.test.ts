/** 100,000 znodes of 300 bytes, from 3.4.14 to 3.9.5: copied, verified, proved by another client, in little memory. */
import { spawn } from 'node:child_process'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { expectedReading, readIndependently } from '../helpers/native.ts'
import { many, pair, plantMany } from '../helpers/places.ts'
import { zkferry } from '../helpers/zkferry.ts'

/** 100,000 below the root. */
const DIRS = 1000
const LEAVES = 99
const ZNODES = 1 + DIRS * (LEAVES + 1)
const PEAK_LIMIT_BYTES = 150 * 1024 * 1024

const BIN = fileURLToPath(new URL('../../bin/zkferry.js', import.meta.url))
/** Run in the process itself at its end: what the kernel says was its largest resident set, in KiB. */
const REPORT_PEAK = `data:text/javascript,${encodeURIComponent(
  "process.on('exit',()=>process.stderr.write('PEAK '+process.resourceUsage().maxRSS+'\\n'))",
)}`

test('100,000 znodes are copied and verified, an independent reader finds them equal, below 150 MB', async () => {
  const { from, to } = await pair('soak')
  await plantMany(from, DIRS, LEAVES, 300)

  const started = performance.now()
  const { code, stdout, stderr } = await run(['copy', '--json', from.location, to.location])
  const seconds = (performance.now() - started) / 1000
  expect(code, stderr).toBe(0)
  const summary = JSON.parse(stdout.trimEnd().split('\n').at(-1) as string)
  expect(summary).toMatchObject({ status: 'done', znodes: { read: ZNODES, created: ZNODES }, differences: 0 })
  expect(summary.digest.source).toBe(summary.digest.target)

  const { by, ...found } = await readIndependently(to.address, to.root)
  expect(found).toEqual(expectedReading(many(DIRS, LEAVES, 300)))
  const peak = Number(/^PEAK (\d+)$/m.exec(stderr)?.[1]) * 1024
  console.log(
    `100,000 znodes × 300 B, 3.4.14 → 3.9.5: ${seconds.toFixed(1)} s with verification, ` +
      `peak RSS ${(peak / 1024 / 1024).toFixed(0)} MB, read back by the ${by} client`,
  )
  expect(peak).toBeLessThan(PEAK_LIMIT_BYTES)
  expect((await zkferry(['verify', from.location, to.location])).summary.status).toBe('identical')
})

function run(args: string[]): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const env = { ...process.env, ZKFERRY_STATE: mkdtempSync(join(tmpdir(), 'zkferry-soak-')) }
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['--import', REPORT_PEAK, BIN, ...args], {
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let [stdout, stderr] = ['', '']
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text
    })
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text
    })
    child.on('error', reject)
    child.on('close', (code) => resolve({ code, stdout, stderr }))
  })
}
