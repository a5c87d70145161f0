/** What is exported and imported again is the same tree, on real servers, whatever kind of place it came from. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { COPIED, EDGE_USER, UNREADABLE } from '../../fixtures/edge-nodes.ts'
import { loadTree } from '../../fixtures/load.ts'
import { pegasusTree } from '../../fixtures/pegasus.ts'
import { OPEN, type ZnodeRecord } from '../../fixtures/record.ts'
import { recordedTree } from '../../fixtures/recorded.ts'
import { cli } from '../cli/run-cli.ts'
import { load, Place, parseAcl, place, plant, type Version } from '../helpers/places.ts'
import { contents, readTree } from '../helpers/read-tree.ts'
import { freshJournal, zkferry } from '../helpers/zkferry.ts'
import { freshRoot } from '../servers/shared.ts'

const USER = `digest ${EDGE_USER}:${EDGE_USER}`
const WAIT = ['--retry-for', '5s']
const DATADIR = new URL('../../fixtures/datadir/zookeeper-3.9.5/', import.meta.url).pathname

function freshFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'zkferry-exchange-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

async function exported(location: string, ...flags: string[]): Promise<string> {
  const { code, stdout, stderr } = await cli(['export', ...flags, location], { env: { ZKFERRY_AUTH: USER } })
  expect([code, stderr.split('\n').filter((line) => line.startsWith('failed'))]).toEqual([0, []])
  return stdout
}

const imported = (file: string, to: string, ...flags: string[]) =>
  zkferry(['import', ...WAIT, '--journal', freshJournal(), ...flags, file, to], {
    env: { ZKFERRY_TARGET_AUTH: USER },
  })

/** Ephemerals are not in an export. */
async function expectSame(from: string, to: string): Promise<void> {
  const env = { ZKFERRY_SOURCE_AUTH: USER, ZKFERRY_TARGET_AUTH: USER }
  const { summary, lines } = await zkferry(['verify', '--strict-sequence', from, to], { env })
  expect(lines.filter(({ type }) => type === 'difference')).toEqual([])
  expect(summary.status).toBe('identical')
}

/** Every edge at once, made open and then given its ACLs. */
async function loadEdges(where: Place, nodes = COPIED): Promise<void> {
  const records: ZnodeRecord[] = nodes
    .flatMap((node) => node.records)
    .map((record) => ({ ...record, path: where.root + record.path }))
  const root: ZnodeRecord = { path: where.root, data: Buffer.from('root'), acl: OPEN, kind: 'persistent' }
  await loadTree(
    where.client,
    [root, ...records].map((record) => ({ ...record, acl: OPEN })),
  )
  await where.client.addAuth({ scheme: 'digest', auth: Buffer.from(`${EDGE_USER}:${EDGE_USER}`) })
  for (const { path, acl } of records.reverse()) {
    if (acl !== OPEN) await where.client.setACL(path, acl.map(parseAcl))
  }
}

/** All fixtures below one root. */
async function plantFixtures(where: Place): Promise<void> {
  await loadEdges(where)
  const below = (name: string) => new Place(where.client, where.address, where.at(name))
  await load(below('app-codis3'), recordedTree('codis3'))
  await load(below('app-jodis'), recordedTree('jodis'))
  await load(below('app-kafka'), recordedTree('kafka'))
  await load(below('app-pegasus'), pegasusTree({ seed: 7, apps: 8, partitions: [4, 8] }))
}

const ROUTES: [Version, Version, string][] = [
  ['3.4.14', '3.9.5', 'ndjson'],
  ['3.9.5', '3.4.14', 'yaml'],
]

describe.each(ROUTES)('from %s to %s as %s', (older, newer, format) => {
  test('Codis, Kafka, Pegasus and edge nodes: the same tree, and the same export of it', async () => {
    const [from, to] = [await place(older, 'export-from'), await place(newer, 'export-to')]
    await plantFixtures(from)
    const text = await exported(from.location, ...WAIT, '--format', format)
    // None of the fixtures is left out by accident.
    expect(text.length).toBeGreaterThan(300_000)
    const file = join(freshFolder(), `tree.${format}`)
    writeFileSync(file, text)
    const { code, stderr } = await imported(file, to.location)
    expect(code, stderr).toBe(0)
    await expectSame(from.location, to.location)
    expect(await exported(to.location, ...WAIT, '--format', format)).toBe(text)
    // The file itself is a location, too.
    await expectSame(`export:${file}`, to.location)
  })
})

