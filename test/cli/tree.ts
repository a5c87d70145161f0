/** Small trees on the shared servers, each below a path of its own. */

import { CreateFlag, OPEN_ACL, ZooKeeperClient } from '../../src/zookeeper/index.ts'
import { freshRoot, sharedServer } from '../servers/shared.ts'

export interface Place {
  client: ZooKeeperClient
  root: string
  /** As the command line takes it. */
  location: string
}

/** A root that does not exist yet, on the newest or the oldest server. */
export async function place(name: string, version: '3.4.14' | '3.9.5' = '3.9.5'): Promise<Place> {
  const server = sharedServer(version)
  const root = freshRoot(name)
  const client = await ZooKeeperClient.connect({ connect: server.connectString })
  return { client, root, location: `${server.connectString}${root}` }
}

/** Paths below the root with their data; `null` data is kept as null. Parents first. */
export async function fill({ client, root }: Place, znodes: Record<string, string | null>): Promise<void> {
  for (const [path, text] of Object.entries(znodes)) {
    await client.create(path === '' ? root : `${root}/${path}`, text === null ? null : Buffer.from(text))
  }
}

export async function ephemeral({ client, root }: Place, path: string): Promise<void> {
  await client.create(`${root}/${path}`, Buffer.from('alive'), { flags: CreateFlag.ephemeral })
}

/** Many znodes of 100 bytes in directories of a hundred. */
export async function fillMany(where: Place, directories: number): Promise<void> {
  await where.client.create(where.root, null)
  for (let d = 0; d < directories; d++) {
    const directory = `${where.root}/d${d}`
    const data = Buffer.alloc(100, d)
    await where.client.multi([
      { op: 'create', path: directory, data: null, acl: OPEN_ACL },
      ...Array.from(
        { length: 100 },
        (_, at) => ({ op: 'create', path: `${directory}/z${at}`, data, acl: OPEN_ACL }) as const,
      ),
    ])
  }
}
