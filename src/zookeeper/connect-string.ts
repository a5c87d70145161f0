/**
 * Where an ensemble is, as people write it:
 *
 *   [zk:// | zks://] host[:port] {, host[:port]} [/path]
 *
 * The port is 2181 when it is left out; an IPv6 address stands in brackets. One path may follow the last host.
 */
import { isIPv6 } from 'node:net'
import { ConnectStringError } from './errors.ts'
import { pathFlaw } from './path.ts'
import type { TlsTransport } from './tls.ts'

export interface Host {
  /** A name or an address; IPv6 without its brackets. */
  host: string
  port: number
}

export interface ConnectString {
  hosts: Host[]
  /** `/` when none was given. The client ignores it: it is not a chroot. */
  path: string
  tls: boolean
  /** How TLS is spoken there. @default as Node.js does, without a certificate of ours */
  transport?: TlsTransport
}

export const DEFAULT_PORT = 2181

/** @throws ConnectStringError, one sentence that names the value */
export function parseConnectString(text: string): ConnectString {
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(text)
  if (scheme && scheme[1] !== 'zk' && scheme[1] !== 'zks') {
    throw wrong(text, `begins with ${scheme[0]}; zk:// and zks:// are known`)
  }
  const bare = scheme ? text.slice(scheme[0].length) : text
  // An "@" means that someone wrote credentials: they must not get into a message.
  if (hostsPart(bare).includes('@')) {
    throw new ConnectStringError('a connect string holds an "@": credentials do not belong there')
  }
  const hostList = hostsPart(bare)
  if (hostList === '') throw wrong(text, 'names no host; host:port is expected')
  const path = bare.slice(hostList.length) || '/'
  if (/,[\w.[\]:-]+:\d+(?:[/,]|$)/.test(path))
    throw wrong(text, 'has a path before its last host; one path may follow all hosts')
  const flaw = pathFlaw(path)
  if (flaw !== null) throw wrong(text, `has a path that ${flaw}`)
  const hosts = hostList.split(',').map((part) => parseHost(part, text))
  return { hosts, path, tls: scheme?.[1] === 'zks' }
}

/** `host:port`, with brackets where the host is an IPv6 address. */
export function formatHost({ host, port }: Host): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

function hostsPart(bare: string): string {
  const slash = bare.indexOf('/')
  return slash < 0 ? bare : bare.slice(0, slash)
}

function parseHost(part: string, text: string): Host {
  if (part === '') throw wrong(text, 'has an empty host')
  if (/\s/.test(part)) throw wrong(text, `has white space in the host ${JSON.stringify(part)}`)
  if (part.startsWith('[')) return parseBracketed(part, text)
  if (/[[\]]/.test(part)) throw wrong(text, `has an unbalanced bracket in the host "${part}"`)
  const [host = '', port, ...rest] = part.split(':')
  if (rest.length > 0) throw wrong(text, `has too many colons in "${part}"; an IPv6 address goes in brackets`)
  if (host === '') throw wrong(text, `has no host before the port in "${part}"`)
  if (!/^[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?\.?$/.test(host) || host.includes('..')) {
    throw wrong(text, `has "${host}" as a host, which is neither a name nor an address`)
  }
  return { host, port: parsePort(port, part, text) }
}

function parseBracketed(part: string, text: string): Host {
  const match = /^\[([^[\]]*)\](?::(.*))?$/.exec(part)
  if (match === null) throw wrong(text, `has an unbalanced bracket in the host "${part}"`)
  const [, host = '', port] = match
  if (!isIPv6(host)) throw wrong(text, `has "${host}" in brackets, which is no IPv6 address`)
  return { host, port: parsePort(port, part, text) }
}

function parsePort(port: string | undefined, part: string, text: string): number {
  if (port === undefined) return DEFAULT_PORT
  const value = Number(port)
  if (!/^\d+$/.test(port)) throw wrong(text, `has "${port}" as the port in "${part}"; a number is expected`)
  if (value < 1 || value > 65535)
    throw wrong(text, `has the port ${port} in "${part}"; it must be from 1 to 65535`)
  return value
}

function wrong(text: string, complaint: string): ConnectStringError {
  return new ConnectStringError(`the connect string ${JSON.stringify(text)} ${complaint}`)
}
