/** What there is on the way to a root that is not there: asked in a session of its own, which is closed again. */
import { ZooKeeperClient } from '../zookeeper/index.ts'
import type { Reach } from './same-ensemble.ts'

const sessionTimeoutMs = 10_000

export interface WayToRoot {
  /** The deepest znode above the root that exists. */
  nearest: string
  /** Its children, sorted; none when they may not be listed. */
  children: string[]
  /** What is missing between it and the root, from above. */
  missing: string[]
}

/** @throws the client's errors */
export async function wayToRoot(reach: Reach, root: string): Promise<WayToRoot> {
  const client = await ZooKeeperClient.connect({ ...reach, sessionTimeoutMs })
  try {
    const missing: string[] = []
    for (let nearest = above(root); ; nearest = above(nearest)) {
      if (nearest !== '/' && (await client.exists(nearest)) === null) missing.unshift(nearest)
      else return { nearest, missing, children: await childrenOf(client, nearest) }
    }
  } finally {
    await client.close()
  }
}

function above(path: string): string {
  return path.slice(0, path.lastIndexOf('/')) || '/'
}

async function childrenOf(client: ZooKeeperClient, path: string): Promise<string[]> {
  try {
    return (await client.getChildren(path)).children.sort()
  } catch {
    return []
  }
}
