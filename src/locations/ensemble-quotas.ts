/** Quotas at an ensemble: `/zookeeper/quota<path>/zookeeper_limits`, and beside it the servers' `zookeeper_stats`. */
import { type AclList, OPEN_ACL, sameAcl } from '../tree/acl.ts'
import { ZnodeError } from '../tree/contracts.ts'
import { absolutePath, childPath } from '../tree/path.ts'
import type { Quota, QuotaWriter } from '../tree/quota.ts'
import type { Data } from '../tree/znode.ts'
import { type MultiOp, type Operation, operations, ZooKeeperError } from '../zookeeper/index.ts'
import { type AclCache, rawAcl } from './acl-cache.ts'
import { type Failures, isLost } from './failures.ts'
import type { SessionKeeper } from './session-keeper.ts'

const QUOTAS = '/zookeeper/quota'
const LIMITS = 'zookeeper_limits'
const STATS = 'zookeeper_stats'
/** What a server replaces by its own count as soon as the znode is made. */
const UNCOUNTED = Buffer.from('count=-1,bytes=-1')
/** Each time something else was there than what was read before. */
const MAX_TRIES = 5
const PASSING = new Set(['NODEEXISTS', 'NONODE', 'BADVERSION', 'THROTTLEDOP', 'SESSIONMOVED'])

interface Found {
  data: Data
  acl: AclList
  version: number
  mzxid: bigint
}

export interface QuotaSetup {
  root: string
  session: SessionKeeper
  acls: AclCache
  failures: Failures
  /** Hears the zxid of each acknowledged write; `null` where one may have arrived unheard. */
  wrote: (zxid: bigint | null) => void
}

export class EnsembleQuotas implements QuotaWriter {
  readonly #setup: QuotaSetup

  constructor(setup: QuotaSetup) {
    this.#setup = setup
  }

