/** An ensemble into an archive beside a copy to an ensemble; how large it is; and comparing with it. */
import { createWriteStream, mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'
import { openArchiveSource } from '../../src/locations/archive/open.ts'
import { packStat } from '../../src/locations/stored/stored-stat.ts'
import { storeAcl } from '../../src/tree/acl.ts'
import { type TreeSource, ZnodeError } from '../../src/tree/contracts.ts'
import { absolutePath, childPath } from '../../src/tree/path.ts'
import type { Bench } from '../bench.ts'
import { atMost, type Line, type Row, rateAtLeast, withinLimit } from '../row.ts'
import { flatTree } from './copy.ts'

const FASTER = 0.8
const SIZE = 1.3
const COMPARE = 1.2

export const archive: Row = {
  name: 'archive',
  about:
    'an ensemble into an archive, verified: beside a copy to an ensemble, gzip, and a digest of the ensemble',
  byDefault: true,
  async run(bench) {
    const [source, target] = [await bench.stage.source('3.9.5'), await bench.stage.target('3.9.5')]
    const tree = flatTree(bench)
    const root = await source.tree(tree)
    const from = `${source.connect}${root}`
    const folder = mkdtempSync(join(tmpdir(), 'zkferry-bench-archive-'))
    const file = join(folder, 'kept.zkferry')
    try {
      await bench.zkferry(['copy', from, `archive:${file}#/tree`])
      const best = await bench.best({
        'to an ensemble': async () => {
          const path = target.freeRoot()
          const sample = await bench.withServers(() =>
            bench.zkferry(['copy', from, `${target.connect}${path}`]),
          )
          await target.remove(path, tree)
          return sample
        },
        'to an archive': async () => {
          const other = join(folder, 'timed.zkferry')
          const sample = await bench.zkferry(['copy', from, `archive:${other}#/tree`])
          rmSync(other)
          return sample
        },
        digest: () => bench.zkferry(['digest', from]),
        verify: () => bench.zkferry(['verify', `archive:${file}#/tree`, from]),
      })
      const work = 'ensemble → archive'
      return [
        rateAtLeast(work, best['to an archive'], 'to an ensemble', best['to an ensemble'], FASTER),
        atMost(
          'verify archive, ensemble',
          best.verify,
          'digest of the ensemble',
          best.digest.seconds,
          COMPARE,
        ),
        await sizeLine(bench, file, best['to an archive']),
      ]
    } finally {
      rmSync(folder, { recursive: true })
    }
  },
}

async function sizeLine(
  bench: Bench,
  file: string,
  sample: Parameters<typeof withinLimit>[1],
): Promise<Line> {
  const plain = `${file}.gz`
  const source = await openArchiveSource({
    file,
    path: '/tree',
    side: 'source',
    name: file,
    generation: null,
    passphrase: async () => null,
  })
  await pipeline(Readable.from(serialised(source)), createGzip(), createWriteStream(plain))
  await source.close()
  const [own, gzip] = [statSync(file).size, statSync(plain).size]
  bench.say(`${own} bytes; gzip of the same content: ${gzip} bytes`)
  return withinLimit('size of the archive', sample, 'of gzip of the same content', own / gzip, SIZE, '×')
}

/** Every path with its data, ACL and Stat, one after the other. */
async function* serialised(source: TreeSource): AsyncGenerator<Buffer> {
  const reader = source.lane(0n)
  const directories = ['']
  for (let path = directories.pop(); path !== undefined; path = directories.pop()) {
    const [listed] = await reader.list([path])
    if (listed === undefined || listed instanceof ZnodeError) throw new Error(`${path} cannot be listed`)
    const paths = path === '' ? ['', ...listed.names] : listed.names.map((name) => childPath(path, name))
    const [stats, data] = [await reader.stat(paths), await reader.data(paths)]
    for (const [at, each] of paths.entries()) {
      const [stat, bytes] = [stats[at], data[at]]
      if (
        stat === undefined ||
        stat instanceof ZnodeError ||
        bytes === undefined ||
        bytes instanceof ZnodeError
      )
        throw new Error(`${each} cannot be read`)
      if (stat.stat.numChildren > 0 && each !== '') directories.push(each)
      const parts = [Buffer.from(`${absolutePath('/', each)}\0`), storeAcl(stat.acl), packStat(stat.stat)]
      yield Buffer.concat(bytes.data === null ? parts : [...parts, bytes.data])
    }
  }
}
