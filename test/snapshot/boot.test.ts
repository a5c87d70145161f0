/** Real servers boot from what `copy … snapshot:` wrote. All versions do so in `npm run test:matrix`. */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, test } from 'vitest'
import type { PersistedStat } from '../../src/locations/datadir/persisted-stat.ts'
import { SnapshotReader } from '../../src/locations/datadir/snapshot-reader.ts'
import { connect, type Place } from '../helpers/places.ts'
import { zkferry } from '../helpers/zkferry.ts'
import { startServer } from '../servers/index.ts'
import { freshRoot, sharedServer } from '../servers/shared.ts'
import { bootsExactly, freshFolder, plantSource } from './contract.ts'

let from: Place

beforeAll(async () => {
  from = await plantSource(sharedServer('3.9.5').connectString, freshRoot('boot'))
})

describe('servers boot from a written data directory, with that very tree', () => {
  test('3.4.14', () => bootsExactly(from, { version: '3.4.14', members: 1, root: '/' }))
  test('3.9.5', () => bootsExactly(from, { version: '3.9.5', members: 1, root: '/clone/of/it' }))
  test('3.9.5 as three', () => bootsExactly(from, { version: '3.9.5', members: 3, root: '/' }))
})

test('a server’s files into another’s: kinds, versions, zxids and times are what they were', async () => {
  const source = `datadir:${fileURLToPath(new URL('../../fixtures/datadir/zookeeper-3.9.5', import.meta.url))}`
  const [once, twice] = [freshFolder(), freshFolder()]
  const copy = await zkferry(['copy', source, `snapshot:${once}#/`])
  expect(copy.code, copy.stderr).toBe(0)
  expect(copy.skipped().length).toBe(4)
  const again = await zkferry(['copy', `datadir:${once}`, `snapshot:${twice}#/`, '--members', '2'])
  expect([again.code, again.skipped()], again.stderr).toEqual([0, []])
  const written = await znodesIn(once)
  expect(await znodesIn(join(twice, '2'))).toEqual(written)
  expect(written.get('/pegasus/workers')).toMatchObject({ ephemeralOwner: -(1n << 63n) })
  const verify = ['verify', '--strict-sequence', '--rounds', '0']
  const equal = await zkferry([...verify, source, `datadir:${twice}/1`])
  expect([equal.code, equal.differences()], equal.stderr).toEqual([0, []])
  const server = await startServer({ version: '3.9.5', dataDir: once })
  try {
    const client = await connect(server.connectString)
    for (const path of ['/codis3/codis-demo', '/pegasus/queue', '/pegasus/cache']) {
      const { cversion, ...there } = written.get(path) as PersistedStat
      const {
        dataLength: _,
        numChildren,
        cversion: shown,
        ...stat
      } = (await client.exists(path)) ?? expect.fail(path)
      expect(stat).toEqual({ ...there, ephemeralOwner: 0n })
      expect((shown + numChildren) / 2).toBe(cversion)
    }
    const served = await zkferry([...verify, source, `${server.connectString}/`])
    expect(served.differences(), served.stderr).toEqual([])
    expect(served.code).toBe(0)
  } finally {
    await server.stop()
  }
})

/** The Stat of every znode in the only snapshot there, by path. */
async function znodesIn(directory: string): Promise<Map<string, PersistedStat>> {
  const folder = join(directory, 'version-2')
  const [name = ''] = readdirSync(folder)
  const reader = await SnapshotReader.open(join(folder, name))
  const znodes = new Map<string, PersistedStat>()
  while (await reader.more()) {
    for (let node = reader.next(); node !== null; node = reader.next()) znodes.set(node.path, node.stat)
  }
  await reader.close()
  return znodes
}