  async list(): Promise<(Quota | { path: string; error: ZnodeError })[]> {
    const { session, root } = this.#setup
    const found: (Quota | { path: string; error: ZnodeError })[] = []
    let level = ['']
    while (level.length > 0) {
      const replies = await session.read(
        operations.getChildren,
        level.map((path) => this.#at(path)),
      )
      const next: string[] = []
      for (const [index, path] of level.entries()) {
        const reply = replies[index]
        if (reply === undefined) continue
        if (reply instanceof ZooKeeperError) {
          const error = this.#setup.failures.ofZnode(reply)
          if (!error.gone) found.push({ path, error })
          continue
        }
        if (reply.children.includes(LIMITS)) {
          const quota = await this.read(path)
          if (quota instanceof ZnodeError) found.push({ path, error: quota })
          else if (quota !== null) found.push(quota)
        }
        for (const name of reply.children) {
          const below = childPath(path, name)
          // What is below the root's own /zookeeper is nobody's to copy.
          if (name !== LIMITS && name !== STATS && !(root === '/' && below === 'zookeeper')) next.push(below)
        }
      }
      level = next
    }
    return found
  }

  async read(path: string): Promise<Quota | ZnodeError | null> {
    const limits = await this.#find(childPath(this.#at(path), LIMITS))
    if (limits === null || limits instanceof ZnodeError) return limits
    const tallied = await this.#find(childPath(this.#at(path), STATS))
    return { path, limits: limits.data, acl: limits.acl, mzxid: limits.mzxid, tallied: tallied !== null }
  }

  async set(quota: Pick<Quota, 'path' | 'limits' | 'acl'>): Promise<ZnodeError | null> {
    if (absolutePath(this.#setup.root, quota.path) === '/')
      return new ZnodeError(
        'QUOTAROOT',
        'ZooKeeper keeps no quota of /, so this one has no place on the target',
      )
    for (let tries = 1; ; tries++) {
      await this.#setup.session.sync()
      const error = await this.#try(quota)
      if (error === null || tries === MAX_TRIES || !(PASSING.has(error.code) || error.code === 'UNSETTLED'))
        return error
    }
  }

  /** One look, and what it shows to be missing; then a look at what came of it. */
  async #try({ path, limits, acl }: Pick<Quota, 'path' | 'limits' | 'acl'>): Promise<ZnodeError | null> {
    const [limitsAt, statsAt] = [LIMITS, STATS].map((name) => childPath(this.#at(path), name)) as [
      string,
      string,
    ]
    const [there, stats] = [await this.#find(limitsAt), await this.#find(statsAt)]
    if (there instanceof ZnodeError) return there
    if (stats instanceof ZnodeError) return stats
    const ops: MultiOp[] = []
    const raw = rawAcl(acl)
    if (there === null) {
      const way = await this.#way(path)
      if (way instanceof ZnodeError) return way
      ops.push(...way, { op: 'create', path: limitsAt, data: limits, acl: raw })
      // A tally without limits was not kept up: only a new one is counted by the server.
      if (stats !== null) ops.push({ op: 'delete', path: statsAt, version: stats.version })
    } else if (!sameBytes(there.data, limits)) {
      ops.push({ op: 'setData', path: limitsAt, data: limits, version: there.version })
    }
    if (there === null || stats === null) ops.push({ op: 'create', path: statsAt, data: UNCOUNTED, acl: raw })
    // As everywhere: new data never stand under the old ACL.
    if (there !== null && !sameAcl(there.acl, acl)) {
      const error = await this.#send(operations.setACL, { path: limitsAt, acl: raw })
      if (error !== null) return error
    }
    if (ops.length > 0) {
      const error = await this.#send(operations.multi, ops)
      if (error !== null) return error
    }
    return this.#check(path, limits, acl)
  }

  async #check(path: string, limits: Data, acl: AclList): Promise<ZnodeError | null> {
    const now = await this.read(path)
    if (now instanceof ZnodeError) return now
    if (now?.tallied && sameBytes(now.limits, limits) && sameAcl(now.acl, acl)) return null
    return new ZnodeError('UNSETTLED', 'somebody else changes this quota on the target')
  }

  /** Creates for what is missing above the limits, each with the ACL of the nearest that is there. */
  async #way(path: string): Promise<MultiOp[] | ZnodeError> {
    const { session, acls } = this.#setup
    const names = this.#at(path).split('/').slice(3)
    const paths = names.map((_, at) => `${QUOTAS}/${names.slice(0, at + 1).join('/')}`)
    const replies = await session.read(operations.getAclRaw, [QUOTAS, ...paths])
    const ops: MultiOp[] = []
    let acl = OPEN_ACL
    for (const [at, reply] of replies.entries()) {
      if (!(reply instanceof ZooKeeperError)) acl = acls.list(reply.aclBytes)
      else if (reply.code !== 'NONODE') return this.#setup.failures.ofZnode(reply)
      else ops.push({ op: 'create', path: paths[at - 1] ?? QUOTAS, data: null, acl: rawAcl(acl) })
    }
    if (ops.length > 0 && acl.masked)
      return new ZnodeError(
        'MASKED',
        `the ACL above its quota in ${QUOTAS} is shown masked, so nothing can be made there`,
      )
    return ops
  }

  async #send<Q, R extends { zxid: bigint }>(
    operation: Operation<Q, R>,
    request: Q,
  ): Promise<ZnodeError | null> {
    const [outcome] = await this.#setup.session.send(operation, [request])
    if (outcome instanceof ZooKeeperError) {
      if (isLost(outcome)) {
        this.#setup.wrote(null)
        return new ZnodeError('UNSETTLED', 'it is not known whether this quota was set')
      }
      return this.#setup.failures.ofZnode(outcome)
    }
    if (outcome !== undefined) this.#setup.wrote(outcome.zxid)
    return null
  }

  async #find(path: string): Promise<Found | ZnodeError | null> {
    const { session, acls, failures } = this.#setup
    const [reply] = await session.read(operations.getAclRaw, [path])
    const [data] = await session.read(operations.getData, [path])
    for (const one of [reply, data]) {
      if (one instanceof ZooKeeperError) return one.code === 'NONODE' ? null : failures.ofZnode(one)
    }
    if (
      reply === undefined ||
      data === undefined ||
      reply instanceof ZooKeeperError ||
      data instanceof ZooKeeperError
    )
      return null
    const { version, mzxid } = data.stat
    return { data: data.data, acl: acls.list(reply.aclBytes), version, mzxid }
  }

  #at(path: string): string {
    const absolute = absolutePath(this.#setup.root, path)
    return absolute === '/' ? QUOTAS : `${QUOTAS}${absolute}`
  }
}

function sameBytes(a: Data, b: Data): boolean {
  return a === null || b === null ? a === b : a.equals(b)
}
