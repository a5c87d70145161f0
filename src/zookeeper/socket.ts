/** The one place where a socket to a server is made. */
import { connect, type Socket } from 'node:net'
import { ConnectStringError } from './errors.ts'

/** One address of one host of the connect string. */
export interface Endpoint {
  address: string
  port: number
  /** `host:port`, as the connect string has it. */
  server: string
  /** For messages: the address, too, where the host is a name. */
  label: string
}

export function connectSocket(endpoint: Endpoint): Socket {
  return connect({ host: endpoint.address, port: endpoint.port, noDelay: true })
}

/** @throws ConnectStringError for what `connectSocket` cannot do */
export function checkTransport(tls: boolean): void {
  if (tls)
    throw new ConnectStringError('zks:// asks for TLS, which is not built yet; write zk:// for a plain port')
}
