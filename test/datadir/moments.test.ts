import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { listLogs, listSnapshots, versionFolder } from '../../src/locations/datadir/file-names.ts'
import { Findings } from '../../src/locations/datadir/findings.ts'
import { loadTree } from '../../src/locations/datadir/load.ts'
import { LogReader } from '../../src/locations/datadir/log-reader.ts'
import { UsageProblem } from '../../src/tree/errors.ts'
import { ZooKeeperClient } from '../../src/zookeeper/index.ts'
import { type ReadZnode, readTree } from '../helpers/read-tree.ts'
import { type Server, startServer } from '../servers/index.ts'
import { open, readAll } from './fuzz/open.ts'
import { liveAndDie } from './lived.ts'

interface Moment {
  zxid: bigint
  time: number
  tree: Map<string, ReadZnode>
}

let server: Server
const moments: Moment[] = []
const directory = mkdtempSync(join(tmpdir(), 'zkferry-moments-'))
const logFolder = mkdtempSync(join(tmpdir(), 'zkferry-moments-logs-'))

beforeAll(async () => {
  server = await startServer({
    dataDir: directory,
    config: { dataLogDir: logFolder },
    jvm: ['-Dzookeeper.snapCount=20', '-Dzookeeper.preAllocSize=64'],
  })
  const client = await ZooKeeperClient.connect({ connect: server.connectString })
  await client.create('/t', null)
  for (let round = 0; round < 6; round++) {
    for (let i = 0; i < 6; i++) await client.create(`/t/${round}-${i}`, Buffer.from(`${round}`))
    await client.setData('/t', Buffer.from(`round ${round}`))
    if (round > 0) await client.delete(`/t/${round - 1}-0`)
    const { stat } = await client.setData('/t', Buffer.from(`${round} done`))
    moments.push({
      zxid: stat.mzxid,
      time: Number(stat.mtime),
      tree: await readTree({ client, root: '/' }),
    })
    // The next transaction must be of a later millisecond.
    while (Date.now() <= Number(stat.mtime) + 1) await client.sync('/')
  }
  await server.kill()
  await client.close().catch(() => {})
})

afterAll(async () => {
  await server.stop()
  for (const folder of [directory, logFolder]) rmSync(folder, { recursive: true, force: true })
})

const logDirectory = logFolder

test('the tree as it was after a transaction, from whichever snapshot was complete by then', async () => {
  expect(readdirSync(join(directory, 'version-2')).length).toBeGreaterThan(1)
  for (const { zxid, tree } of moments) {
    const { source } = await open(directory, { logDirectory, atZxid: zxid })
    expect(seen(await readAll(source))).toEqual(shown(tree))
    expect(await source.position()).toBe(zxid)
    await source.close()
  }
})

test('the tree as it was at a time', async () => {
  for (const { zxid, time, tree } of moments) {
    const { source, notes } = await open(directory, { logDirectory, atTime: time })
    expect(seen(await readAll(source))).toEqual(shown(tree))
    if (zxid !== moments.at(-1)?.zxid) expect(notes.join()).toContain(`zxid 0x${zxid.toString(16)}`)
    await source.close()
  }
})

test('a time after the end of the logs is the end, and that is said', async () => {
  const { time, zxid } = moments.at(-1) as Moment
  const { source, notes } = await open(directory, { logDirectory, atTime: time + 60_000 })
  expect(await source.position()).toBe(zxid)
  const [end, asked] = [time, time + 60_000].map((ms) => new Date(ms).toISOString())
  expect(notes).toEqual([`The logs end at ${end}, before --at-time ${asked}: the newest state is read.`])
  await source.close()
  const last = await open(directory, { logDirectory, atTime: time })
  expect([await last.source.position(), last.notes]).toEqual([zxid, []])
  await last.source.close()
})

test('a moment that is not in the files is refused', async () => {
  const ahead = await open(directory, { logDirectory, atZxid: 0xffffn })
  await expect(ahead.source.identity()).rejects.toThrow(
    /^--at-zxid 0xffff lies ahead: the newest zxid in .* is 0x/,
  )
  await expect(ahead.source.identity()).rejects.toBeInstanceOf(UsageProblem)
  const before = await open(directory, { logDirectory, atTime: 1_000_000 })
  await expect(before.source.identity()).rejects.toThrow(/lies before the oldest transaction in the logs/)
})

test('without its logs the newest snapshot is what there is, and what is missing is said', async () => {
  const { notes } = await open(directory)
  expect(notes).toEqual([expect.stringContaining('name it with --log-dir')])
})

test('every digest that a server wrote is the one of the replayed tree, from each of its snapshots on', async () => {
  const lived = await liveAndDie({ version: '3.9.5', snapCount: 60, rounds: 8 })
  try {
    const folder = await versionFolder(lived.directory)
    const [snapshots, logs] = [await listSnapshots(folder), await listLogs(folder)]
    expect(snapshots?.length).toBeGreaterThan(2)
    let compared = 0
    for (const snapshot of snapshots ?? []) {
      const files = { snapshots: [snapshot], logs: logs ?? [] }
      const findings = new Findings('source', false, () => {})
      const { tree, zxid, digestsChecked } = await loadTree(files, { at: null, checkDigests: true }, findings)
      tree.close()
      let behind = 0
      for (const log of logs ?? [])
        behind += (await zxidsOf(log.path)).filter((one) => one > snapshot.zxid).length
      // All of them, but for those within the time in which the snapshot was written.
      expect(digestsChecked).toBeGreaterThan(behind - 60)
      expect(zxid).toBe((await zxidsOf(logs?.at(-1)?.path as string)).at(-1))
      compared += digestsChecked
    }
    expect(compared).toBeGreaterThan(500)
  } finally {
    await lived.remove()
  }
})

async function zxidsOf(path: string): Promise<bigint[]> {
  const log = await LogReader.open(path)
  const zxids: bigint[] = []
  while (await log.more()) for (let txn = log.next(); txn !== null; txn = log.next()) zxids.push(txn.zxid)
  await log.close()
  return zxids
}

function seen(tree: Awaited<ReturnType<typeof readAll>>): unknown {
  return new Map([...tree].map(([path, { mode: _, ...znode }]) => [path, znode]))
}

function shown(tree: Map<string, ReadZnode>): unknown {
  return tree
}
