/**
 * One bare flood as a program: no march, no journal, no digest.
 *
 *   node main.js read|acl|create HOST:PORT ROOT TREE
 *
 * Prints {"znodes", "seconds"}: of the flood alone, without the start of Node and the sessions, which are in the
 * time of every other program of the benchmark.
 */
import { ZooKeeperClient } from '../../src/zookeeper/index.ts'
import { parseTree, pathsOf, znodesOf } from '../trees.ts'
import { aclFlood } from './acl.ts'
import { createFlood } from './create.ts'
import { readFlood } from './read.ts'

/** As many as zkferry reads with. */
const SESSIONS = 8

const [kind = '', connect = '', root = '', tree = ''] = process.argv.slice(2)
const spec = parseTree(tree)
const clients = await Promise.all(
  Array.from({ length: SESSIONS }, () => ZooKeeperClient.connect({ connect, retryForMs: 10_000 })),
)
const flood = prepared(kind)
for (const client of clients) await client.supportsMultiRead()
const started = performance.now()
const znodes = await flood()
const seconds = (performance.now() - started) / 1000
await Promise.all(clients.map((client) => client.close()))
console.log(JSON.stringify({ znodes, seconds }))

function prepared(kind: string): () => Promise<number> {
  switch (kind) {
    case 'read':
      return () => readFlood(clients, root)
    case 'acl': {
      const paths = pathsOf(spec).map((path) => root + path)
      return () => aclFlood(clients, paths)
    }
    case 'create': {
      const made = [...znodesOf(spec)]
      return () => createFlood(clients[0] as ZooKeeperClient, root, made)
    }
  }
  throw new Error(`'${kind}' is no flood: use read, acl or create`)
}
