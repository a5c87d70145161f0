/**
 * Whether all servers that a location names are of one ensemble. With a stray host in the list a job would read two
 * trees as if they were one: a session that moves to the wrong ensemble is told there that it has expired, and the
 * session that takes its place is as good as any.
 *
 * Sessions tell: one that is begun here is known there. Where an ensemble keeps sessions to each server
 * (`localSessionsEnabled`) it is not, so a server is a stray only if its tree has been made by other transactions, too.
 */
import {
  type AuthInfo,
  type ConnectString,
  formatHost,
  type Host,
  operations,
  ZooKeeperClient,
  ZooKeeperError,
} from '../zookeeper/index.ts'
import { type Failures, isLost } from './failures.ts'
import { isSameEnsemble, type Reach } from './same-ensemble.ts'

const sessionTimeoutMs = 4000

interface Birth {
  czxid: bigint
  /** Young ensembles have made their first znodes by the same transactions, and hardly in the same millisecond. */
  ctime: bigint
}

/** When a tree was made: the root and what is above it, and the oldest child of `/`. */
type Marks = Map<string, Birth>

export class OneEnsemble {
  readonly #location: ConnectString
  readonly #root: string
  readonly #auth: readonly AuthInfo[]
  readonly #failures: Failures
  /** Servers of the ensemble, as the location writes them. */
  readonly #known = new Set<string>()
  #marks: Marks = new Map()

  constructor(location: ConnectString, root: string, auth: readonly AuthInfo[], failures: Failures) {
    this.#location = location
    this.#root = root
    this.#auth = auth
    this.#failures = failures
  }

  /**
   * Asks the other hosts of the location. One that does not answer within a second is met when a session is opened
   * there.
   * @throws LocationProblem that names two servers that are not of one ensemble
   */
  async meetAll(client: ZooKeeperClient): Promise<void> {
    const { server } = client
    const marks = await marksOf(client, this.#root)
    if (server === null || marks === null) return
    this.#known.add(server)
    this.#marks = marks
    const others = this.#location.hosts.filter((host) => formatHost(host) !== server)
    await Promise.all(others.map((host) => this.#ask(host)))
  }

  /** A session was begun at one of the servers. @throws LocationProblem */
  async meet(client: ZooKeeperClient): Promise<void> {
    const { server } = client
    if (this.#known.size === 0 || server === null || this.#known.has(server)) return
    const marks = await marksOf(client, this.#root)
    const host = this.#location.hosts.find((one) => formatHost(one) === server)
    if (marks === null || host === undefined) return
    const unlike = difference(this.#marks, marks)
    const same = unlike === null || (await this.#knowsSessions(host))
    // What was made anew since then is no stray. Where nobody can be asked now, it is met again.
    if (same === false) throw this.#stray(server, unlike as string)
    if (same === true) this.#known.add(server)
  }

  async #ask(host: Host): Promise<void> {
    const server = formatHost(host)
    const same = await this.#knowsSessions(host)
    if (same === null) return
    if (!same) {
      const marks = await this.#marksAt(host)
      if (marks === null) return
      const unlike = difference(this.#marks, marks)
      if (unlike !== null) throw this.#stray(server, unlike)
    }
    this.#known.add(server)
  }

  /** `null`: it cannot be asked now. */
  async #knowsSessions(host: Host): Promise<boolean | null> {
    const known = this.#location.hosts.filter((one) => this.#known.has(formatHost(one)))
    return isSameEnsemble(this.#reach(known), this.#reach([host])).catch(() => null)
  }

  async #marksAt(host: Host): Promise<Marks | null> {
    const client = await ZooKeeperClient.connect({ ...this.#reach([host]), sessionTimeoutMs }).catch(
      () => null,
    )
    if (client === null) return null
    try {
      return await marksOf(client, this.#root)
    } finally {
      await client.close()
    }
  }

  #reach(hosts: Host[]): Reach {
    return { connect: { ...this.#location, hosts }, auth: [...this.#auth], retryForMs: 0 }
  }

  #stray(server: string, unlike: string): Error {
    const [first] = this.#known
    return this.#failures.ofLocation(
      new Error(`${server} is of another ensemble than ${first} (${unlike}); name servers of one ensemble`),
    )
  }
}

/** `null` when the session was lost under the question. */
async function marksOf(client: ZooKeeperClient, root: string): Promise<Marks | null> {
  const segments = root.split('/').filter(Boolean)
  const paths = segments.map((_, depth) => `/${segments.slice(0, depth + 1).join('/')}`)
  const [top] = await client.pipeline(operations.getChildren, ['/'])
  if (top === undefined || (top instanceof ZooKeeperError && isLost(top))) return null
  const names = top instanceof ZooKeeperError ? [] : top.children.filter((name) => name !== 'zookeeper')
  const replies = await client.pipeline(operations.exists, [...paths, ...names.map((name) => `/${name}`)])
  const marks: Marks = new Map()
  for (const [at, reply] of replies.entries()) {
    if (reply instanceof ZooKeeperError) {
      if (isLost(reply)) return null
      continue
    }
    if (reply.stat === null) continue
    const { czxid, ctime } = reply.stat
    const oldest = marks.get('/')
    if (at < paths.length) marks.set(paths[at] as string, { czxid, ctime })
    else if (oldest === undefined || czxid < oldest.czxid) marks.set('/', { czxid, ctime })
  }
  return marks
}

/** What the two cannot both have as one ensemble, in words; `null` when there is nothing. */
function difference(known: Marks, other: Marks): string | null {
  for (const [path, here] of [...known].sort(([a], [b]) => b.length - a.length)) {
    const there = other.get(path)
    if (there === undefined || (there.czxid === here.czxid && there.ctime === here.ctime)) continue
    const what = path === '/' ? 'the oldest znode below /' : path
    return `${what} was created ${told(there)} there, and ${told(here)} here`
  }
  return null
}

function told({ czxid, ctime }: Birth): string {
  const at = new Date(Number(ctime))
  const when = Number.isNaN(at.getTime()) ? '' : ` at ${at.toISOString()}`
  return `in transaction 0x${czxid.toString(16)}${when}`
}
