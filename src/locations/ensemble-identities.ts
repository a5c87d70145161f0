/** Identities that exist only for one run, at an ensemble. */
import { createHash, randomBytes } from 'node:crypto'
import { type AclEntry, type AclList, Perms } from '../tree/acl.ts'
import type {
  Carried,
  IdentityProbe,
  TemporaryIdentities,
  TemporaryIdentity,
  ZnodeError,
} from '../tree/contracts.ts'
import { absolutePath } from '../tree/path.ts'
import {
  AuthFailedError,
  type ClientOptions,
  MultiError,
  type MultiOp,
  operations,
  ZooKeeperClient,
  ZooKeeperError,
} from '../zookeeper/index.ts'
import { type AclCache, rawAcl } from './acl-cache.ts'
import type { EnsembleWriter } from './ensemble-writer.ts'
import { type Failures, isLost } from './failures.ts'
import type { SessionKeeper } from './session-keeper.ts'

/** A probe on which the connection is lost so often is the reason for it. */
export const MOST_LOSSES = 10

export const NO_SUCH_ZNODE = '/zkferry-probe-of-a-znode-that-does-not-exist'

/** What `zookeeper.digestAlg` may be set to from 3.7 on, by OpenSSL's names. Before that it is SHA-1. */
const ALGORITHMS = ['sha1', 'sha256', 'sha512', 'sha3-256'] as const

export interface IdentitySetup {
  options: ClientOptions
  root: string
  sessions: readonly SessionKeeper[]
  writing: SessionKeeper
  writer: EnsembleWriter
  acls: AclCache
  failures: Failures
}

export class EnsembleIdentities implements TemporaryIdentities {
  readonly algorithms: readonly string[] = ALGORITHMS
  readonly #setup: IdentitySetup

  constructor(setup: IdentitySetup) {
    this.#setup = setup
  }

  /** Tried in a session of its own: a server that refuses an identity ends the session. */
  async accepted(): Promise<boolean> {
    const { options } = this.#setup
    const auth = [
      ...(options.auth ?? []),
      { scheme: 'digest', auth: Buffer.from(`zkferry:${randomBytes(12).toString('hex')}`) },
    ]
    try {
      const throwaway = await ZooKeeperClient.connect({ ...options, auth, onWaiting: () => {} })
      await throwaway.close()
      return true
    } catch (error) {
      if (error instanceof AuthFailedError) return false
      throw this.#setup.failures.ofLocation(error)
    }
  }

  async assume(identity: TemporaryIdentity): Promise<void> {
    const auth = { scheme: 'digest', auth: Buffer.from(`${identity.user}:${identity.password}`) }
    await Promise.all(this.#setup.sessions.map((session) => session.addAuth(auth)))
    this.#setup.acls.hide(idOf(identity))
  }

  entryOf(identity: TemporaryIdentity): AclEntry {
    return { perms: Perms.all, scheme: 'digest', id: Buffer.from(idOf(identity)) }
  }

  async carried(paths: readonly string[]): Promise<(Carried | null | ZnodeError)[]> {
    const { root, writing, acls, failures } = this.#setup
    const replies = await writing.read(
      operations.getAclRaw,
      paths.map((path) => absolutePath(root, path)),
    )
    return replies.map((reply) => {
      if (!(reply instanceof ZooKeeperError)) {
        if (!acls.hidesPartOf(reply.aclBytes)) return null
        return { acl: acls.list(reply.aclBytes), aversion: reply.stat.aversion }
      }
      // Gone, or not ours: an entry of ours would let us look.
      return reply.code === 'NONODE' || reply.code === 'NOAUTH' ? null : failures.ofZnode(reply)
    })
  }

  /** A multi that must fail at its last operation, if it does not fail before: nothing of it is ever carried out. */
  async probe(path: string, acl: AclList): Promise<IdentityProbe> {
    const { root, writing, writer, failures } = this.#setup
    const at = absolutePath(root, path)
    const ops: MultiOp[] = [
      { op: 'create', path: at, data: null, acl: rawAcl(acl) },
      { op: 'create', path: `${at}/probe`, data: null, acl: rawAcl(acl) },
      { op: 'check', path: NO_SUCH_ZNODE },
    ]
    for (let losses = 0; ; losses++) {
      // The parent may still be on its way.
      await writer.drained()
      const [outcome] = await writing.send(operations.multi, [ops])
      if (outcome instanceof MultiError) {
        if (outcome.index === 2) return 'works'
        if (outcome.index === 1 && outcome.code === 'NOAUTH') return 'other-digest'
        if (outcome.index === 0 && outcome.code === 'INVALIDACL') return 'no-digest'
        return failures.ofZnode(outcome)
      }
      if (outcome instanceof ZooKeeperError && (!isLost(outcome) || losses === MOST_LOSSES))
        return failures.ofZnode(outcome)
      if (outcome instanceof ZooKeeperError) await writing.sync()
      else
        throw new Error(
          'the probe of a temporary identity was carried out, though its last check cannot hold',
        )
    }
  }
}

function idOf({ user, password, algorithm }: TemporaryIdentity): string {
  return `${user}:${createHash(algorithm).update(`${user}:${password}`).digest('base64')}`
}
