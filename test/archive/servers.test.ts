/** Archives and real servers: what comes back has its kinds and counters; a removal may rest on one; kills harm nothing. */
import type { ChildProcess } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { CreateFlag } from '../../src/zookeeper/index.ts'
import { cli } from '../cli/run-cli.ts'
import { connect, Place, place, plant, plantMany } from '../helpers/places.ts'
import { contents, readTree } from '../helpers/read-tree.ts'
import { freshJournal, zkferry } from '../helpers/zkferry.ts'
import { type Server, startServer } from '../servers/index.ts'
import { freshRoot } from '../servers/shared.ts'
import { freshFolder } from './folders.ts'

const copy = (from: string, to: string, ...flags: string[]) =>
  zkferry(['copy', '--retry-for', '10s', '--journal', freshJournal(), ...flags, from, to])

const archiveAt = (name = 'a.zkferry') => `archive:${join(freshFolder(), name)}#/app`

/** `archive:FILE#/path` → FILE */
function fileOf(at: string): string {
  return at.slice('archive:'.length, at.lastIndexOf('#'))
}

async function counterOf(where: Place, below: string): Promise<string> {
  const flags = CreateFlag.persistentSequential
  const { path } = await where.client.create(`${where.at(below)}/n-`, null, { flags })
  await where.client.delete(path)
  return path.slice(-10)
}

describe('kinds and counters', () => {
  let server: Server
  beforeAll(async () => {
    server = await startServer({ version: '3.9.5', jvm: ['-Dznode.container.checkIntervalMs=200'] })
  })
  afterAll(() => server.stop())

  test('containers, TTLs and sequence counters come back; a server that does not make them gets none of them', async () => {
    const from = await place('3.4.14', 'archive-kinds')
    await plant(from, {
      '': null,
      locks: null,
      'locks/a': 'x',
      'locks/a/plain': 'y',
      ttl: null,
      'ttl/s': '1',
      queue: 'q',
    })
    for (let made = 0; made < 5; made++) await counterOf(from, 'queue')
    const at = archiveAt()
    const into = await copy(from.location, at, '--container', 'locks/*', '--ttl', 'ttl/s=3s')
    expect(into.summary).toMatchObject({ status: 'done', znodes: { created: 7 }, steps: 0 })

    const to = new Place(await connect(server.connectString), server.connectString, freshRoot('kinds'))
    // The TTL may be over before the verification comes.
    await copy(at, to.location, '--no-verify')
    const gone = (below: string) =>
      expect.poll(() => to.client.exists(to.at(below)), { timeout: 30_000, interval: 100 }).toBeNull()
    await gone('ttl/s')
    expect(await counterOf(to, 'queue')).toBe('0000000005')
    expect(await to.client.exists(to.at('locks/a'))).not.toBeNull()
    await to.client.delete(to.at('locks/a/plain'))
    await gone('locks/a')

    const old = await place('3.4.14', 'archive-kinds-old')
    const back = await copy(at, old.location)
    expect(back.code).toBe(3)
    expect(back.skipped()).toEqual(['locks/a: container-unsupported', 'ttl/s: ttl-unsupported'])
    expect(await counterOf(old, 'queue')).toBe('0000000005')
  })
})

test('a removal may rest on an archive that holds it now, and on no other', async () => {
  const from = await place('3.9.5', 'archive-rmr')
  await plant(from, { '': 'root', a: '1', 'a/b': { data: '2', acl: ['31:world:anyone'] } })
  const [at, journal] = [archiveAt(), freshJournal()]
  const file = fileOf(at)
  const before = contents(await readTree(from))
  const rmr = () => zkferry(['rmr', '--retry-for', '5s', '--if-verified', journal, '--yes', from.location])
  expect((await zkferry(['copy', '--journal', journal, from.location, at])).code).toBe(0)
  const bytes = readFileSync(file)
  rmSync(file)
  const refused = await rmr()
  expect([refused.code, refused.summary.message]).toEqual([
    7,
    expect.stringMatching(/^The copy cannot be compared .*does not exist.*; nothing was deleted\.$/),
  ])
  writeFileSync(file, bytes)
  expect((await rmr()).summary).toMatchObject({ status: 'done', znodes: { deleted: 3 } })
  expect(await from.client.exists(from.root)).toBeNull()
  expect((await copy(at, from.location)).summary.status).toBe('done')
  expect(contents(await readTree(from))).toEqual(before)
})

