/** From the client's errors to those of a tree: what belongs to one znode, and what ends a job. */
import { type Side, ZnodeError } from '../tree/contracts.ts'
import { LocationProblem } from '../tree/errors.ts'
import { ServerError, TlsError, ZooKeeperError } from '../zookeeper/index.ts'
import { type Introduction, NOBODY } from './identities.ts'

const UNKNOWN_IDENTITY = '; the servers do not know a scheme or an id in it, and --acl-map can map identities'

export class Failures {
  readonly #side: Side
  readonly #name: string
  readonly #introduction: Introduction

  /** `introduction`: as whom the tool comes; for hints. */
  constructor(side: Side, name: string, introduction: Introduction = NOBODY) {
    this.#side = side
    this.#name = name
    this.#introduction = introduction
  }

  ofZnode(error: ZooKeeperError): ZnodeError {
    if (error.code === 'NOAUTH') return new ZnodeError('NOAUTH', `${error.message}${this.hint()}`)
    if (error.code === 'INVALIDACL') return new ZnodeError(error.code, `${error.message}${UNKNOWN_IDENTITY}`)
    return new ZnodeError(error.code, error.message)
  }

  /** What no reading or writing of other znodes can get around. */
  ofLocation(error: unknown): LocationProblem {
    const why = (error instanceof Error ? error.message : String(error)) + wayOut(error)
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
    const { digestUsers, proved } = this.#introduction
    const known = [...(digestUsers.length > 0 ? [`digest user ${digestUsers.join(', ')}`] : []), ...proved]
    if (known.length === 0) return '; no identity was given'
    const digest =
      digestUsers.length === 0
        ? ''
        : `, and a wrong ${proved.length > 0 ? 'digest ' : ''}password is not noticed by any server`
    return `; the identity given is ${known.join(', ')}${digest}`
  }
}

/** What would help, where it is an option of ours. */
function wayOut(error: unknown): string {
  if (error instanceof ZooKeeperError && error.code === 'SESSIONCLOSEDREQUIRESASLAUTH')
    return '; an identity "sasl user:password" gives one'
  if (!(error instanceof TlsError)) return ''
  switch (error.reason) {
    case 'untrusted':
      return '; the option --tls-ca names the authorities to believe'
    case 'other-name':
      return '; the option --tls-server-name says what the certificates are for'
    case 'certificate-wanted':
      return '; the options --tls-cert and --tls-key, or --tls-pfx, give one'
    case 'plain':
      return '; zk:// goes without'
    default:
      return ''
  }
}

/** The session, or the way to the ensemble, is gone for good: not the fault of one request. */
export function endsTheSession(error: ZooKeeperError): boolean {
  return ENDS.has(error.code)
}

const ENDS = new Set([
  'UNREACHABLE',
  'NOTZOOKEEPER',
  'TLS',
  'AUTHFAILED',
  'SESSIONCLOSEDREQUIRESASLAUTH',
  'CLOSED',
])

/** The request was lost on the way, or put off: reading it again is right. */
export function isLost(error: ZooKeeperError): boolean {
  return (
    error.code === 'SESSIONEXPIRED' ||
    error.retriable ||
    (error.outcomeUnknown && !(error instanceof ServerError))
  )
}
