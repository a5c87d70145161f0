/** The hosts of a connect string, in an order of our own, each resolved anew whenever its turn comes. */
import { lookup as dnsLookup } from 'node:dns/promises'
import { isIP } from 'node:net'
import { AttachFailure } from './attach-failure.ts'
import { formatHost, type Host } from './connect-string.ts'
import { endpointKey } from './leader.ts'
import type { Endpoint } from './socket.ts'
import type { TlsTransport } from './tls.ts'

/** All addresses of a name. Rejects when there is none. */
export type Lookup = (hostname: string) => Promise<readonly { address: string }[]>

const systemLookup: Lookup = (hostname) => dnsLookup(hostname, { all: true })

export class HostCycle {
  readonly #hosts: readonly Host[]
  readonly #random: () => number
  readonly #lookup: Lookup
  readonly #avoid: ReadonlySet<string>
  readonly #tls: TlsTransport | null
  #next = 0

  /** `avoid`: endpoints that come last, whichever was the last one that served us. */
  constructor(
    hosts: readonly Host[],
    random: () => number,
    lookup: Lookup = systemLookup,
    avoid: ReadonlySet<string> = new Set(),
    tls: TlsTransport | null = null,
  ) {
    this.#hosts = shuffled(hosts, random)
    this.#random = random
    this.#lookup = lookup
    this.#avoid = avoid
    this.#tls = tls
    if (avoid.size > 0)
      this.#hosts = this.#avoidedLast(this.#hosts, (host) => ({ address: host.host, port: host.port }))
  }

  /** How many hosts make a full cycle. */
  get size(): number {
    return this.#hosts.length
  }

  next(): Host {
    const host = this.#hosts[this.#next % this.#hosts.length]
    if (host === undefined) throw new RangeError('a cycle of no hosts')
    this.#next = (this.#next + 1) % this.#hosts.length
    return host
  }

  /** @throws AttachFailure when the name has no address, or the resolver is silent */
  async resolve(host: Host, signal: AbortSignal): Promise<Endpoint[]> {
    const server = formatHost(host)
    const place = { port: host.port, host: host.host, server, tls: this.#tls }
    if (isIP(host.host)) return [{ ...place, address: host.host, label: server }]
    const addresses = await this.#addresses(host.host, signal)
    const endpoints = shuffled(addresses, this.#random).map(({ address }) => {
      return { ...place, address, label: `${server} (${address})` }
    })
    return this.#avoidedLast(endpoints, (endpoint) => endpoint)
  }

  /** A search begins: those that are not avoided have their turn first, also after one of them was lost. */
  begin(): void {
    if (this.#avoid.size > 0) this.#next = 0
  }

  #avoidedLast<T>(items: readonly T[], endpointOf: (item: T) => { address: string; port: number }): T[] {
    const last = (item: T) => this.#avoid.has(endpointKey(endpointOf(item)))
    return [...items.filter((item) => !last(item)), ...items.filter(last)]
  }

  #addresses(hostname: string, signal: AbortSignal): Promise<readonly { address: string }[]> {
    return new Promise((resolve, reject) => {
      const onAbort = (): void =>
        reject(new AttachFailure('has a name that the resolver does not answer for'))
      signal.addEventListener('abort', onAbort, { once: true })
      if (signal.aborted) onAbort()
      this.#lookup(hostname)
        .then((addresses) => {
          if (addresses.length > 0) resolve(addresses)
          else reject(new AttachFailure('has a name without an address'))
        })
        .catch((error: NodeJS.ErrnoException) => {
          reject(new AttachFailure(`has a name that does not resolve (${error.code ?? error.message})`))
        })
        .finally(() => signal.removeEventListener('abort', onAbort))
    })
  }
}

function shuffled<T>(items: readonly T[], random: () => number): T[] {
  const result = [...items]
  for (let i = result.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1))
    const [a, b] = [result[i] as T, result[j] as T]
    result[i] = b
    result[j] = a
  }
  return result
}
