/** Opens a socket, presents a session, and hands over the socket once the server has taken it. */
import type { Socket } from 'node:net'
import { AttachFailure, describeSocketError } from './attach-failure.ts'
import { NotZooKeeperError } from './errors.ts'
import { readGreeting } from './greeting.ts'
import { type ConnectRequest, type ConnectResponse, connectFrame } from './operations/connect.ts'
import { connectSocket, type Endpoint } from './socket.ts'

export interface Handshake {
  socket: Socket
  response: ConnectResponse
  /** Bytes that came after the response. */
  rest: Buffer
}

/**
 * @throws AttachFailure for a server that refuses, closes or stays silent
 * @throws NotZooKeeperError for one that speaks something else
 */
export function shakeHands(
  endpoint: Endpoint,
  hello: ConnectRequest,
  signal: AbortSignal,
): Promise<Handshake> {
  return new Promise((resolve, reject) => {
    const socket = connectSocket(endpoint)
    let bytes = Buffer.alloc(0)

    const finish = (error: Error | null, done?: Handshake): void => {
      socket.off('connect', onConnect).off('data', onData).off('error', onError).off('close', onClose)
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

    const onConnect = (): void => void socket.write(connectFrame(hello))
    const onError = (error: NodeJS.ErrnoException): void => {
      const reset = error.code === 'ECONNRESET' || error.code === 'EPIPE'
      finish(reset ? closedSilently() : new AttachFailure(describeSocketError(error)))
    }
    const onClose = (): void => finish(closedSilently())

    socket.on('connect', onConnect).on('data', onData).on('error', onError).on('close', onClose)
    signal.addEventListener('abort', onAbort)
    if (signal.aborted) onAbort()
  })
}

function closedSilently(): AttachFailure {
  return new AttachFailure('closes connections without an answer', true)
}
