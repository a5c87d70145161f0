import { copyFileSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { referenceDigest } from '../../fixtures/digest-reference.ts'
import type { ZnodeRecord } from '../../fixtures/record.ts'
import { writeSnapshot } from '../../fixtures/write-snapshot.ts'
import { LogReader } from '../../src/locations/datadir/log-reader.ts'
import { DigestSum } from '../../src/tree/digest.ts'
import { LocationProblem } from '../../src/tree/errors.ts'
import { zkferry } from '../helpers/zkferry.ts'
import { open, readAll } from './fuzz/open.ts'
import { copyTo, RECORDED, recordedFolder, recordedPlace, signature } from './fuzz/places.ts'

const folders: string[] = []

afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
})

/** The one of 3.9.5: `snapshot.9.gz`, `log.a`. The one of 3.4.14: `snapshot.13`, `log.5`, `log.15`. */
async function copyOf(name: (typeof RECORDED)[number]) {
  const directory = mkdtempSync(join(tmpdir(), 'zkferry-damage-'))
  folders.push(directory)
  const place = await recordedPlace(name)
  copyTo(place, directory)
  return { directory, place, file: (file: string) => join(directory, 'version-2', file) }
}

async function refusal(directory: string): Promise<string> {
  const { source } = await open(directory)
  const error = await source.position().then(
    () => null,
    (problem: unknown) => problem,
  )
  expect(error).toBeInstanceOf(LocationProblem)
  return (error as LocationProblem).message
}

async function salvaged(directory: string) {
  const { source, notes } = await open(directory, { salvage: true })
  const tree = await readAll(source)
  const zxid = await source.position()
  await source.close()
  return { tree, zxid, losses: source.losses, notes }
}

function flip(file: string, at: number): void {
  const bytes = readFileSync(file)
  const place = at < 0 ? bytes.length + at : at
  bytes[place] = (bytes[place] as number) ^ 1
  writeFileSync(file, bytes)
}

/** Where the transactions of a log begin, the checksum first. */
async function entries(file: string): Promise<number[]> {
  const log = await LogReader.open(file)
  const found: number[] = []
  while (await log.more())
    for (let txn = log.next(); txn !== null; txn = log.next()) found.push(txn.position - 12)
  await log.close()
  return found
}

test.each(RECORDED)('%s, as it was recorded: its digests are what the server showed', async (name) => {
  const folder = recordedFolder(name)
  const expected = JSON.parse(readFileSync(join(folder, 'expected.json'), 'utf8')) as Record<
    string,
    { znodes: number; digest: string }
  >
  for (const [rootPath, { znodes, digest }] of Object.entries(expected)) {
    const { source, notes } = await open(folder, { rootPath })
    expect(await source.stream()).toBeNull()
    const tree = await readAll(source)
    const records = [...tree].map(
      ([path, { data, acl, stat }]): ZnodeRecord => ({
        path: path === '' ? rootPath : `${rootPath}/${path}`,
        data: data === null ? null : Buffer.from(data, 'base64'),
        acl,
        kind: stat.ephemeralOwner === 0n ? 'persistent' : 'ephemeral',
      }),
    )
    expect(records.filter(({ kind }) => kind === 'persistent')).toHaveLength(znodes)
    expect(referenceDigest(records, rootPath)).toBe(digest)
    expect([notes, source.losses]).toEqual([[], []])
    await source.close()
  }
})

test('a snapshot with no log behind it is streamed, and gives what reading it gives', async () => {
  const { directory, file } = await copyOf('zookeeper-3.9.5')
  rmSync(file('log.a'))
  const { source } = await open(directory, { rootPath: '/codis3' })
  const sum = new DigestSum()
  const paths: string[] = []
  for await (const batch of (await source.stream()) ?? []) {
    for (const znode of batch) {
      paths.push(znode.path)
      znode.addTo(sum, true)
    }
  }
  expect(paths.sort()).toEqual([...(await readAll(source)).keys()].sort())
  const { '/codis3': expected } = JSON.parse(
    readFileSync(join(recordedFolder('zookeeper-3.9.5'), 'expected.json'), 'utf8'),
  )
  expect(sum.hex()).toBe(expected.digest)
  await source.close()
})

