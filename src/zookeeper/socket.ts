/** The one place where a socket to a server is made. */
import { connect, isIP, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import type { TlsTransport } from './tls.ts'

/** One address of one host of the connect string. */
export interface Endpoint {
  address: string
  port: number
  /** As the connect string has it: what a certificate must be for. */
  host: string
  /** `host:port`, as the connect string has it. */
  server: string
  /** For messages: the address, too, where the host is a name. */
  label: string
  /** `null` where nothing is encrypted. */
  tls: TlsTransport | null
}

/** Over TLS it emits `secureConnect` once the server has proved who it is, and an error when it has not. */
export function connectSocket(endpoint: Endpoint): Socket {
  const { address, port, host, tls } = endpoint
  if (tls === null) return connect({ host: address, port, noDelay: true })
  const name = tls.nameOf(host).replace(/\.$/, '')
  const socket = connectTls({
    host: address,
    port,
    secureContext: tls.context,
    // The name for the greeting must not be an address.
    servername: isIP(name) === 0 ? name : '',
    rejectUnauthorized: !tls.insecure,
    checkServerIdentity: (_, certificate) => tls.check(host, certificate),
  })
  return socket.setNoDelay(true)
}

/** The event with which a socket of `connectSocket` can be written to. */
export function readyEvent({ tls }: Endpoint): 'connect' | 'secureConnect' {
  return tls === null ? 'connect' : 'secureConnect'
}
