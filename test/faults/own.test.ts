/** zkferry itself killed, stopped, short of memory, without room for its journal, with a clock that jumps. */
import { spawn } from 'node:child_process'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { expectedReading, readIndependently } from '../helpers/native.ts'
import { many, type Place, place, plantMany } from '../helpers/places.ts'
import { contents, readTree } from '../helpers/read-tree.ts'
import { expectWrittenOnce } from '../helpers/written-once.ts'
import { freshJournal, type Line, type Summary, zkferry } from '../helpers/zkferry.ts'
import { sharedServer } from '../servers/shared.ts'
import { copyDuring, expectWhole } from './during.ts'
import { type SmallDisk, smallDisk, withFileLimit } from './limits.ts'
import { JUMPING_CLOCK, killedAtCommit } from './preload.ts'
import { FaultProxy } from './proxy.ts'

const BIN = fileURLToPath(new URL('../../bin/zkferry.js', import.meta.url))

let from: Place
beforeAll(async () => {
  from = await place('3.4.14', 'own-from')
  await plantMany(from, 20, 40)
})

/** Runs any command line, and gives the summary of its `--json`. */
function run(
  command: string[],
): Promise<{ code: number | null; stderr: string; summary: Summary | undefined }> {
  const { PATH = '', HOME = '' } = process.env
  const [name = '', ...args] = command
  return new Promise((resolve, reject) => {
    const child = spawn(name, args, { env: { PATH, HOME }, stdio: ['ignore', 'pipe', 'pipe'] })
    let [stdout, stderr] = ['', '']
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text
    })
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text
    })
    child.on('error', reject)
    child.on('close', (code) => {
      const last = stdout.trimEnd().split('\n').at(-1)
      resolve({ code, stderr, summary: last ? (JSON.parse(last) as Line & Summary) : undefined })
    })
  })
}

describe('killed at a commit of the journal', () => {
  test.each([
    ['before', 3],
    ['after', 3],
    ['before', 6],
    ['after', 6],
  ] as const)('right %s the transaction number %d: resumed, equal, written once', async (when, nth) => {
    const to = await place('3.9.5', 'commit')
    const args = ['copy', '--journal', freshJournal(), from.location, to.location]
    const killed = await zkferry(args, { env: killedAtCommit(nth, when) })
    expect(killed.code, killed.stderr).toBeNull()
    const outcome = await zkferry(args)
    await expectWhole({ from, to }, outcome)
  })
})

test('stopped for longer than its sessions live, it goes on with new ones', async () => {
  const to = await place('3.9.5', 'stopped')
  const proxy = await FaultProxy.before(sharedServer('3.9.5').port, { record: false })
  onTestFinished(() => proxy.close())
  const locations: [string, string] = [from.location, proxy.connectString + to.root]
  const outcome = await copyDuring({ from, to, locations, args: ['--timeout', '1s'] }, async ({ pid }) => {
    process.kill(pid, 'SIGSTOP')
    // The server ends its sessions, and with them their connections.
    await expect.poll(() => proxy.alive, { timeout: 30_000 }).toBe(0)
    process.kill(pid, 'SIGCONT')
  })
  await expectWhole({ from, to }, outcome)
  expect(outcome.summary.survived.expiredSessions).toBeGreaterThan(0)
})

test('a clock that jumps to and fro changes nothing', async () => {
  const to = await place('3.9.5', 'clock')
  const outcome = await zkferry(['copy', '--rate', '1000', from.location, to.location], {
    env: JUMPING_CLOCK(),
  })
  await expectWhole({ from, to }, outcome)
  const shown = await zkferry(['runs', '--journal', String(outcome.summary.journal)])
  expect(shown.of('run')).toMatchObject([{ state: 'finished', status: 'done' }])
})

test('a heap of 64 MB is enough', async () => {
  const large = await place('3.9.5', 'heap-from')
  await plantMany(large, 60, 100, 1_500)
  const to = await place('3.9.5', 'heap')
  const env = { NODE_OPTIONS: '--max-old-space-size=64' }
  const { code, stderr } = await zkferry(['copy', large.location, to.location], { env })
  expect(code, stderr).toBe(0)
  const { by: _, ...found } = await readIndependently(to.address, to.root)
  expect(found).toEqual(expectedReading(many(60, 100, 1_500)))
})

describe('a journal that can grow no more', () => {
  const disk: SmallDisk | null = smallDisk(350)
  afterAll(() => disk?.release())

  test.skipIf(disk === null)('because the disk is full: exit 6, and resumed once there is room', async () => {
    const { folder, resize } = disk as SmallDisk
    const to = await place('3.9.5', 'full')
    const wide = await place('3.4.14', 'full-from')
    await plantMany(wide, 2000, 1, 10)
    const args = ['copy', '--journal', join(folder, 'run.journal'), wide.location, to.location]
    const full = await zkferry(args)
    expect(full.code, full.stderr).toBe(6)
    expect(full.summary).toMatchObject({ status: 'failed', exitCode: 6 })
    expect(full.summary.message).toBe(
      `The disk that holds the journal ${folder}/run.journal is full; free some space and run the same command again.`,
    )
    resize(20_000)
    const outcome = await zkferry(args)
    expect(outcome.of('run')[0]).toMatchObject({ resumed: true })
    await expectWhole({ from: wide, to }, outcome)
  })

  test('because writing fails: exit 6, and resumed once it works', async () => {
    const to = await place('3.9.5', 'io-error')
    const wide = await place('3.4.14', 'io-error-from')
    await plantMany(wide, 2000, 1, 10)
    const journal = join(mkdtempSync(join(tmpdir(), 'zkferry-limit-')), 'run.journal')
    const args = ['copy', '--json', '--journal', journal, wide.location, to.location]
    const limited = await run(withFileLimit(250_000, [process.execPath, BIN, ...args]))
    expect(limited.code, limited.stderr).toBe(6)
    expect(limited.summary).toMatchObject({ status: 'failed', exitCode: 6 })
    expect(limited.summary?.message).toContain(journal)
    const outcome = await zkferry(args.filter((arg) => arg !== '--json'))
    expect(outcome.of('run')[0]).toMatchObject({ resumed: true })
    await expectWhole({ from: wide, to }, outcome)
  })
})

test('whoever reads its output goes away: the copy is made all the same', async () => {
  const to = await place('3.9.5', 'head')
  const words = [
    process.execPath,
    BIN,
    'copy',
    '--json',
    '--journal',
    freshJournal(),
    from.location,
    to.location,
  ]
  // biome-ignore lint/suspicious/noTemplateCurlyInString: it is the shell's
  const script = '"$@" | head -n 1 > /dev/null; exit "${PIPESTATUS[0]}"'
  const { code, stderr } = await run(['bash', '-c', script, 'bash', ...words])
  expect(code, stderr).toBe(0)
  expect(contents(await readTree(to))).toEqual(contents(await readTree(from)))
  await expectWrittenOnce(to)
})
