/** A snapshot of a dead server: decoded and digested, beside ZooKeeper's own formatter and what no program can avoid. */
import { hash } from 'node:crypto'
import { closeSync, mkdtempSync, openSync, readSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { type SnapshotZnode, writeSnapshot } from '../../fixtures/write-snapshot.ts'
import { jarFolder, javaCommand } from '../../test/servers/jars.mjs'
import type { Sample } from '../bench.ts'
import { atMost, type Row, timesFaster, withinLimit } from '../row.ts'

const BYTES = 300
const DIRECTORIES = 1000
const FORMATTER = 'org.apache.zookeeper.server.SnapshotFormatter'
const TIMES_FASTER = 3
const OVER_FLOOR = 1.5
const MOST_MEMORY_MB = 200

export const datadir: Row = {
  name: 'datadir',
  about: "a snapshot digested, beside ZooKeeper's SnapshotFormatter, and one read with one SHA-256 a znode",
  byDefault: false,
  async run(bench) {
    const folder = mkdtempSync(join(tmpdir(), 'zkferry-bench-datadir-'))
    const file = join(folder, 'snapshot.1')
    try {
      const znodes = writeSnapshot(file, wideTree(bench.options.znodes))
      const classpath = [join(jarFolder('3.9.5'), '*')].join(delimiter)
      const best = await bench.best({
        digest: async () => ({ ...(await bench.zkferry(['digest', `datadir:${folder}`])), znodes }),
        formatter: async () => ({
          ...(await bench.program(FORMATTER, javaCommand(), ['-cp', classpath, FORMATTER, file])),
          znodes,
        }),
        floor: async () => floor(file, znodes),
      })
      const memory = (best.digest.maxRssBytes ?? 0) / 1024 / 1024
      return [
        timesFaster('digest of a snapshot', best.digest, 'SnapshotFormatter', best.formatter, TIMES_FASTER),
        atMost('', best.digest, 'one read, one SHA-256 a znode', best.floor.seconds, OVER_FLOOR),
        withinLimit('', best.digest, 'its memory', memory, MOST_MEMORY_MB, 'MB'),
      ]
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  },
}

function* wideTree(znodes: number): Generator<SnapshotZnode> {
  const each = Math.ceil(znodes / DIRECTORIES)
  yield { path: '', data: null, children: DIRECTORIES }
  for (let directory = 0; directory < DIRECTORIES; directory++) {
    yield { path: `/dir-${directory}`, data: null, children: each }
    for (let leaf = 0; leaf < each; leaf++) {
      const data = Buffer.alloc(BYTES, 'znode')
      data.writeInt32BE(leaf)
      yield { path: `/dir-${directory}/node-${leaf}`, data }
    }
  }
}

/** In this process: without the start of Node, which the program has to bear. */
function floor(file: string, znodes: number): Sample {
  const begun = performance.now()
  const cpu = process.cpuUsage()
  const chunk = Buffer.allocUnsafe(1024 * 1024)
  const input = openSync(file, 'r')
  while (readSync(input, chunk) > 0);
  closeSync(input)
  // A znode with its path, lengths and ACL.
  const encoded = chunk.subarray(0, BYTES + 60)
  for (let i = 0; i < znodes; i++) hash('sha256', encoded, 'buffer')
  const { user, system } = process.cpuUsage(cpu)
  return {
    seconds: (performance.now() - begun) / 1000,
    znodes,
    cpuSeconds: (user + system) / 1e6,
    maxRssBytes: null,
    serverCpuSeconds: null,
  }
}
