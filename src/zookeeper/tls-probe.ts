/** Listens to how a port takes a TLS handshake, and sends nothing over it. */
import { connect } from 'node:tls'
import type { TlsError } from './errors.ts'
import { connectSocket, type Endpoint } from './socket.ts'
import { tlsFailure } from './tls-failure.ts'

const TIMEOUT_MS = 2000
/** In TLS 1.3 a server looks at our certificate when we are done with its own. */
const SECOND_THOUGHTS_MS = 1000

/** Whether a plain port speaks TLS: a ZooKeeper port for `zks://`, or something else altogether. */
export function speaksTls(endpoint: Endpoint, signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    // Nothing is sent over it, so it does not matter whose certificate it is.
    const socket = connect({ host: endpoint.address, port: endpoint.port, rejectUnauthorized: false })
    const finish = (answer: boolean): void => {
      clearTimeout(timer)
      signal.removeEventListener('abort', giveUp)
      socket.destroy()
      resolve(answer)
    }
    const giveUp = (): void => finish(false)
    const timer = setTimeout(giveUp, TIMEOUT_MS)
    socket.on('secureConnect', () => finish(true))
    // An alert is TLS, too: the server wants a certificate of ours, or another cipher.
    socket.on('error', (error: NodeJS.ErrnoException) => finish(/^ERR_SSL_.*ALERT/.test(error.code ?? '')))
    socket.on('close', giveUp)
    signal.addEventListener('abort', giveUp)
    if (signal.aborted) giveUp()
  })
}

/**
 * What a port of ours has against us: `null` when it has shaken hands, `undefined` when it cannot be told. A server that
 * closes while we are sending takes its alert with it, so this only listens.
 */
export function listenForAlert(
  endpoint: Endpoint,
  signal: AbortSignal,
): Promise<TlsError | null | undefined> {
  return new Promise((resolve) => {
    const socket = connectSocket(endpoint)
    let answer: null | undefined
    const finish = (error?: TlsError | null): void => {
      clearTimeout(timer)
      signal.removeEventListener('abort', giveUp)
      socket.destroy()
      resolve(error ?? answer)
    }
    const giveUp = (): void => finish()
    let timer = setTimeout(giveUp, TIMEOUT_MS)
    socket.on('secureConnect', () => {
      answer = null
      clearTimeout(timer)
      timer = setTimeout(giveUp, SECOND_THOUGHTS_MS)
    })
    socket.on('error', (error: NodeJS.ErrnoException) => finish(tlsFailure(endpoint, error)))
    socket.on('close', giveUp)
    signal.addEventListener('abort', giveUp)
    if (signal.aborted) giveUp()
  })
}
