/** A location as the user writes it: `host:port,host:port/path`, with `zk://` before it or not. */
import { UsageProblem } from '../tree/errors.ts'
import { type ConnectString, formatHost, parseConnectString } from '../zookeeper/connect-string.ts'

/** `path` is absolute: `/` or `/a/b`. */
export interface ParsedLocation extends ConnectString {
  kind: 'ensemble'
  /** Every host with its port, and the path: for display, and to compare with others. */
  text: string
}

/** How messages call the argument. */
export type LocationRole = 'source' | 'target' | 'location'

const LATER = [
  [/^archive:/, 'archives (archive:FILE#/path)'],
  [/^datadir:/, 'data directories (datadir:DIR#/path)'],
  [/^snapshot:/, 'snapshots to boot from (snapshot:DIR#/path)'],
  [/^zks:\/\//, 'TLS (zks://)'],
] as const

/** @throws UsageProblem with a sentence that names the value. */
export function parseLocation(text: string, role: LocationRole): ParsedLocation {
  const later = LATER.find(([scheme]) => scheme.test(text))
  if (later) throw wrong(role, text, `cannot be used yet: this version does not know ${later[1]}`)
  const bare = text.replace(/^zk:\/\//, '')
  if (bare.split('/', 1)[0]?.includes('@')) {
    // The value may hold a password, so it is not repeated.
    throw new UsageProblem(
      `The ${role} holds an "@": credentials do not belong into a location, but into the environment or a file (see --help).`,
    )
  }
  if (bare.startsWith('/') || bare === '') throw wrong(role, text, 'names no host: write host:port/path')
  if (!bare.includes('/')) {
    throw wrong(role, text, `names no path: write ${bare}/path, or ${bare}/ for the whole tree`)
  }
  const { hosts, path, tls } = parse(text, role)
  return { kind: 'ensemble', hosts, path, tls, text: hosts.map(formatHost).join(',') + path }
}

function parse(text: string, role: LocationRole): ReturnType<typeof parseConnectString> {
  try {
    return parseConnectString(text)
  } catch (error) {
    const complaint = (error as Error).message.replace(/^the connect string/, `The ${role}`)
    throw new UsageProblem(`${complaint}.`, { cause: error })
  }
}

function wrong(role: LocationRole, text: string, complaint: string): UsageProblem {
  return new UsageProblem(`The ${role} ${JSON.stringify(text)} ${complaint}.`)
}
