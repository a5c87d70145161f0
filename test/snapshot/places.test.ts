/** Where a data directory may be written, what is never touched, and what is refused. */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { OPEN_ACL, ZooKeeperClient } from '../../src/zookeeper/index.ts'
import { type Place, place, plant, plantMany } from '../helpers/places.ts'
import { type Outcome, SOME_DONE, zkferry, zkferryUntil } from '../helpers/zkferry.ts'
import { startServer } from '../servers/index.ts'
import { freshFolder } from './contract.ts'

let from: Place

beforeAll(async () => {
  from = await place('3.9.5', 'snapshot-places')
  await plant(from, { '': 'root', a: 'a', 'a/b': 'b', locks: null, 'locks/one': 'x', 'locks/one/owner': 'y' })
})

function copy(folder: string, ...flags: string[]): Promise<Outcome> {
  return zkferry(['copy', ...flags, from.location, `snapshot:${folder}#/`])
}

/** Every file below, with its text. */
function filesIn(folder: string): Record<string, string> {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) =>
    entry.isFile(),
  )
  return Object.fromEntries(
    files.map((entry) => [
      join(entry.parentPath, entry.name).slice(folder.length + 1),
      readFileSync(join(entry.parentPath, entry.name), 'latin1'),
    ]),
  )
}

/** A folder as it is made for a server, with files in it. */
function prepared(files: Record<string, string>): string {
  const folder = freshFolder()
  mkdirSync(folder)
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true })
    writeFileSync(join(folder, name), text)
  }
  return folder
}

const BEFORE = { 'version-2/log.1': 'a log', 'version-2/acceptedEpoch': '1', myid: '3\n' }

describe('a folder that has data', () => {
  test('is not touched', async () => {
    const folder = prepared(BEFORE)
    const { code, stderr, summary } = await copy(folder)
    expect([code, summary.status]).toEqual([7, 'refused'])
    expect(stderr).toContain(`${folder} already has data (version-2/`)
    expect(filesIn(folder)).toEqual(BEFORE)
  })

  test('nor is a member’s', async () => {
    const folder = prepared({ '2/version-2/snapshot.0': 'x' })
    const { code, stderr } = await copy(folder, '--members', '3')
    expect(code, stderr).toBe(7)
    expect(filesIn(folder)).toEqual({ '2/version-2/snapshot.0': 'x' })
  })

  test('gives way to --force, and is set aside', async () => {
    const folder = prepared(BEFORE)
    const { code, stderr, of } = await copy(folder, '--force')
    expect(code, stderr).toBe(0)
    const [aside = ''] = readdirSync(folder).filter((name) => name.startsWith('version-2.before-'))
    expect(of('note')).toContainEqual({ message: `What was there before is in ${join(folder, aside)} now.` })
    expect(filesIn(join(folder, aside))).toEqual({ 'log.1': 'a log', acceptedEpoch: '1' })
    expect(readdirSync(join(folder, 'version-2'))).toEqual([expect.stringMatching(/^snapshot\.\w+$/)])
    expect(readFileSync(join(folder, 'myid'), 'utf8')).toBe('3\n')
    // What was just made is data, too.
    expect((await copy(folder)).code).toBe(7)
  })

  test('belongs to a server that runs: not even --force', async () => {
    const folder = prepared({ ...BEFORE, 'zookeeper_server.pid': `${process.pid}\n` })
    const { code, stderr } = await copy(folder, '--force')
    expect(code).toBe(7)
    expect(stderr).toContain(`names the process ${process.pid}, which is alive`)
    expect(filesIn(folder)).toMatchObject(BEFORE)
  })

  test.runIf(process.platform === 'linux')('is open in a server that wrote to it', async () => {
    const folder = prepared({})
    const server = await startServer({ version: '3.9.5', dataDir: folder })
    try {
      const client = await ZooKeeperClient.connect({ connect: server.connectString })
      await client.create('/lives', null)
      const { code, stderr } = await copy(folder, '--force')
      expect(code, stderr).toBe(7)
      expect(stderr).toContain(`has ${join(folder, 'version-2', 'log.1')} open`)
      expect(await client.exists('/lives')).not.toBeNull()
      await client.close()
    } finally {
      await server.stop()
    }
  })

  test('belongs to another member', async () => {
    const folder = prepared({ '1/myid': '1', '2/myid': '7' })
    const refused = await copy(folder, '--members', '2')
    expect([refused.code, refused.stderr]).toEqual([7, expect.stringContaining('2/myid says "7"')])
    expect(filesIn(folder)).toEqual({ '1/myid': '1', '2/myid': '7' })
    expect((await copy(folder, '--members', '2', '--force')).code).toBe(0)
    expect(filesIn(folder)).toMatchObject({ '1/myid': '1\n', '2/myid': '2\n' })
  })
})

