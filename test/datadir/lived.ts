/** A data directory that a real server wrote while much happened, and what the server showed at its end. */
import { createHash } from 'node:crypto'
import { mkdtempSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { RandomStream } from '../../fixtures/random.ts'
import { type Acl, CreateFlag, type MultiOp, OPEN_ACL, ZooKeeperClient } from '../../src/zookeeper/index.ts'
import { type ReadZnode, readTree } from '../helpers/read-tree.ts'
import { type Server, startServer } from '../servers/index.ts'

export interface Lived {
  /** The server's dataDir. The server is dead. */
  directory: string
  /** What it showed, by path below `/`. */
  tree: Map<string, ReadZnode>
  /** What it was made of, which no client sees. */
  kinds: Map<string, 'container' | number>
  server: Server
  remove(): Promise<void>
}

export interface LivedOptions {
  version: string
  seed?: number
  /** Rounds of about 60 transactions. @default 10 */
  rounds?: number
  /** `gz` or `snappy` (from 3.6 on). @default none */
  compression?: string
  /** About how many transactions lie between two snapshots, which are then written while the tree changes. */
  snapCount?: number
  /** The character set of the server's JVM, which its digests depend on. @default UTF-8 */
  charset?: string
  /** A folder of its own for the logs. */
  logFolder?: string
  /** Start and kill it once more at the end, so that the newest snapshot is complete and no log follows. */
  restart?: boolean
}

export async function liveAndDie(options: LivedOptions): Promise<Lived> {
  const { version, compression = '', snapCount = 100_000, charset = 'UTF-8', logFolder } = options
  const directory = mkdtempSync(join(tmpdir(), 'zkferry-datadir-'))
  const server = await startServer({
    version,
    dataDir: directory,
    config: logFolder === undefined ? {} : { dataLogDir: logFolder },
    jvm: [
      '-Xmx128m',
      `-Dfile.encoding=${charset}`,
      `-Dzookeeper.snapCount=${snapCount}`,
      '-Dzookeeper.preAllocSize=64',
      ...(compression === '' ? [] : [`-Dzookeeper.snapshot.compression.method=${compression}`]),
    ],
  })
  const remove = async () => {
    await server.stop()
    await rm(directory, { recursive: true, force: true, maxRetries: 5 })
  }
  try {
    const clients = await Promise.all([1, 2, 3].map(() => connect(server)))
    const [first, second, third] = clients as [ZooKeeperClient, ZooKeeperClient, ZooKeeperClient]
    const life = new Life(version, options.seed ?? 1)
    await life.begin(first)
    for (let round = 0; round < (options.rounds ?? 10); round++) await life.round(round, [first, second])
    await first.create('/eph/of-third', null, { flags: CreateFlag.ephemeral })
    await third.close()
    await second.close()
    if (options.restart) {
      await first.close()
      await server.restart()
    }
    const reader = options.restart ? await connect(server) : first
    const tree = await readTree({ client: reader, root: '/' })
    await server.kill()
    await reader.close().catch(() => {})
    return { directory, tree, kinds: life.kinds, server, remove }
  } catch (error) {
    await remove()
    throw error
  }
}

/** With the identity that sees all ACLs whole. */
async function connect(server: Server): Promise<ZooKeeperClient> {
  const client = await ZooKeeperClient.connect({ connect: server.connectString, sessionTimeoutMs: 30_000 })
  await client.addAuth({ scheme: 'digest', auth: Buffer.from('app:secret') })
  return client
}

function digestId(user: string, password: string): Buffer {
  const hash = createHash('sha1').update(`${user}:${password}`).digest('base64')
  return Buffer.from(`${user}:${hash}`)
}

const DIGEST: Acl = { perms: 31, scheme: 'digest', id: digestId('app', 'secret') }
const READ: Acl = { perms: 1, scheme: 'world', id: Buffer.from('anyone') }
const OPEN = [...OPEN_ACL]

/** Does what applications do, the same for the same seed. */
class Life {
  readonly kinds = new Map<string, 'container' | number>()
  readonly #version: string
  readonly #random: RandomStream
  readonly #leaves: string[] = []

  constructor(version: string, seed: number) {
    this.#version = version
    this.#random = new RandomStream(`datadir/${seed}`)
  }

  async begin(client: ZooKeeperClient): Promise<void> {
    await client.setData('/', Buffer.from('root'))
    for (const path of ['/a', '/a/b', '/seq', '/eph', '/locks', '/einträge']) {
      await client.create(path, path === '/a' ? null : Buffer.from(path))
    }
    if (this.#version.startsWith('3.4')) return
    await client.createContainer('/box', Buffer.from('container'))
    this.kinds.set('box', 'container')
    await client.createTTL('/ttl', null, 3_600_000)
    this.kinds.set('ttl', 3_600_000)
    await client.createTTL('/a/ttl', Buffer.from('x'), 0xffffffffff)
    this.kinds.set('a/ttl', 0xffffffffff)
  }

  async round(round: number, [one, two]: [ZooKeeperClient, ZooKeeperClient]): Promise<void> {
    const random = this.#random
    const directory = `/a/d${round}`
    const work: Promise<unknown>[] = []
    const ops: MultiOp[] = [{ op: 'create', path: directory, data: Buffer.alloc(0), acl: OPEN }]
    for (let i = 0; i < 20; i++) {
      const path = `${directory}/n${i}`
      this.#leaves.push(path)
      const data = i % 7 === 0 ? null : Buffer.from(random.letters(random.below(300)))
      ops.push({ op: 'create', path, data, acl: i % 5 === 0 ? [READ, DIGEST] : OPEN })
    }
    await one.multi(ops)
    for (let i = 0; i < 10; i++) {
      const client = i % 2 === 0 ? one : two
      work.push(client.create('/seq/q-', Buffer.from(String(i)), { flags: CreateFlag.persistentSequential }))
      work.push(client.create('/locks/l-', null, { flags: CreateFlag.ephemeralSequential }))
      work.push(two.create(`/eph/e${round}-${i}`, Buffer.from('mine'), { flags: CreateFlag.ephemeral }))
    }
    await Promise.all(work.splice(0))
    for (let i = 0; i < 10; i++) {
      const leaf = this.#leaves[random.below(this.#leaves.length)] as string
      work.push(one.setData(leaf, Buffer.from(random.letters(40))).catch(() => {}))
    }
    for (let i = 0; i < 5; i++) {
      const [leaf] = this.#leaves.splice(random.below(this.#leaves.length), 1) as [string]
      work.push(i === 0 ? one.setACL(leaf, [DIGEST, READ]).catch(() => {}) : two.delete(leaf))
    }
    // A multi that fails changes nothing, and is in the log.
    work.push(
      one
        .multi([
          { op: 'create', path: `/a/never${round}`, data: null, acl: OPEN },
          { op: 'delete', path: '/no-such' },
        ])
        .catch(() => {}),
    )
    work.push(two.delete(`/no-such-${round}`).catch(() => {}))
    work.push(
      one.multi([
        { op: 'create', path: `/a/gone${round}`, data: Buffer.from('x'), acl: OPEN },
        { op: 'create', path: `/a/gone${round}/child`, data: Buffer.from('x'), acl: OPEN },
        { op: 'setData', path: `/a/gone${round}/child`, data: Buffer.from('y') },
        { op: 'delete', path: `/a/gone${round}/child` },
        { op: 'delete', path: `/a/gone${round}` },
      ]),
    )
    await Promise.all(work)
  }
}
