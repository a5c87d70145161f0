/**
 * Whether an ensemble makes containers and TTL znodes. Asked with a multi that must fail at its last operation, so that
 * nothing is ever made, and in a session of its own: servers before 3.5 close the connection on it, and whatever
 * else were in flight there would be lost with it.
 */
import type { KindSupport } from '../tree/contracts.ts'
import { MultiError, type MultiOp, OPEN_ACL, operations, ZooKeeperError } from '../zookeeper/index.ts'
import { type Failures, isLost } from './failures.ts'
import type { SessionKeeper } from './session-keeper.ts'

const PROBE = '/zkferry-probe-of-a-kind-of-znode'
const NO_SUCH_ZNODE = '/zkferry-probe-of-a-znode-that-does-not-exist'
/** A server that closes so often on this request alone, and takes us back each time, closes because of it. */
const CLOSES = 3

export class EnsembleKinds {
  readonly #newSession: () => SessionKeeper
  readonly #failures: Failures
  readonly #known = new Map<'container' | 'ttl', Promise<KindSupport>>()

  constructor(newSession: () => SessionKeeper, failures: Failures) {
    this.#newSession = newSession
    this.#failures = failures
  }

  /** @throws LocationProblem when nothing can be found out. */
  supports(kind: 'container' | 'ttl'): Promise<KindSupport> {
    const known = this.#known.get(kind)
    if (known !== undefined) return known
    const asked = this.#ask(kind)
    this.#known.set(kind, asked)
    return asked
  }

  async #ask(kind: 'container' | 'ttl'): Promise<KindSupport> {
    const request = { path: PROBE, data: null, acl: OPEN_ACL }
    const ops: MultiOp[] = [
      kind === 'container'
        ? { op: 'createContainer', ...request }
        : { op: 'createTTL', ...request, ttlMs: 60_000 },
      { op: 'check', path: NO_SUCH_ZNODE },
    ]
    const session = this.#newSession()
    try {
      for (let closes = 0; ; ) {
        // Shows that the server serves us: a loss after it is an answer.
        await session.sync()
        const [outcome] = await session.send(operations.multi, [ops])
        if (!(outcome instanceof ZooKeeperError))
          throw new Error(`the probe of ${kind} znodes was carried out, though its last check cannot hold`)
        // What the server refuses for another reason (no CREATE on /, say) it has understood.
        if (outcome instanceof MultiError) return outcome.code === 'UNIMPLEMENTED' ? 'off' : 'yes'
        if (outcome.code === 'MARSHALLINGERROR' || outcome.code === 'UNIMPLEMENTED') return 'unknown'
        if (!isLost(outcome)) throw this.#failures.ofLocation(outcome)
        if (outcome.code === 'CONNECTIONLOSS' && ++closes === CLOSES) return 'unknown'
      }
    } finally {
      await session.close()
    }
  }
}
