/** The servers of a benchmark, with their trees; each is started when a row first asks for it. */
import { readFileSync } from 'node:fs'
import { ZooKeeperClient } from '../src/zookeeper/index.ts'
import { type Server, type ServerOptions, startServer } from '../test/servers/index.ts'
import { createFlood, deleteFlood } from './floods/create.ts'
import { pathsOf, type TreeSpec, treeText, znodesOf } from './trees.ts'

/** What a production server runs with, as to the JIT and the collector. */
const JVM = ['-Xmx2g', '-XX:TieredStopAtLevel=4', '-XX:+UseParallelGC']
const WARM_UP = { shape: 'flat', znodes: 20_000, bytes: 300 } as const
const WARM_UP_ROUNDS = 3

export class Place {
  readonly server: Server
  /** For setting up and clearing away, never measured. */
  readonly client: ZooKeeperClient
  readonly #trees = new Set<string>()
  #targets = 0

  constructor(server: Server, client: ZooKeeperClient) {
    this.server = server
    this.client = client
  }

  get connect(): string {
    return this.server.connectString
  }

  /** The root of such a tree on this server, made unless it is there. */
  async tree(spec: TreeSpec): Promise<string> {
    const root = `/source-${treeText(spec).replaceAll(':', '-')}`
    if (!this.#trees.has(root)) await createFlood(this.client, root, znodesOf(spec))
    this.#trees.add(root)
    return root
  }

  /** A path that is free, with a parent that is there. */
  freeRoot(): string {
    return `/bench/${++this.#targets}`
  }

  /** Someone else has removed it. */
  forget(root: string): void {
    this.#trees.delete(root)
  }

  async remove(root: string, spec: TreeSpec): Promise<void> {
    await deleteFlood(this.client, root, pathsOf(spec))
    this.forget(root)
  }
}

export class Stage {
  readonly #places = new Map<string, Promise<Place>>()

  source(version: string): Promise<Place> {
    return this.place('source', { version })
  }

  target(version: string): Promise<Place> {
    return this.place('target', { version })
  }

  /** One server for each name and set of options. */
  place(name: string, options: ServerOptions): Promise<Place> {
    const key = `${name} ${JSON.stringify(options)}`
    const known = this.#places.get(key) ?? openPlace(options)
    this.#places.set(key, known)
    return known
  }

  /** What the servers have used so far, user and system; `null` where the system does not tell. */
  async cpuSeconds(): Promise<number | null> {
    const places = await Promise.all(this.#places.values())
    const each = places.map(({ server }) => cpuSecondsOf(server.pid))
    return each.reduce<number | null>((sum, own) => (sum === null || own === null ? null : sum + own), 0)
  }

  async close(): Promise<void> {
    for (const opening of this.#places.values()) {
      const place = await opening.catch(() => null)
      await place?.client.close()
      await place?.server.stop()
    }
  }
}

/** Linux counts in hundredths of a second, whatever its own clock. */
function cpuSecondsOf(pid: number): number | null {
  if (process.platform !== 'linux') return null
  // The name, in parentheses, may hold spaces; the third field comes after it.
  const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ').at(-1)?.split(' ') ?? []
  return (Number(fields[11]) + Number(fields[12])) / 100
}

async function openPlace(options: ServerOptions): Promise<Place> {
  const own = options.jvm ?? []
  const ownCollector = own.some((argument) => argument.endsWith('GC'))
  const defaults = ownCollector ? JVM.filter((argument) => !argument.endsWith('GC')) : JVM
  const server = await startServer({ ...options, jvm: [...defaults, ...own] })
  const client = await ZooKeeperClient.connect({ connect: server.connectString })
  const place = new Place(server, client)
  await client.create('/bench', Buffer.alloc(0))
  for (let round = 0; round < WARM_UP_ROUNDS; round++) await place.remove(await place.tree(WARM_UP), WARM_UP)
  return place
}
