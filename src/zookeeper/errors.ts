/**
 * Everything that can go wrong, as types. `message` is one sentence for a person and never holds a password.
 */
import { errorCode } from './wire/errors.ts'

export interface ErrorFacts extends ErrorOptions {
  /** ZooKeeper's name (`NONODE`, `CONNECTIONLOSS`, …), or one of ours in the same style. */
  code: string
  /** The server's number, where it gave one. */
  errno?: number
  /** The same request may succeed later. */
  retriable?: boolean
  /** The request may or may not have been carried out. */
  outcomeUnknown?: boolean
}

export class ZooKeeperError extends Error {
  override name = 'ZooKeeperError'
  readonly code: string
  readonly errno: number | null
  readonly retriable: boolean
  readonly outcomeUnknown: boolean

  constructor(message: string, facts: ErrorFacts) {
    super(message, facts)
    this.code = facts.code
    this.errno = facts.errno ?? null
    this.retriable = facts.retriable ?? false
    this.outcomeUnknown = facts.outcomeUnknown ?? false
  }
}

/** The server answered one request with an error. The session goes on. */
export class ServerError extends ZooKeeperError {
  override name = 'ServerError'
  /** The znode that was asked for, where the request names one. */
  readonly path: string | null

  constructor(operation: string, path: string | null, errno: number) {
    const { name, meaning, retriable = false } = errorCode(errno)
    super(`${operation}${path === null ? '' : ` ${path}`}: ${meaning} (${name})`, {
      code: name,
      errno,
      retriable,
    })
    this.path = path
  }
}

/** The server does not know the operation (or has it disabled). On an unknown one it also closes the connection. */
export class UnimplementedError extends ServerError {
  override name = 'UnimplementedError'
}

export interface MultiErrorItem {
  /** 0 (`OK`) before the culprit, its own code at it, −2 after it. */
  errno: number
  code: string
}

/** A multi was refused; nothing of it was carried out. `code` and `errno` are the culprit's. */
export class MultiError extends ServerError {
  override name = 'MultiError'
  /** Which operation was refused. */
  readonly index: number
  readonly results: readonly MultiErrorItem[]
  /** The zxid of the reply: the state in which it was refused. */
  readonly zxid: bigint

  constructor(
    index: number,
    operation: string,
    path: string | null,
    errnos: readonly number[],
    zxid: bigint,
  ) {
    super(`operation ${index + 1} of a multi of ${errnos.length}, ${operation}`, path, errnos[index] ?? 0)
    this.index = index
    this.results = errnos.map((errno) => ({ errno, code: errno === 0 ? 'OK' : errorCode(errno).name }))
    this.zxid = zxid
  }
}

/** The connection ended with this request in flight. It may or may not have been carried out; it is never repeated. */
export class ConnectionLossError extends ZooKeeperError {
  override name = 'ConnectionLossError'
  readonly server: string
  readonly why: string

  constructor(server: string, why: string, options?: ErrorOptions) {
    super(`the connection to ${server} was lost (${why}): whether the request was carried out is not known`, {
      code: 'CONNECTIONLOSS',
      errno: -4,
      retriable: true,
      outcomeUnknown: true,
      ...options,
    })
    this.server = server
    this.why = why
  }
}

/** The ensemble has ended the session: its ephemeral znodes and watches are gone. The client is dead. */
export class SessionExpiredError extends ZooKeeperError {
  override name = 'SessionExpiredError'

  constructor(sessionId: bigint, server: string) {
    super(`session 0x${BigInt.asUintN(64, sessionId).toString(16)} has expired, says ${server}`, {
      code: 'SESSIONEXPIRED',
      errno: -112,
      outcomeUnknown: true,
    })
  }
}

/** The server's `sessionRequireClientSASLAuth`, or its `enforce.auth.enabled`, has not seen what it wants. */
const DEMANDED = 'demands an authentication that was not given (SASL, or what its enforce.auth.schemes names)'

/** Of ZooKeeper itself. Any other word in a scheme's place may be a part of a password, and is not repeated. */
const SCHEMES: ReadonlySet<string> = new Set(['auth', 'digest', 'ip', 'sasl', 'super', 'world', 'x509'])

/** The server does not accept an identity, or demands one. The client is dead. */
export class AuthFailedError extends ZooKeeperError {
  override name = 'AuthFailedError'
  readonly scheme: string | null
  readonly user: string | null

  /** `what`, where more is known, completes a sentence that begins with the server. */
  constructor(server: string, scheme: string | null, user: string | null, errno: number, what?: string) {
    const whom = user === null ? '' : ` of user ${user}`
    const refused = SCHEMES.has(scheme ?? '')
      ? `does not accept the ${scheme} authentication${whom}`
      : "does not accept an identity whose scheme is not one of ZooKeeper's own, such as digest, ip, sasl or x509 (it is not shown: it may be a part of a password)"
    super(`${server} ${what ?? (scheme === null ? DEMANDED : refused)}`, {
      code: errorCode(errno).name,
      errno,
    })
    this.scheme = scheme
    this.user = user
  }
}

/** What a server sent cannot be right, so the connection was dropped; the session may go on elsewhere. */
export class ProtocolError extends ConnectionLossError {
  override name = 'ProtocolError'

  constructor(server: string, what: string, options?: ErrorOptions) {
    super(server, `it sent what is no valid ZooKeeper reply: ${what}`, options)
  }
}

/** Something other than ZooKeeper answers on a port. */
export class NotZooKeeperError extends ZooKeeperError {
  override name = 'NotZooKeeperError'
  readonly server: string

  constructor(server: string, what: string) {
    super(`${server} is no ZooKeeper client port: ${what}`, { code: 'NOTZOOKEEPER' })
    this.server = server
  }
}

export type TlsReason =
  | 'untrusted'
  | 'expired'
  | 'not-yet-valid'
  | 'other-name'
  | 'certificate-wanted'
  | 'certificate-refused'
  | 'plain'
  | 'handshake'

/** A server and we do not come together over TLS, and that does not pass by itself. */
export class TlsError extends ZooKeeperError {
  override name = 'TlsError'
  readonly server: string
  readonly reason: TlsReason
  /** Completes a sentence that begins with the server. */
  readonly what: string

  constructor(server: string, reason: TlsReason, what: string) {
    super(`${server} ${what}`, { code: 'TLS' })
    this.server = server
    this.reason = reason
    this.what = what
  }
}

/** No server served us for as long as we were to wait. */
export class UnreachableError extends ZooKeeperError {
  override name = 'UnreachableError'

  constructor(reason: string, seconds: number) {
    super(`no server could be reached within ${seconds} s: ${reason}`, { code: 'UNREACHABLE' })
  }
}

/** `close()` was called. */
export class ClientClosedError extends ZooKeeperError {
  override name = 'ClientClosedError'

  constructor() {
    super('the client was closed', { code: 'CLOSED' })
  }
}

/** A connect string that cannot be meant. */
export class ConnectStringError extends ZooKeeperError {
  override name = 'ConnectStringError'

  constructor(message: string) {
    super(message, { code: 'BADCONNECTSTRING' })
  }
}

/** A path that no znode can have. */
export class PathError extends ZooKeeperError {
  override name = 'PathError'

  constructor(message: string) {
    super(message, { code: 'BADPATH' })
  }
}

/** A request could not be put into bytes; it was not sent. */
export class RequestError extends ZooKeeperError {
  override name = 'RequestError'

  constructor(operation: string, options: ErrorOptions) {
    super(`a ${operation} request could not be encoded: ${String(options.cause)}`, {
      code: 'BADREQUEST',
      ...options,
    })
  }
}