test('a wrong checksum on a transaction', async () => {
  const { directory, place, file } = await copyOf('zookeeper-3.9.5')
  const [, , , fourth] = (await entries(file('log.a'))) as [number, number, number, number]
  flip(file('log.a'), fourth + 40)
  expect(await refusal(directory)).toMatch(
    /^log\.a has a wrong checksum on the transaction at byte \d+, and whole transactions follow at byte \d+; transactions after zxid 0xc are lost\. With --salvage/,
  )
  const { tree, zxid, losses } = await salvaged(directory)
  expect(losses).toEqual([expect.stringMatching(/^log\.a has a wrong checksum .* are lost\.$/)])
  expect([zxid, signature(tree)]).toEqual([0xcn, place.states.get(0xcn)])
  const { code, summary } = await zkferry(['digest', '--salvage', `datadir:${directory}#/codis3`])
  expect([code, summary.message]).toEqual([3, expect.stringMatching(/ zxid 0xc are lost\.$/)])
})

test('a torn last transaction is normal, and said', async () => {
  const { directory, place, file } = await copyOf('zookeeper-3.9.5')
  const last = (await entries(file('log.a'))).at(-1) as number
  truncateSync(file('log.a'), last + 30)
  const { source, notes } = await open(directory)
  const zxid = await source.position()
  expect(zxid).toBe(place.newest - 1n)
  expect(notes).toEqual([
    expect.stringMatching(/^log\.a ends in the middle of a transaction, as after a crash/),
  ])
  expect(signature(await readAll(source))).toBe(place.states.get(zxid))
  await source.close()
})

test('a length that swallows what follows is no torn end', async () => {
  const { directory, file } = await copyOf('zookeeper-3.9.5')
  const [, second] = (await entries(file('log.a'))) as [number, number]
  flip(file('log.a'), second + 9)
  expect(await refusal(directory)).toMatch(
    /where a transaction should be, at byte \d+, and whole transactions follow/,
  )
})

test('zeros amidst the transactions are no end either', async () => {
  const { directory, file } = await copyOf('zookeeper-3.9.5')
  const [, second, third] = (await entries(file('log.a'))) as [number, number, number]
  const bytes = readFileSync(file('log.a'))
  writeFileSync(file('log.a'), bytes.fill(0, second, third))
  expect(await refusal(directory)).toMatch(/^log\.a holds zeros where a transaction should be/)
})

test('a gap between logs', async () => {
  const { directory, file } = await copyOf('zookeeper-3.4.14')
  rmSync(file('log.5'))
  const bytes = readFileSync(file('log.15'))
  const [, second] = (await entries(file('log.15'))) as [number, number]
  rmSync(file('log.15'))
  writeFileSync(file('log.16'), Buffer.concat([bytes.subarray(0, 16), bytes.subarray(second)]))
  expect(await refusal(directory)).toMatch(
    /^log\.16 comes after a gap: 0x13 is the last zxid before it, and its next is 0x16; transactions after zxid 0x13 are lost\./,
  )
  const { losses } = await salvaged(directory)
  expect(losses).not.toEqual([])
})

test('logs of two histories', async () => {
  const { directory, file } = await copyOf('zookeeper-3.4.14')
  const other = await copyOf('zookeeper-3.9.5')
  copyFileSync(other.file('log.a'), file('log.14'))
  expect(await refusal(directory)).toMatch(
    /(tells another history than|does not go on from what was read before it)/,
  )
})

