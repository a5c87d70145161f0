/** From the client's errors to those of a tree: what belongs to one znode, and what ends a job. */
import { type Side, ZnodeError } from '../tree/contracts.ts'
import { LocationProblem } from '../tree/errors.ts'
import { ServerError, type ZooKeeperError } from '../zookeeper/index.ts'

const UNKNOWN_IDENTITY = '; the servers do not know a scheme or an id in it, and --acl-map can map identities'

export class Failures {
  readonly #side: Side
  readonly #name: string
  readonly #users: readonly string[]

  /** `users`: digest users that the tool has identified itself as; for hints, without passwords. */
  constructor(side: Side, name: string, users: readonly string[]) {
    this.#side = side
    this.#name = name
    this.#users = users
  }

  ofZnode(error: ZooKeeperError): ZnodeError {
    if (error.code === 'NOAUTH') return new ZnodeError('NOAUTH', `${error.message}${this.hint()}`)
    if (error.code === 'INVALIDACL') return new ZnodeError(error.code, `${error.message}${UNKNOWN_IDENTITY}`)
    return new ZnodeError(error.code, error.message)
  }

  /** What no reading or writing of other znodes can get around. */
  ofLocation(error: unknown): LocationProblem {
    const why = error instanceof Error ? error.message : String(error)
    return new LocationProblem(this.#side, `The ${this.#side} ${this.#name} cannot be used: ${why}.`, {
      cause: error,
    })
  }

  unauthorised(what: string): LocationProblem {
    return new LocationProblem(
      this.#side,
      `The ${this.#side} ${this.#name} does not allow ${what} (NOAUTH)${this.hint()}.`,
    )
  }

  /** No server can notice a wrong digest password: it only makes another identity. */
  hint(): string {
    if (this.#users.length === 0) return '; no identity was given'
    return `; the identity given is digest user ${this.#users.join(', ')}, and a wrong password is not noticed by any server`
  }
}

/** The session, or the way to the ensemble, is gone for good: not the fault of one request. */
export function endsTheSession(error: ZooKeeperError): boolean {
  return ENDS.has(error.code)
}

const ENDS = new Set(['UNREACHABLE', 'NOTZOOKEEPER', 'AUTHFAILED', 'SESSIONCLOSEDREQUIRESASLAUTH', 'CLOSED'])

/** The request was lost on the way, or put off: reading it again is right. */
export function isLost(error: ZooKeeperError): boolean {
  return (
    error.code === 'SESSIONEXPIRED' ||
    error.retriable ||
    (error.outcomeUnknown && !(error instanceof ServerError))
  )
}
