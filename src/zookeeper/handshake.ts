/** Opens a socket, presents a session, and hands over the socket once the server has taken it. */
import type { Socket } from 'node:net'
import { AttachFailure, describeSocketError } from './attach-failure.ts'
import { NotZooKeeperError, type TlsError } from './errors.ts'
import { readGreeting } from './greeting.ts'
import { type ConnectRequest, type ConnectResponse, connectFrame } from './operations/connect.ts'
import { connectSocket, type Endpoint, readyEvent } from './socket.ts'
import { brokenHandshake, tlsFailure } from './tls-failure.ts'

export interface Handshake {
  socket: Socket
  response: ConnectResponse
  /** Bytes that came after the response. */
  rest: Buffer
}

/**
 * @throws AttachFailure for a server that refuses, closes or stays silent
 * @throws NotZooKeeperError for one that speaks something else
 * @throws TlsError where it and we do not trust each other
 */
export function shakeHands(
  endpoint: Endpoint,
  hello: ConnectRequest,
  signal: AbortSignal,
): Promise<Handshake> {
  return new Promise((resolve, reject) => {
    const socket = connectSocket(endpoint)
    const ready = readyEvent(endpoint)
    let bytes = Buffer.alloc(0)
    let greeted = false

    const finish = (error: Error | null, done?: Handshake): void => {
      socket.off(ready, onReady).off('data', onData).off('error', onError).off('close', onClose)
      signal.removeEventListener('abort', onAbort)
      if (done) return resolve(done)
      // A socket without an error listener would throw what still comes.
      socket.on('error', () => {})
      socket.destroy()
      reject(error)
    }
    const onAbort = (): void => finish(new AttachFailure('does not answer'))
    const onData = (chunk: Buffer): void => {
      bytes = Buffer.concat([bytes, chunk])
      const greeting = readGreeting(bytes)
      if (greeting.kind === 'partial') return
      if (greeting.kind === 'foreign') return finish(new NotZooKeeperError(endpoint.label, greeting.what))
      socket.pause()
      finish(null, { socket, response: greeting.response, rest: greeting.rest })
    }

    const onReady = (): void => {
      greeted = true
      socket.write(connectFrame(hello))
    }
    const onError = (error: NodeJS.ErrnoException): void => finish(failureOf(error, endpoint, greeted))
    const onClose = (): void => finish(closedSilently(endpoint, greeted))

    socket.on(ready, onReady).on('data', onData).on('error', onError).on('close', onClose)
    signal.addEventListener('abort', onAbort)
    if (signal.aborted) onAbort()
  })
}

function failureOf(
  error: NodeJS.ErrnoException,
  endpoint: Endpoint,
  greeted: boolean,
): TlsError | AttachFailure {
  if (error.code === 'ECONNRESET' || error.code === 'EPIPE') return closedSilently(endpoint, greeted)
  return tlsFailure(endpoint, error) ?? new AttachFailure(describeSocketError(error))
}

function closedSilently({ tls }: Endpoint, greeted: boolean): AttachFailure {
  if (tls !== null && !greeted) return brokenHandshake()
  return new AttachFailure('closes connections without an answer', true)
}