describe('a folder without data', () => {
  test.for([
    ['empty', {}],
    ['with a myid, as it is prepared for a server', { myid: '3\n' }],
  ] as const)('%s', async ([, files]) => {
    const folder = prepared(files)
    mkdirSync(join(folder, 'version-2'))
    const { code, stderr } = await copy(folder)
    expect(code, stderr).toBe(0)
    expect(readdirSync(folder).sort()).toEqual([...Object.keys(files), 'version-2', 'zkferry.json'].sort())
    expect(filesIn(folder)).toMatchObject(files)
  })

  test('a dry run makes nothing, not even the folder', async () => {
    const folder = freshFolder()
    const { code, stderr, of } = await copy(folder, '--dry-run')
    expect(code, stderr).toBe(0)
    expect(of('plan').length).toBe(6)
    expect(readdirSync(dirname(folder))).toEqual([])
  })

  test('what was made is told: the folders, the lines of zoo.cfg, where it came from', async () => {
    const folder = freshFolder()
    const { code, stderr, of } = await copy(folder, '--members', '2')
    expect(code, stderr).toBe(0)
    const [boot = {}] = of('boot')
    const members = [1, 2].map((id) => ({ id, directory: join(folder, `${id}`) }))
    expect(boot).toEqual({ zxid: expect.stringMatching(/^\d+$/), members, zooCfg: expect.any(Array) })
    expect((boot.zooCfg as string[]).filter((line) => line.startsWith('server.'))).toEqual([
      'server.1=HOST1:2888:3888',
      'server.2=HOST2:2888:3888',
    ])
    expect(boot.zooCfg).toContain('# clientPort, initLimit and syncLimit are yours to add')
    expect(boot.zooCfg).toContainEqual(expect.stringContaining('chown -R'))
    const hex = BigInt(boot.zxid as string).toString(16)
    expect(readdirSync(join(folder, '2/version-2'))).toEqual([`snapshot.${hex}`])
    const record = JSON.parse(readFileSync(join(folder, '2/zkferry.json'), 'utf8'))
    expect(record).toMatchObject({ source: from.location, status: 'done', zxid: boot.zxid })
    // Data and digests are in there: nobody else may look.
    for (const [path, mode] of [
      ['', 0o700],
      ['2', 0o700],
      ['2/version-2', 0o700],
      [`1/version-2/snapshot.${hex}`, 0o600],
      [`2/version-2/snapshot.${hex}`, 0o600],
      ['2/zkferry.json', 0o600],
      ['2/myid', 0o600],
    ] as const)
      expect(statSync(join(folder, path)).mode & 0o777, path).toBe(mode)
  })
})