test('archives and data directories are exported as the ensembles that they are of', async () => {
  const folder = freshFolder()
  const archive = `archive:${join(folder, 'a.zkferry')}`
  for (const root of ['/pegasus', '/codis3']) {
    const text = await exported(`datadir:${DATADIR}#${root}`)
    const file = join(folder, 'tree.json')
    const { code } = await cli(['export', '--format', 'json', '--output', file, `datadir:${DATADIR}#${root}`])
    expect(code).toBe(0)
    expect((await imported(file, `${archive}#${root}`)).code).toBe(0)
    expect(await exported(`${archive}#${root}`)).toBe(text)
    const to = await place('3.9.5', 'export-datadir')
    expect((await imported(file, to.location)).code).toBe(0)
    await expectSame(`datadir:${DATADIR}#${root}`, to.location)
    // An ensemble does not tell containers and TTLs.
    const plain = text.replaceAll(/,"(?:kind":"container"|ttl":\d+)/g, '')
    expect(await exported(to.location, ...WAIT)).toBe(plain)
  }
  // With everything that a file keeps: as if it had never been text.
  const file = join(folder, 'stat.yaml')
  expect(
    (await cli(['export', '--format', 'yaml', '--stat', '--output', file, `datadir:${DATADIR}#/pegasus`]))
      .code,
  ).toBe(0)
  const again = `archive:${join(folder, 'b.zkferry')}#/pegasus`
  expect((await imported(file, again)).code).toBe(0)
  expect(await exported(again, '--stat')).toBe(await exported(`datadir:${DATADIR}#/pegasus`, '--stat'))
})

test('znodes that cannot be read are named, and their export says that it lacks them', async () => {
  const [from, to] = [await place('3.9.5', 'export-unreadable'), await place('3.4.14', 'export-rest')]
  await loadEdges(from, [...COPIED.slice(0, 3), ...UNREADABLE])
  const file = join(freshFolder(), 'tree.ndjson')
  const { code, of, summary } = await zkferry(['export', ...WAIT, '--output', file, from.location])
  expect([code, summary.status, of('failed').map(({ path }) => path)]).toEqual([3, 'incomplete', ['secret']])
  const { code: second, summary: ended } = await imported(file, to.location)
  expect([second, ended.message]).toEqual([
    3,
    expect.stringMatching(/is not whole: 1 znode could not be read/),
  ])
  // What is not known to be gone is not deleted.
  await plant(to, { secret: 'kept' })
  const { code: third } = await imported(file, to.location, '--merge', '--delete', '--yes')
  expect([third, await to.client.exists(to.at('secret'))]).toEqual([7, expect.anything()])
})

test('a part of a tree is imported and compared in that alone', async () => {
  const [from, to] = [await place('3.9.5', 'export-part'), await place('3.9.5', 'import-part')]
  await plant(from, { '': 'root', a: '1', 'a/b': '2', 'a/b/c': '3', d: '4', e: '5', 'e/f': '6' })
  const text = await exported(from.location, ...WAIT, '--include', 'a/b/*', '--include', 'd')
  const paths = text
    .split('\n')
    .filter((line) => line.includes('"path"'))
    .map((line) => JSON.parse(line))
  expect(paths.map(({ path, leads }) => [path, leads ?? false])).toEqual([
    ['', false],
    ['a', true],
    ['d', false],
    ['a/b', true],
    ['a/b/c', false],
  ])
  const file = join(freshFolder(), 'part.ndjson')
  writeFileSync(file, text)
  await plant(to, { '': 'root', a: 'other', e: 'not of the part' })
  const { code, stderr } = await imported(file, to.location, '--merge', '--delete', '--yes')
  expect(code, stderr).toBe(0)
  expect(contents(await readTree(to)).map(([path, data]) => [path, data])).toEqual([
    ['', Buffer.from('root').toString('base64')],
    ['a', Buffer.from('other').toString('base64')],
    ['a/b', Buffer.from('2').toString('base64')],
    ['a/b/c', Buffer.from('3').toString('base64')],
    ['d', Buffer.from('4').toString('base64')],
    ['e', Buffer.from('not of the part').toString('base64')],
  ])
})

test("copy's rules hold: dry run, strangers, merge, undo; an edited file is imported again", async () => {
  const to = await place('3.9.5', 'import-rules')
  await plant(to, { '': 'root', a: 'theirs', b: 'only here' })
  const folder = freshFolder()
  const file = join(folder, 'tree.ndjson')
  const write = (data: string) =>
    writeFileSync(
      file,
      `{"format":"zkferry-export","version":1}\n{"path":"","data":"root","acl":["world:anyone:cdrwa"]}\n{"path":"a","data":"${data}","acl":["world:anyone:cdrwa"]}\n{"end":true}\n`,
    )
  write('ours')
  const journal = join(folder, 'j.journal')
  const run = (...flags: string[]) =>
    zkferry(['import', ...WAIT, '--journal', journal, ...flags, file, to.location])
  expect((await run()).code).toBe(7)
  const dry = await run('--dry-run', '--merge')
  expect(dry.of('plan')).toMatchObject([{ path: 'a', action: 'update' }])
  const merged = await run('--merge')
  expect([merged.code, merged.summary.znodes.updated]).toEqual([0, 1])
  expect((await to.client.getData(to.at('a'))).data?.toString()).toBe('ours')
  write('ours, edited')
  const again = await run('--merge')
  expect([again.code, again.summary.znodes.updated], again.stderr).toEqual([0, 1])
  expect((await to.client.getData(to.at('a'))).data?.toString()).toBe('ours, edited')
  const undo = await zkferry(['copy', ...WAIT, '--merge', `archive:${merged.summary.undo}`, to.location])
  expect([undo.code, (await to.client.getData(to.at('a'))).data?.toString()]).toEqual([0, 'theirs'])
  expect(readFileSync(file, 'utf8')).toContain('ours')
})

test('a file is written whole or not at all, for its owner alone, and never over something else', async () => {
  const from = await place('3.9.5', 'export-output')
  await plant(from, { '': 'root', a: '1' })
  const folder = freshFolder()
  const file = join(folder, 'tree.ndjson')
  const run = (...flags: string[]) => zkferry(['export', ...WAIT, '--output', file, ...flags, from.location])
  expect((await run()).code).toBe(0)
  expect(statSync(file).mode & 0o777).toBe(0o600)
  const before = readFileSync(file)
  await plant(from, { b: '2' })
  const large = (await place('3.9.5', 'export-large')).location
  await load(
    new Place(from.client, from.address, large.slice(from.address.length)),
    pegasusTree({ seed: 1, apps: 20, partitions: 8 }),
  )
  for (const [fileKiB, message] of [
    [0, `could not be kept in ${folder} until it is written (SQLITE_`],
    [20, `${file} could not be written (`],
  ] as const) {
    const long = await zkferry(['export', ...WAIT, '--output', file, large], { fileKiB })
    expect([long.code, long.summary.status]).toEqual([3, 'incomplete'])
    expect(long.summary.message).toContain(message)
  }
  expect(readFileSync(file)).toEqual(before)
  expect((await run()).code).toBe(0)
  expect(readFileSync(file).length).toBeGreaterThan(before.length)
  expect(readdirSync(folder)).toEqual(['tree.ndjson'])
  writeFileSync(file, 'my notes')
  expect([(await run()).code, readFileSync(file, 'utf8')]).toEqual([7, 'my notes'])
  const missing = await zkferry(['export', ...WAIT, '--output', `${folder}/no/x`, from.location])
  expect([missing.code, missing.summary.message]).toEqual([2, expect.stringMatching(/there is no folder/)])
  const plain = await cli(['export', ...WAIT, '--json', from.location])
  expect([plain.code, plain.stderr]).toEqual([2, expect.stringMatching(/name a file with --output/)])
  const gone = await cli(['export', ...WAIT, `${from.address}${freshRoot('gone')}`])
  expect([gone.code, gone.stdout]).toEqual([2, ''])
})

test('SIGTERM leaves nothing', async () => {
  const from = await place('3.9.5', 'export-killed')
  await plant(from, { '': 'root' })
  await Promise.all(Array.from({ length: 400 }, (_, at) => from.client.create(from.at(`z${at}`), null)))
  const folder = freshFolder()
  let stderr = ''
  const ended = await cli(
    ['export', ...WAIT, '--rate', '50', '--verbose', '--output', join(folder, 'x.ndjson'), from.location],
    {
      onStderr: (text, child) => {
        if (stderr === '' && text.includes('phase: copy')) {
          stderr = text
          child.kill('SIGTERM')
        }
      },
    },
  )
  expect([ended.code, readdirSync(folder)], ended.stderr).toEqual([143, []])
})
