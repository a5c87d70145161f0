/**
 * Reads a subtree through the `zookeeper` package, the official C client: a proof that does not rest on our own code.
 * The package is optional; where it could not be compiled our plain client reads instead, one request a znode.
 */
import { createHash } from 'node:crypto'
import { connect, Place } from './places.ts'
import { contents, readTree } from './read-tree.ts'

interface NativeClient {
  connect(options: object, done: (error: unknown) => void): void
  get(
    path: string,
    watch: boolean,
  ): Promise<[{ ephemeralOwner: unknown; numChildren: number }, Buffer | null]>
  get_children(path: string, watch: boolean): Promise<string[]>
  get_acl(path: string): Promise<[{ perms: number; scheme: string; auth: string }[], unknown]>
  close(): void
}

/** SHA-256 over paths, data and ACLs of every znode, in path order, and how many there are. */
export interface Reading {
  znodes: number
  sha256: string
  /** Which client read. */
  by: 'native' | 'plain'
}

const AT_ONCE = 500

export async function readIndependently(address: string, root: string): Promise<Reading> {
  const native = await openNative(address)
  if (native === null) return readPlainly(address, root)
  try {
    const rows: string[] = []
    let level = ['']
    while (level.length > 0) {
      const next: string[] = []
      for (let from = 0; from < level.length; from += AT_ONCE) {
        await Promise.all(
          level.slice(from, from + AT_ONCE).map(async (below) => {
            const path = below === '' ? root : `${root}/${below}`
            const [[stat, data], acl] = await Promise.all([native.get(path, false), native.get_acl(path)])
            const entries = (Array.isArray(acl[0]) ? acl[0] : (acl as never)).map(
              (entry) => `${entry.perms}:${entry.scheme}:${entry.auth}`,
            )
            rows.push(row(below, data?.toString('base64') ?? '', entries))
            if (stat.numChildren === 0) return
            for (const name of await native.get_children(path, false))
              next.push(below === '' ? name : `${below}/${name}`)
          }),
        )
      }
      level = next
    }
    return { znodes: rows.length, sha256: hashOf(rows), by: 'native' }
  } finally {
    native.close()
  }
}

async function readPlainly(address: string, root: string): Promise<Reading> {
  const tree = await readTree(new Place(await connect(address), address, root))
  const rows = contents(tree).map(([path, data, acl]) => row(path, data ?? '', acl.split(' ')))
  return { znodes: rows.length, sha256: hashOf(rows), by: 'plain' }
}

/** What a reader must find of znodes that are open to everyone. */
export function expectedReading(znodes: Iterable<[path: string, data: Buffer | null]>): Omit<Reading, 'by'> {
  const rows = [...znodes].map(([path, data]) =>
    row(path, data?.toString('base64') ?? '', ['31:world:anyone']),
  )
  return { znodes: rows.length, sha256: hashOf(rows) }
}

function row(path: string, data: string, acl: string[]): string {
  return JSON.stringify([path, data, acl.toSorted()])
}

function hashOf(rows: string[]): string {
  const sha = createHash('sha256')
  for (const text of rows.toSorted()) sha.update(text)
  return sha.digest('hex')
}

async function openNative(address: string): Promise<NativeClient | null> {
  // The C client cannot tell null from empty data, and says nothing of what it does to the rest.
  const loaded = await import('zookeeper').catch(() => null)
  if (loaded === null) return null
  const Client = (loaded as unknown as { Promise: new (options: object) => NativeClient }).Promise
  const client = new Client({})
  await new Promise<void>((resolve, reject) => {
    const options = { connect: address, timeout: 30_000, debug_level: 1, host_order_deterministic: false }
    client.connect(options, (error) => (error ? reject(error as Error) : resolve()))
  })
  return client
}
