/** The first bare flood: data and child lists of a tree, level by level, by multiRead or, without it, pipelined. */
import { operations, type ZooKeeperClient } from '../../src/zookeeper/index.ts'
import { batches, flood, succeeded } from './batches.ts'

const BATCH = 200
const IN_FLIGHT = 8

/** Returns how many znodes it read. The session's server must know the tree already. */
export async function readFlood(sessions: readonly ZooKeeperClient[], root: string): Promise<number> {
  let level = [root]
  let znodes = 0
  while (level.length > 0) {
    znodes += level.length
    level = await childrenOf(sessions, await directoriesAmong(sessions, level))
  }
  return znodes
}

async function directoriesAmong(sessions: readonly ZooKeeperClient[], paths: string[]): Promise<string[]> {
  const directories: string[] = []
  await overSessions(sessions, paths, async (client, batch) => {
    for (const [at, { stat }] of (await readData(client, batch)).entries()) {
      if (stat.numChildren > 0) directories.push(batch[at] as string)
    }
  })
  return directories
}

async function childrenOf(sessions: readonly ZooKeeperClient[], directories: string[]): Promise<string[]> {
  const paths: string[] = []
  await overSessions(sessions, directories, async (client, batch) => {
    for (const [at, { children }] of (await readChildren(client, batch)).entries()) {
      const prefix = batch[at] === '/' ? '' : batch[at]
      for (const name of children) paths.push(`${prefix}/${name}`)
    }
  })
  return paths
}

async function readData(client: ZooKeeperClient, paths: string[]) {
  if (!(await client.supportsMultiRead())) return succeeded(await client.pipeline(operations.getData, paths))
  const [reply] = succeeded(await client.pipeline(operations.multiReadData, [paths]))
  return succeeded(reply?.results ?? [])
}

async function readChildren(client: ZooKeeperClient, paths: string[]) {
  if (!(await client.supportsMultiRead()))
    return succeeded(await client.pipeline(operations.getChildren, paths))
  const [reply] = succeeded(await client.pipeline(operations.multiReadChildren, [paths]))
  return succeeded(reply?.results ?? [])
}

async function overSessions(
  sessions: readonly ZooKeeperClient[],
  paths: string[],
  send: (client: ZooKeeperClient, batch: string[]) => Promise<void>,
): Promise<void> {
  let turn = 0
  await flood(batches(paths, BATCH), IN_FLIGHT, (batch) =>
    send(sessions[turn++ % sessions.length] as ZooKeeperClient, batch),
  )
}
