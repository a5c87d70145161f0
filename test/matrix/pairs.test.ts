/** Seven versions, each as a source and as a target of each: what a pair cannot do is asserted to be reported. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Server, startServer } from '../servers/index.ts'
import { rowOf, VERSION_COLUMNS } from './by-version.ts'
import { copiesExactly, namesItsLimits, resumes } from './contract.ts'
import { placeOn, plantSources, type Sources } from './sources.ts'
import { cellName, pairsTable, table, writeInto } from './table.ts'
import { MATRIX, type MatrixVersion, PAIRS } from './versions.ts'

const servers = new Map<MatrixVersion, Server>()
const sources = new Map<MatrixVersion, Sources>()
const cells = new Map<string, string>()
const rows = new Map<MatrixVersion, string[]>()

beforeAll(async () => {
  // A container without children goes at the next check.
  const jvm = ['-Xmx512m', '-Dznode.container.checkIntervalMs=500']
  for (const version of MATRIX) {
    const server = await startServer({ version, jvm })
    servers.set(version, server)
    expect(server.version, 'an installed ZooKeeper stands in for no version of the matrix').toBe(version)
    sources.set(version, await plantSources(server))
  }
})

afterAll(async () => {
  const pairs = pairsTable(cells)
  const versions = table(
    VERSION_COLUMNS,
    MATRIX.flatMap((version) => [rows.get(version) ?? [version, 'FAILED', 'FAILED', 'FAILED']]),
  )
  console.log(`${pairs}\n\n${versions}`)
  // A document that said less than all of it would say that the rest was not tested.
  if (cells.size === PAIRS.length && rows.size === MATRIX.length) {
    writeInto('pairs', pairs)
    writeInto('versions', versions)
  }
  await Promise.all([...servers.values()].map((server) => server.stop()))
})

describe.concurrent('from each version to each', () => {
  test.for(PAIRS)('%s → %s', async ([from, to]) => {
    const source = sources.get(from) as Sources
    const target = (name: string) => placeOn(servers.get(to) as Server, `/${name}-from-${from}`)
    await copiesExactly(source, await target('whole'))
    await resumes(source, await target('wide'))
    cells.set(cellName(from, to), await namesItsLimits(source, await target('limits'), [from, to]))
  })
})

describe('each version by itself', () => {
  test.for(MATRIX)('%s', async (version) => {
    const [server, source] = [servers.get(version) as Server, sources.get(version) as Sources]
    rows.set(version, await rowOf(server, source, servers.get('3.9.5') as Server))
  })
})
