/** Which servers of a connect string lead: each is asked with `srvr`, which every release allows by default. */
import { lookup } from 'node:dns/promises'
import { isIP } from 'node:net'
import type { Host } from './connect-string.ts'
import { formatHost } from './connect-string.ts'
import type { Endpoint } from './socket.ts'
import { askSrvr } from './srvr.ts'
import type { TlsTransport } from './tls.ts'

export interface Modes {
  /** The address and port of each leader, as `ClientOptions.avoid` takes them. */
  leaders: ReadonlySet<string>
  /** Servers that told their mode, leaders included. */
  known: number
}

/** Servers that do not answer within two seconds have no mode. Never rejects. */
export async function findLeaders(hosts: readonly Host[], tls: TlsTransport | null = null): Promise<Modes> {
  const endpoints = (await Promise.all(hosts.map((host) => addressesOf(host, tls)))).flat()
  const { signal } = new AbortController()
  const leaders = new Set<string>()
  let known = 0
  await Promise.all(
    endpoints.map(async (endpoint) => {
      const mode = /^Mode: (\w+)/m.exec(await askSrvr(endpoint, signal))?.[1]
      if (mode !== undefined) known++
      if (mode === 'leader') leaders.add(endpointKey(endpoint))
    }),
  )
  return { leaders, known }
}

export function endpointKey({ address, port }: Pick<Endpoint, 'address' | 'port'>): string {
  return `${address} ${port}`
}

async function addressesOf(host: Host, tls: TlsTransport | null): Promise<Endpoint[]> {
  const server = formatHost(host)
  const place = { port: host.port, host: host.host, server, label: server, tls }
  const addresses =
    isIP(host.host) !== 0 ? [{ address: host.host }] : await lookup(host.host, { all: true }).catch(() => [])
  return addresses.map(({ address }) => ({ ...place, address }))
}
