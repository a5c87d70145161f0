/** The second bare flood: every znode's ACL, pipelined over several sessions, for there is no batched read of it. */
import { operations, type ZooKeeperClient } from '../../src/zookeeper/index.ts'
import { batches, flood, succeeded } from './batches.ts'

const BATCH = 500
/** Of batches, on each session: the server takes a thousand requests at a time. */
const IN_FLIGHT = 2

export async function aclFlood(sessions: readonly ZooKeeperClient[], paths: string[]): Promise<number> {
  const rest = batches(paths, BATCH)
  await Promise.all(
    sessions.map((client) =>
      flood(rest, IN_FLIGHT, async (batch) => {
        succeeded(await client.pipeline(operations.getAclRaw, batch))
      }),
    ),
  )
  return paths.length
}