test('what makes no sense on a file is refused, and a dry run makes nothing', async () => {
  const from = await place('3.9.5', 'archive-refused')
  await plant(from, { '': 'root', a: '1' })
  const at = archiveAt()
  for (const flags of [
    ['--merge'],
    ['--delete', '--yes'],
    ['--overwrite-newer'],
    ['--quota'],
    ['--ephemeral', 'hold'],
  ]) {
    const { code, summary } = await copy(from.location, at, ...flags)
    expect([code, summary.message]).toEqual([
      2,
      expect.stringMatching(/makes no sense with the target archive:.*; leave it out\.$/),
    ])
  }
  expect((await copy(from.location, from.location.replace('archive-refused', 'x'), '--encrypt')).code).toBe(2)
  const dry = await copy(from.location, at, '--dry-run')
  expect([dry.code, dry.of('plan').length]).toEqual([0, 2])
  const file = fileOf(at)
  expect(readdirSync(dirname(file))).toEqual([])
  // Neither is there a file, nor a tree.
  expect((await copy(at, from.location)).code).toBe(4)
  expect((await copy(from.location, at)).code).toBe(0)
  const other = await copy(at.replace('#/app', '#/other'), from.location)
  expect([other.code, other.summary.message]).toEqual([2, expect.stringContaining('it has /app')])
})

test('a copy that is killed at any instant leaves the old archive or the new one', async () => {
  const from = await place('3.9.5', 'archive-killed')
  await plantMany(from, 4, 1000, 300)
  const at = archiveAt()
  const file = fileOf(at)
  const first = await copy(from.location, at)
  let old = readFileSync(file)
  let generations = 1
  for (const wanted of ['reading', 'partial', 'verifying', 'any']) {
    await from.client.setData(from.at(''), Buffer.from(wanted))
    await killed(
      ['copy', '--json', '--progress', '--journal', freshJournal(), from.location, at],
      (output) => {
        if (wanted === 'reading') return output.includes('"type":"run"')
        if (wanted === 'partial') return readdirSync(dirname(file)).some((name) => name.endsWith('.partial'))
        if (wanted === 'verifying') return output.includes('"phase":"verify"')
        return output.includes('"phase":"verify"') && Math.random() < 0.05
      },
    )
    const now = readFileSync(file)
    if (!now.equals(old)) generations++
    old = now
    const { code, of } = await zkferry(['archive', 'check', file])
    expect([code, of('checked').length]).toEqual([0, generations])
  }
  expect((await copy(from.location, at)).summary.status).toBe('done')
  expect(readdirSync(dirname(file))).toEqual(['a.zkferry'])
  expect((await zkferry(['digest', '--generation', '1', at])).summary.digest.source).toBe(
    first.summary.digest.source,
  )
  expect(existsSync(file)).toBe(true)
})

/** Runs a command, and kills it when its output or the world says so; it may come to its end before. */
async function killed(args: string[], when: (output: string) => boolean): Promise<void> {
  let [output, child] = ['', null as ChildProcess | null]
  const ended = cli(args, {
    onStart: (started) => {
      child = started
      started.stdout?.on('data', (text: string) => {
        output += text
      })
    },
  })
  let over = false
  const end = ended.finally(() => {
    over = true
  })
  while (!over && !when(output)) await new Promise((resolve) => setTimeout(resolve, 2))
  child?.kill('SIGKILL')
  await end
}
