/** One attempt at one address: handshake, SASL, identities, watches. */
import type { Socket } from 'node:net'
import { AttachFailure } from './attach-failure.ts'
import type { AuthInfo } from './auth.ts'
import type { Connection } from './connection.ts'
import { ConnectionLossError, SessionExpiredError } from './errors.ts'
import { type Handshake, shakeHands } from './handshake.ts'
import type { ConnectRequest, ConnectResponse } from './operations/connect.ts'
import type { SaslLogin } from './sasl/login.ts'
import type { Endpoint } from './socket.ts'
import { explainClose } from './srvr.ts'

export interface Introduction {
  /** The session that we say we have; id 0 for a new one. */
  claim: ConnectRequest
  connect(socket: Socket, response: ConnectResponse): Connection
  /** The server has taken the session. Should it let go again, the session goes on elsewhere. */
  onAccepted(response: ConnectResponse): void
  /** `null` where none is to be proved. */
  sasl: SaslLogin | null
  auths: readonly AuthInfo[]
  watchFrames(): Buffer[]
}

/**
 * @throws AttachFailure for what may pass
 * @throws NotZooKeeperError, SessionExpiredError, AuthFailedError
 */
export async function attachTo(
  endpoint: Endpoint,
  signal: AbortSignal,
  introduction: Introduction,
): Promise<Connection> {
  const { socket, response, rest } = await shakeHandsOrExplain(endpoint, introduction.claim, signal)
  const connection = introduction.connect(socket, response)
  const lose = (why: string): void => connection.end(new ConnectionLossError(endpoint.label, why))
  const onAbort = (): void => lose('it does not answer')
  signal.addEventListener('abort', onAbort)
  try {
    checkResponse(introduction.claim, response, endpoint)
    introduction.onAccepted(response)
    if (rest.length > 0) connection.receive(rest)
    socket.resume()
    // Servers may demand it before they look at anything else.
    await introduction.sasl?.prove(connection)
    // They go out together; the server handles them in this order.
    await Promise.all([
      ...introduction.auths.map((info) => connection.authenticate(info)),
      ...introduction.watchFrames().map((frame) => connection.restoreWatches(frame)),
    ])
    if (connection.ended) throw connection.ended
    return connection
  } catch (error) {
    lose('it does not take the session')
    if (error instanceof ConnectionLossError) throw new AttachFailure(`lets go again (${error.why})`)
    throw error
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

async function shakeHandsOrExplain(
  endpoint: Endpoint,
  claim: ConnectRequest,
  signal: AbortSignal,
): Promise<Handshake> {
  try {
    return await shakeHands(endpoint, claim, signal)
  } catch (error) {
    if (!(error instanceof AttachFailure) || !error.closed) throw error
    throw await explainClose(endpoint, claim.lastZxidSeen, signal)
  }
}

/** Some servers answer an unknown id with a new session instead of "expired". */
function checkResponse(claim: ConnectRequest, response: ConnectResponse, endpoint: Endpoint): void {
  const { sessionId, timeoutMs } = response
  if (claim.sessionId !== 0n && (timeoutMs <= 0 || sessionId !== claim.sessionId)) {
    throw new SessionExpiredError(claim.sessionId, endpoint.label)
  }
  if (timeoutMs <= 0) throw new AttachFailure('refuses a new session')
}
