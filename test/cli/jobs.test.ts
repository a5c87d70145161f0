/** The commands as a script calls them, between real servers: what they print, and how they exit. */
import { mkdtempSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { cli } from './run-cli.ts'
import { ephemeral, fill, type Place, place } from './tree.ts'

const SUMMARY_FIELDS = [
  'type',
  'command',
  'status',
  'exitCode',
  'znodes',
  'bytes',
  'directories',
  'digest',
  'differences',
  'sourceMoved',
  'consistency',
  'reconnects',
  'survived',
  'seconds',
  'runId',
  'journal',
]
const RUN_FIELDS = ['type', 'command', 'runId', 'journal', 'source', 'target', 'resumed', 'version']

const places: Place[] = []
async function open(...args: Parameters<typeof place>): Promise<Place> {
  const opened = await place(...args)
  places.push(opened)
  return opened
}
afterAll(() => Promise.all(places.map(({ client }) => client.close())))

describe('a copy from the oldest to the newest server', () => {
  let from: Place
  let to: Place

  beforeAll(async () => {
    from = await open('from', '3.4.14')
    to = await open('to')
    await fill(from, { '': null, a: 'one', 'a/b': '', 'a/c': null, d: 'two' })
    await ephemeral(from, 'd/lock')
  })

  test('--dry-run lists what it would do and writes nothing', async () => {
    const { code, stdout, stderr } = await cli(['copy', '--dry-run', from.location, to.location])
    expect(code, stderr).toBe(0)
    const lines = stdout
      .trimEnd()
      .split('\n')
      .map((line) => line.split(/ {2,}/).map((cell) => cell.trim()))
    const created = lines.filter(([action]) => action === 'create').map(([, , path]) => path)
    expect(created.sort()).toEqual(['.', 'a', 'a/b', 'a/c', 'd'])
    expect(stderr).toMatch(/create 5 znodes \(6 B\).*; nothing was written/)
    expect(stderr).toContain('skipped  d/lock  (ephemeral)')
    const planned = (await cli(['copy', '--dry-run', '--json', from.location, to.location])).json()
    expect(planned).toContainEqual({ type: 'plan', path: 'd', action: 'create', bytes: 3 })
    expect(planned).toContainEqual({ type: 'skipped', path: 'd/lock', reason: 'ephemeral' })
    expect(await to.client.exists(to.root)).toBeNull()
  })

  test('it names its journal first, copies, and ends with a ticket', async () => {
    const { code, stdout, stderr } = await cli(['copy', from.location, to.location])
    expect(code, stderr).toBe(0)
    expect(stdout).toBe('')
    expect(stderr.split('\n')[0]).toMatch(/^journal: \/.*\.journal$/)
    expect(stderr).toMatch(/^copy: done in /m)
    expect(stderr).toContain(from.location)
    expect(stderr).toContain(to.location)
    expect(stderr).toMatch(/znodes +\d+ read, 5 created/)
    expect(stderr).toContain('1 znode (ephemeral)')
    const digests = [...stderr.matchAll(/([0-9a-f]{64}) \((source|target)\)/g)]
    expect(digests).toHaveLength(2)
    expect(digests[0]?.[1]).toBe(digests[1]?.[1])
    expect((await to.client.getData(`${to.root}/a/b`)).data).toEqual(Buffer.alloc(0))
    expect((await to.client.getData(`${to.root}/a/c`)).data).toBeNull()
  })

  test('again, with --json: every line has the fields of the contract, and the last is the summary', async () => {
    const result = await cli(['copy', '--json', from.location, to.location])
    expect(result.code, result.stderr).toBe(0)
    const lines = result.json()
    const run = lines.find(({ type }) => type === 'run')
    expect(Object.keys(run ?? {})).toEqual(expect.arrayContaining(RUN_FIELDS))
    expect(run).toMatchObject({ command: 'copy', source: from.location, target: to.location, resumed: false })
    const summary = result.summary()
    expect(Object.keys(summary)).toEqual(expect.arrayContaining(SUMMARY_FIELDS))
    expect(summary).toMatchObject({
      type: 'summary',
      command: 'copy',
      status: 'done',
      exitCode: 0,
      runId: run?.runId,
      journal: run?.journal,
      znodes: { created: 0, updated: 0, unchanged: 5, deleted: 0, failed: 0 },
      differences: 0,
    })
    expect(summary.digest).toEqual({
      source: expect.stringMatching(/^[0-9a-f]{64}$/),
      target: expect.stringMatching(/^[0-9a-f]{64}$/),
    })
  })

  test('runs knows it', async () => {
    const result = await cli(['runs', '--json'])
    const mine = result.json().filter((line) => line.source === from.location)
    expect(mine.length).toBeGreaterThan(0)
    const shown = await cli(['runs', 'show', String(mine[0]?.runId)])
    expect(shown.stdout).toContain('skipped   d/lock  (ephemeral)')
  })

  test('verify: identical', async () => {
    const result = await cli(['verify', '--json', from.location, to.location])
    expect(result.code, result.stderr).toBe(0)
    expect(result.summary()).toMatchObject({
      command: 'verify',
      status: 'identical',
      exitCode: 0,
      differences: 0,
    })
    expect(result.summary()).not.toHaveProperty('message')
  })

  test('digest is the same on both, and is what the copy said', async () => {
    const [one, other] = await Promise.all([
      cli(['digest', from.location]),
      cli(['digest', '--json', to.location]),
    ])
    expect(one.code, one.stderr).toBe(0)
    expect(one.stdout).toMatch(/^[0-9a-f]{64} {2}\.\n$/)
    const digest = one.stdout.slice(0, 64)
    expect(other.json().filter(({ type }) => type === 'digest')).toEqual([
      { type: 'digest', path: '', znodes: 5, digest },
    ])
    expect(other.summary()).toMatchObject({ status: 'done', digest: { source: digest } })
  })

  test('verify --from-journal: the target is as the journal has it', async () => {
    const runs = (await cli(['runs', '--json'])).json()
    const journal = String(runs.find((line) => line.source === from.location)?.journal)
    const same = await cli(['verify', '--from-journal', journal, to.location])
    expect(same.code, same.stderr).toBe(0)
    expect(same.stderr).toContain('verify: identical')
  })

  test('verify names every difference on stdout, exit 1; --combined has a mark a znode', async () => {
    await to.client.setData(`${to.root}/a/b`, Buffer.from('other'))
    await to.client.delete(`${to.root}/a/c`)
    await to.client.create(`${to.root}/new`, null)
    const marks = join(mkdtempSync(join(tmpdir(), 'zkferry-marks-')), 'marks')
    const { code, stdout, stderr } = await cli([
      'verify',
      '--rounds',
      '0',
      '--combined',
      marks,
      from.location,
      to.location,
    ])
    expect(code, stderr).toBe(1)
    expect(stdout.trimEnd().split('\n').sort()).toEqual([
      'data  a/b',
      'missing-in-source  new',
      'missing-in-target  a/c',
    ])
    expect(stderr.trimEnd().split('\n').at(-1)).toMatch(/^zkferry: 3 /)
    const lines = readFileSync(marks, 'utf8').split('\n').filter(Boolean)
    expect(lines.sort()).toEqual(['* a/b', '+ a/c', '- new', '= ', '= a', '= d'].sort())
    const full = await cli(['verify', '--rounds', '0', '--combined', '/dev/full', from.location, to.location])
    expect(full.code, full.stderr).toBe(3)
    expect(full.stderr).toContain('--combined /dev/full could not be written (ENOSPC)')
    const onStdout = await cli(['verify', '--rounds', '0', '--combined', '-', from.location, to.location])
    expect(onStdout.stdout.split('\n').filter(Boolean).sort()).toEqual(lines)
  })

  test('the copy again is refused: someone has worked on the target', async () => {
    const result = await cli(['copy', '--json', from.location, to.location])
    expect(result.code).toBe(7)
    expect(result.summary()).toMatchObject({ status: 'refused', exitCode: 7 })
    expect(result.stderr).toMatch(/^zkferry: .*--overwrite-newer/m)
    expect((await to.client.getData(`${to.root}/a/b`)).data?.toString()).toBe('other')
  })

  test('--overwrite-newer --delete --max-delete makes them equal', async () => {
    const args = ['copy', '--overwrite-newer', '--delete', '--json', from.location, to.location]
    const tooFew = await cli([...args, '--max-delete', '0'])
    expect(tooFew.code).toBe(7)
    expect(await to.client.exists(`${to.root}/new`)).not.toBeNull()
    const result = await cli([...args, '--max-delete', '1'])
    expect(result.code, result.stderr).toBe(0)
    expect(result.summary()).toMatchObject({ status: 'done', znodes: { deleted: 1, failed: 0 } })
    expect(await cli(['verify', from.location, to.location])).toMatchObject({ code: 0, stdout: '' })
    expect(await to.client.exists(`${to.root}/new`)).toBeNull()
  })
})

describe('rmr', () => {
  test('dry run, refusals, and the removal', async () => {
    const at = await open('rmr')
    await fill(at, { '': null, a: 'x', 'a/b': 'y' })
    const planned = await cli(['rmr', '--dry-run', at.location])
    expect(planned.code, planned.stderr).toBe(0)
    expect(planned.stdout.trimEnd().split('\n')).toHaveLength(3)
    expect(await cli(['rmr', '--yes', '--max-delete', '2', at.location])).toMatchObject({ code: 7 })
    await ephemeral(at, 'a/alive')
    const lived = await cli(['rmr', '--yes', at.location])
    expect(lived.code).toBe(7)
    expect(lived.stderr).toContain('--with-ephemerals')
    expect(await at.client.exists(`${at.root}/a/b`)).not.toBeNull()
    const removed = await cli(['rmr', '--yes', '--with-ephemerals', '--json', at.location])
    expect(removed.code, removed.stderr).toBe(0)
    expect(removed.summary()).toMatchObject({ command: 'rmr', status: 'done', znodes: { deleted: 4 } })
    expect(await at.client.exists(at.root)).toBeNull()
  })
})

describe('zkcopy', () => {
  test('with -c it leaves what only the target has', async () => {
    const from = await open('zkcopy-from', '3.4.14')
    const to = await open('zkcopy-to')
    await fill(from, { '': null, a: 'new' })
    await fill(to, { '': null, a: 'old', extra: 'stays' })
    const args = [
      'zkcopy',
      `-s=${from.location}`,
      '-t',
      to.location,
      '-w',
      '2',
      '-b=1000',
      '-c',
      '--timeout',
      '10000',
    ]
    const result = await cli([...args, '--json'])
    expect(result.code, result.stderr).toBe(0)
    expect(result.summary()).toMatchObject({
      command: 'zkcopy',
      status: 'done',
      znodes: { updated: 1, deleted: 0 },
    })
    expect((await to.client.getData(`${to.root}/a`)).data?.toString()).toBe('new')
    expect(await to.client.exists(`${to.root}/extra`)).not.toBeNull()
  })

  test('without -c, and with --yes, it deletes it', async () => {
    const from = await open('zkcopy-from', '3.4.14')
    const to = await open('zkcopy-to')
    await fill(from, { '': null, a: 'new' })
    await fill(to, { '': null, a: 'old', extra: 'goes' })
    const result = await cli(['zkcopy', '-s', from.location, '-t', to.location, '--yes', '--json'])
    expect(result.code, result.stderr).toBe(0)
    expect(result.summary()).toMatchObject({ znodes: { updated: 1, deleted: 1 } })
    expect(await to.client.exists(`${to.root}/extra`)).toBeNull()
  })
})

describe('what cannot be used', () => {
  test('a source root that does not exist: exit 2', async () => {
    const from = await open('none')
    const to = await open('to')
    for (const command of ['copy', 'verify']) {
      const result = await cli([command, from.location, to.location])
      expect(result.code).toBe(2)
      expect(result.stderr).toContain(`${from.location} does not exist`)
    }
    expect(await cli(['digest', from.location])).toMatchObject({ code: 2 })
    expect(await to.client.exists(to.root)).toBeNull()
  })

  test('a target with strangers: exit 7, nothing written; --merge allows it', async () => {
    const from = await open('from')
    const to = await open('to', '3.4.14')
    await fill(from, { '': null, a: 'x' })
    await fill(to, { '': null, stranger: 'y' })
    const refused = await cli(['copy', from.location, to.location])
    expect(refused.code).toBe(7)
    expect(refused.stderr).toContain('--merge')
    expect(await to.client.exists(`${to.root}/a`)).toBeNull()
    const merged = await cli(['copy', '--merge', from.location, to.location])
    expect(merged.code, merged.stderr).toBe(0)
    expect(await to.client.exists(`${to.root}/stranger`)).not.toBeNull()
  })

  test('the same place under another name, or one inside the other: exit 2, nothing written', async () => {
    const from = await open('here')
    await fill(from, { '': null, a: 'x' })
    const alias = from.location.replace('127.0.0.1', 'localhost')
    for (const [source, target] of [
      [from.location, alias],
      [from.location, `${alias}/a/copy`],
      [`${from.location}/a`, alias],
    ] as const) {
      for (const command of ['copy', 'verify']) {
        const result = await cli([command, '--json', source, target])
        expect(result.code, result.stderr).toBe(2)
        expect(result.stderr).toMatch(/are the same place|in one place/)
      }
    }
    expect(await cli(['copy', from.location, `${alias}-beside`])).toMatchObject({ code: 0 })
    expect((await from.client.getChildren(`${from.root}/a`)).children).toEqual([])
  })

  test('a closed door is waited for, said at once, and ends with 4 or 5', async () => {
    const { location } = await open('here')
    const nobody = '127.0.0.1:1/x'
    const source = await cli(['verify', '--retry-for', '1s', nobody, location])
    expect(source).toMatchObject({ code: 4, stdout: '' })
    expect(source.stderr).toContain('waiting for the source')
    const target = await cli(['verify', '--retry-for', '1s', '--json', location, nobody])
    expect(target.code).toBe(5)
    expect(target.json()).toContainEqual(expect.objectContaining({ type: 'waiting', side: 'target' }))
    expect(target.summary()).toMatchObject({ status: 'failed', exitCode: 5 })
    expect(await cli(['rmr', '--yes', '--retry-for', '1s', nobody])).toMatchObject({ code: 4 })
  })

  test('an auth scheme that the server refuses is no unreachable server', async () => {
    const { location } = await open('here')
    const result = await cli(['digest', location], { env: { ZKFERRY_AUTH: 'nosuchscheme hunter2' } })
    expect(result.code).toBe(4)
    expect(result.stderr).toMatch(/does not accept/)
    // It may be a password whose scheme was forgotten.
    expect(result.stderr).not.toContain('nosuchscheme')
    expect(result.stderr).not.toContain('hunter2')
  })

  test('a wrong password shows at the first NOAUTH, where the sentence names the user', async () => {
    const at = await open('guarded')
    await at.client.addAuth({ scheme: 'digest', auth: Buffer.from('admin:right') })
    await at.client.create(at.root, Buffer.from('secret'), {
      acl: [{ perms: 31, scheme: 'auth', id: Buffer.from('') }],
    })
    const result = await cli(['digest', at.location], { env: { ZKFERRY_AUTH: 'digest admin:wrong' } })
    expect(result.code).toBe(4)
    expect(result.stderr).toContain('admin')
    expect(result.stderr).not.toContain('wrong:')
    expect(await cli(['digest', at.location], { env: { ZKFERRY_AUTH: 'digest admin:right' } })).toMatchObject(
      { code: 0 },
    )
  })
})