describe('what cannot be', () => {
  test('a file, a folder in no folder, flags of another target', async () => {
    const folder = prepared({ file: 'x' })
    const outcomes = await Promise.all([
      copy(join(folder, 'file')),
      copy(join(folder, 'no/such')),
      zkferry(['copy', '--members', '3', from.location, '127.0.0.1:1/x']),
      copy(folder, '--for-version', '3.3'),
      copy(folder, '--for-version', 'new'),
      copy(folder, '--members', '0'),
    ])
    expect(outcomes.map(({ code }) => code)).toEqual([2, 2, 2, 2, 2, 2])
    expect(outcomes[0]?.stderr).toContain('is a file; name a folder')
    expect(outcomes[1]?.stderr).toContain('does not exist; make it first')
    expect(outcomes[2]?.stderr).toContain('--members goes with a target of the form snapshot:')
    expect(outcomes[3]?.stderr).toContain('--for-version "3.3" is no version of ZooKeeper from 3.4 on')
  })

  test('containers and TTLs for 3.4, which would delete them at boot', async () => {
    const folder = freshFolder()
    const kinds = ['--container', 'locks/*', '--ttl', 'a/b=1h']
    const refused = await copy(folder, ...kinds, '--for-version', '3.4', '--rounds', '0')
    expect(refused.code, refused.stderr).toBe(3)
    expect(refused.skipped()).toEqual(['a/b: ttl-unsupported', 'locks/one: container-unsupported'])
    // Nobody shall boot from what lacks them.
    expect(refused.of('boot')).toMatchObject([{ zooCfg: [] }])
    const place = join(folder, 'version-2')
    expect(refused.of('note')).toContainEqual({
      message: `${place} lacks what could not be copied: let no server boot from it, and remove it before the next try.`,
    })
    rmSync(place, { recursive: true })
    const plain = await copy(folder, ...kinds, '--for-version', '3.4.14', '--plain-kinds')
    expect([plain.code, plain.skipped()], plain.stderr).toEqual([0, []])
  })

  test('names that only 3.4 lets clients use', async () => {
    const old = await place('3.4.14', 'snapshot-names')
    // Not by `create`, which would not send them.
    await old.client.multi(
      ['', 'a\u001fb', 'a\u001fb/below', 'z'].map((below) => {
        return { op: 'create', path: old.at(below), data: null, acl: OPEN_ACL }
      }),
    )
    const copyOld = (...flags: string[]) =>
      zkferry(['copy', ...flags, old.location, `snapshot:${freshFolder()}#/`])
    const refused = await copyOld('--rounds', '0')
    expect(refused.code, refused.stderr).toBe(3)
    expect(refused.of('failed').map(({ path, code }) => `${path}: ${code}`)).toEqual([
      'a\u001fb: BADARGUMENTS',
      'a\u001fb/below: PARENT',
    ])
    expect(refused.summary.znodes.created).toBe(2)
    const taken = await copyOld('--for-version', '3.4')
    expect([taken.code, taken.summary.znodes.created], taken.stderr).toEqual([0, 4])
  })
})

test('kill -9 leaves nothing under the name, and the same command makes it', async () => {
  const big = await place('3.9.5', 'snapshot-killed')
  await plantMany(big, 10, 500)
  const folder = freshFolder()
  const args = ['copy', big.location, `snapshot:${folder}#/`]
  const killed = await zkferryUntil([...args, '--rate', '1000'], SOME_DONE, 'SIGKILL')
  expect(killed.code).toBeNull()
  expect(existsSync(folder)).toBe(false)
  expect(readdirSync(dirname(folder))).toEqual([expect.stringMatching(/^\.zkferry-/)])
  const again = await zkferry(args)
  expect([again.code, again.summary.znodes.created], again.stderr).toEqual([0, 5011])
})

test('Ctrl-C leaves nothing at all', async () => {
  const big = await place('3.9.5', 'snapshot-stopped')
  await plantMany(big, 10, 500)
  const folder = freshFolder()
  const args = ['copy', big.location, `snapshot:${folder}#/`, '--rate', '1000']
  expect((await zkferryUntil(args, SOME_DONE, 'SIGINT')).code).toBe(130)
  expect(readdirSync(dirname(folder))).toEqual([])
})
