/** The third bare flood: a tree created by multis, and its like for removing one. */
import {
  encodeAcl,
  type MultiOp,
  OPEN_ACL,
  operations,
  type ZooKeeperClient,
} from '../../src/zookeeper/index.ts'
import type { BenchZnode } from '../trees.ts'
import { batches, flood, succeeded } from './batches.ts'

const BATCH_OPS = 1000
const BATCH_BYTES = 512 * 1024
const IN_FLIGHT = 4
/** Path, ACL and headers of one create. */
const OVERHEAD = 128

/** One session is first in, first out: a parent's create and its children's are in flight together. */
export async function createFlood(
  client: ZooKeeperClient,
  root: string,
  znodes: Iterable<BenchZnode>,
): Promise<number> {
  const acl = encodeAcl(OPEN_ACL)
  let made = 0
  const runs = batches(
    znodes,
    BATCH_OPS,
    BATCH_BYTES,
    ({ path, data }) => OVERHEAD + path.length + data.length,
  )
  await flood(runs, IN_FLIGHT, async (run) => {
    const ops = run.map(({ path, data }): MultiOp => ({ op: 'create', path: root + path, data, acl }))
    succeeded(await client.pipeline(operations.multi, [ops]))
    made += run.length
  })
  return made
}

/** `paths` are below the root, children after their parents. */
export async function deleteFlood(client: ZooKeeperClient, root: string, paths: string[]): Promise<void> {
  await flood(batches(paths.toReversed(), BATCH_OPS), IN_FLIGHT, async (run) => {
    const ops = run.map((path): MultiOp => ({ op: 'delete', path: root + path }))
    succeeded(await client.pipeline(operations.multi, [ops]))
  })
}
