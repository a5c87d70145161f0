/** Whether a port speaks TLS: a ZooKeeper port for `zks://`, or something else altogether. */
import { connect } from 'node:tls'
import type { Endpoint } from './socket.ts'

const TIMEOUT_MS = 2000

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
