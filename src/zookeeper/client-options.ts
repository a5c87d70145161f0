/** What a client can be told, and what it assumes. */
import { type AuthInfo, isSasl } from './auth.ts'
import { type ConnectString, parseConnectString } from './connect-string.ts'
import { HostCycle, type Lookup } from './endpoints.ts'
import type { SessionIdentity, SessionOptions } from './session.ts'
import { transportOf } from './tls.ts'
import type { WaitingReport } from './waiting.ts'

export interface ClientOptions {
  /** `host:port,host:port`; a path at its end is no chroot and is ignored. */
  connect: ConnectString | string
  /** To ask for; the server may give more or less. @default 30000 */
  sessionTimeoutMs?: number
  /** How long to look for a server before giving up, at first and after each loss. @default 15 minutes */
  retryForMs?: number
  /** Sent on every connection, before anything else, and SASL before the others. Only the first of SASL counts. */
  auth?: readonly AuthInfo[]
  /** A server that has not seen this zxid yet is passed over. @default 0n */
  lastZxidSeen?: bigint
  /** A longer reply ends the connection. @default 256 MiB */
  maxFrameBytes?: number
  /** Requests in flight on the session. @default 1000, a server's own limit */
  maxInFlight?: number
  /** Bytes of requests in flight. @default 4 MiB */
  maxInFlightBytes?: number
  /** Accept a server without a quorum, for reads. @default false */
  canBeReadOnly?: boolean
  /** Called when a first round over all servers has failed, or after a second, and every 5 s from then on. */
  onWaiting?: (report: WaitingReport) => void
  /** Ends the search for a first server; `connect` then rejects with `ClientClosedError`. */
  signal?: AbortSignal
  /** Take over a session that another client has begun. */
  resume?: SessionIdentity
  /** Servers to be used only where no other serves us, by `findLeaders`. @default none */
  avoid?: ReadonlySet<string>
  /** For the order of hosts, and for the length of pauses. @default Math.random */
  random?: () => number
  /** @default the system's resolver */
  lookup?: Lookup
}

const MIB = 1024 * 1024

/** @throws ConnectStringError */
export function sessionOptions(
  options: ClientOptions,
  listeners: Pick<SessionOptions, 'onState' | 'onWatchEvent'>,
): SessionOptions {
  const { connect, random = Math.random } = options
  const place = typeof connect === 'string' ? parseConnectString(connect) : connect
  return {
    hosts: new HostCycle(place.hosts, random, options.lookup, options.avoid, transportOf(place)),
    sessionTimeoutMs: options.sessionTimeoutMs ?? 30_000,
    retryForMs: options.retryForMs ?? 15 * 60_000,
    sasl: options.auth?.find(isSasl) ?? null,
    auth: options.auth?.filter((info) => !isSasl(info)) ?? [],
    lastZxidSeen: options.lastZxidSeen ?? 0n,
    maxFrameBytes: options.maxFrameBytes ?? 256 * MIB,
    maxInFlight: options.maxInFlight ?? 1000,
    maxInFlightBytes: options.maxInFlightBytes ?? 4 * MIB,
    canBeReadOnly: options.canBeReadOnly ?? false,
    random,
    onWaiting: options.onWaiting ?? (() => {}),
    ...listeners,
  }
}