test('the same transactions in two logs are taken once', async () => {
  const { directory, place, file } = await copyOf('zookeeper-3.4.14')
  const bytes = readFileSync(file('log.15'))
  const from = (await entries(file('log.15')))[1] as number
  writeFileSync(file('log.16'), Buffer.concat([bytes.subarray(0, 16), bytes.subarray(from)]))
  const { source, notes } = await open(directory)
  expect(signature(await readAll(source))).toBe(place.states.get(place.newest))
  expect(notes).toEqual(['log.16 repeats what other logs hold, the same transactions; they were taken once.'])
  await source.close()
})

test.each([
  ['never finished', (bytes: Buffer) => bytes.subarray(0, 0), /^snapshot\.1a is empty\./],
  [
    'truncated',
    (bytes: Buffer) => bytes.subarray(0, 5000),
    /^snapshot\.1a ends within a znode, at byte 5000\./,
  ],
  ['without its seal', (bytes: Buffer) => bytes.subarray(0, -13), /^snapshot\.1a ends before the checksum/],
  [
    'with a wrong byte',
    (bytes: Buffer) => bytes.fill('x', 7000, 7001),
    /^snapshot\.1a is not what was written: the checksum of its znodes is wrong\./,
  ],
])(
  'a newer snapshot %s: the older one and its logs serve, where they reach as far',
  async (_what, change, said) => {
    const { directory, place, file } = await copyOf('zookeeper-3.4.14')
    const bytes = change(readFileSync(file('snapshot.13')))
    const reached = place.newest.toString(16)
    writeFileSync(file(`snapshot.${reached}`), bytes)
    const { source, notes } = await open(directory)
    expect(signature(await readAll(source))).toBe(place.states.get(place.newest))
    const name = new RegExp(said.source.replace('1a', reached))
    expect(notes).toEqual([expect.stringMatching(name)])
    expect(notes[0]).toContain('snapshot.13 and the logs after it were read instead, as a server would.')
    await source.close()
    // What a server would start with nevertheless: an older state.
    writeFileSync(file('snapshot.ffff'), bytes)
    expect(await refusal(directory)).toMatch(
      /^snapshot\.ffff cannot be used, and the logs end before it, at zxid 0x[0-9a-f]+: what happened up to 0xffff is lost\./,
    )
  },
)

test('the only snapshot damaged: refused, and what can be read of it is taken when asked for', async () => {
  const { directory, file } = await copyOf('zookeeper-3.4.14')
  truncateSync(file('snapshot.13'), 6000)
  expect(await refusal(directory)).toMatch(/^snapshot\.13 ends within a znode, at byte 6000\. With --salvage/)
  const { tree, losses } = await salvaged(directory)
  expect(tree.size).toBeGreaterThan(5)
  expect(losses).toEqual([
    expect.stringMatching(/^snapshot\.13 ends within .* znodes of it were read, those after/),
  ])
})

test('a snapshot that was written while the tree changed needs the logs of that time', async () => {
  const { directory, file } = await copyOf('zookeeper-3.4.14')
  for (const name of ['snapshot.13', 'log.5', 'log.15']) rmSync(file(name))
  writeSnapshot(file('snapshot.5'), [
    { path: '', data: null, children: 1 },
    { path: '/a', data: Buffer.from('x'), czxid: 7n },
  ])
  const { source } = await open(directory)
  await expect(drain(source)).rejects.toThrow(/was still being written at zxid 0x7/)
  await source.close()
  expect(await refusal(directory)).toMatch(
    /^snapshot\.5 was written while the tree changed, up to zxid 0x7, and the logs end at 0x5: without the rest/,
  )
})

async function drain(source: Awaited<ReturnType<typeof open>>['source']): Promise<void> {
  for await (const batch of (await source.stream()) ?? []) for (const znode of batch) znode.path.at(0)
}

test('a folder that is none, or holds nothing of a server', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'zkferry-damage-'))
  folders.push(directory)
  await expect(open(join(directory, 'no'))).rejects.toThrow(/^There is no folder .*no\.$/)
  await expect(open(directory)).rejects.toThrow(
    /holds no file snapshot\.\* or log\.\*: name a server's dataDir/,
  )
})
