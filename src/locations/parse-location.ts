/** A location as the user writes it: `host:port,host:port/path`, with `zk://` or, over TLS, `zks://` before it, or a file. */
import { resolve } from 'node:path'
import { UsageProblem } from '../tree/errors.ts'
import { type ConnectString, formatHost, parseConnectString } from '../zookeeper/connect-string.ts'
import { existingPathFlaw } from '../zookeeper/path.ts'

export type ParsedLocation = ParsedEnsemble | ParsedFile

/** `path` is absolute: `/` or `/a/b`. */
export interface ParsedEnsemble extends ConnectString {
  kind: 'ensemble'
  /** Every host with its port, and the path, after `zks://` where it is TLS: for display, and to compare with others. */
  text: string
}

/** A tree in a file or a folder; `path` is where in it, `/` unless given after `#`. */
export interface ParsedFile {
  kind: 'archive' | 'datadir' | 'snapshot' | 'export'
  /** Absolute, so that a journal finds it from anywhere; `-` for an export on stdin. */
  file: string
  path: string
  text: string
}

/** How messages call the argument. */
export type LocationRole = 'source' | 'target' | 'location'

const FILE = /^(archive|datadir|snapshot|export):(.*?)(?:#(\/.*|))?$/s

/** @throws UsageProblem with a sentence that names the value. */
export function parseLocation(text: string, role: LocationRole): ParsedLocation {
  const file = FILE.exec(text)
  return file === null ? parseEnsemble(text, role) : parseFile(text, file, role)
}

/**
 * A target that is written: a file's path has to be said, where a forgotten one would silently make a tree `/`.
 * `sourcePath` is what it was most likely meant to be. @throws UsageProblem
 */
export function parseTarget(text: string, sourcePath: string): ParsedLocation {
  const location = parseLocation(text, 'target')
  const isWritten = location.kind === 'archive' || location.kind === 'snapshot'
  if (!isWritten || FILE.exec(text)?.[3]) return location
  const bare = text.replace(/#$/, '')
  const other = sourcePath === '/' ? `${bare}#/path` : `${bare}#${sourcePath} for the same path`
  throw wrong('target', text, `names no path: write ${other}, or ${bare}#/ for the root`)
}

function parseFile(text: string, match: RegExpExecArray, role: LocationRole): ParsedFile {
  const [kind, file, path] = [match[1] as ParsedFile['kind'], match[2] as string, match[3] || '/']
  if (file === '') throw wrong(role, text, `names no file: write ${kind}:FILE#/path`)
  const flaw = existingPathFlaw(path)
  if (flaw !== null) throw wrong(role, text, `has a path behind its # that ${flaw}`)
  const absolute = kind === 'export' && file === '-' ? file : resolve(file)
  return { kind, file: absolute, path, text: `${kind}:${absolute}#${path}` }
}

/** @throws UsageProblem with a sentence that names the value. */
export function parseEnsemble(text: string, role: LocationRole): ParsedEnsemble {
  const scheme = /^zks?:\/\//.exec(text)?.[0] ?? ''
  const bare = text.slice(scheme.length)
  if (bare.split('/', 1)[0]?.includes('@')) {
    // The value may hold a password, so it is not repeated.
    throw new UsageProblem(
      `The ${role} holds an "@": credentials do not belong into a location, but into the environment or a file (see --help).`,
    )
  }
  if (/^(?:\/|\.{1,2}(?:\/|$))/.test(text))
    throw wrong(
      role,
      text,
      `names no host: write host:port/path, or for a folder datadir:${text} (to read) or snapshot:${text} (to write), for a file archive:${text}`,
    )
  if (bare.startsWith('/') || bare === '') throw wrong(role, text, 'names no host: write host:port/path')
  if (!bare.includes('/')) {
    throw wrong(role, text, `names no path: write ${text}/path, or ${text}/ for the whole tree`)
  }
  const { hosts, path, tls } = parse(text, role)
  return {
    kind: 'ensemble',
    hosts,
    path,
    tls,
    text: `${tls ? 'zks://' : ''}${hosts.map(formatHost).join(',')}${path}`,
  }
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
