/** `--acl-map FILE`: lines of `scheme:id => scheme:id`. */
import { readFile } from 'node:fs/promises'
import type { Command } from 'commander'
import { AclMap, type AclMapping } from '../tree/acl-map.ts'
import { UsageProblem } from '../tree/errors.ts'

export interface AclMapFlags {
  aclMap?: string
}

export function addAclMapOption(command: Command): Command {
  return command.option(
    '--acl-map <file>',
    'identities that are others on the target: lines of "scheme:id => scheme:id", # begins a comment line',
  )
}

/** @throws UsageProblem for a file that cannot be read, and for a line that is no mapping. */
export async function readAclMap({ aclMap: file }: AclMapFlags): Promise<AclMap | null> {
  return file === undefined ? null : parseAclMap(await read(file), `--acl-map ${file}`)
}

export function parseAclMap(text: string, origin: string): AclMap {
  const mappings = new Map<string, string>()
  for (const [at, raw] of text.split(/\r?\n/).entries()) {
    const line = raw.trim()
    if (line === '' || line.startsWith('#')) continue
    const wrong = (complaint: string) => new UsageProblem(`${origin}, line ${at + 1}: ${complaint}.`)
    const [from, to] = parseLine(line, wrong)
    if (mappings.has(from) && mappings.get(from) !== to) throw wrong(`${from} is mapped twice`)
    mappings.set(from, to)
  }
  if (mappings.size > 0) return new AclMap([...mappings])
  throw new UsageProblem(`${origin} maps nothing: expected lines of "scheme:id => scheme:id".`)
}

function parseLine(line: string, wrong: (complaint: string) => UsageProblem): AclMapping {
  // Ids may hold colons, equal signs and spaces (CN=a, O=b), but hardly an arrow between spaces.
  const sides = line.split(/\s+=>\s+/)
  const [from = '', to = ''] = sides
  if (sides.length !== 2 || !isIdentity(from) || !isIdentity(to))
    throw wrong('expected "scheme:id => scheme:id", such as sasl:kafka => digest:kafka:AbC=')
  if (/^digest:.+:x$/.test(from))
    throw wrong(`${from} is how servers mask a digest, not one; give the tool an identity that sees it whole`)
  if (/^auth:/.test(to)) throw wrong(`${to} is no identity that an ACL can hold; name the one that is meant`)
  return [from, to]
}

/** The id may be empty: some schemes have none. */
function isIdentity(text: string): boolean {
  return /^[^\s:]+:/.test(text)
}

async function read(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    const reason = code === 'ENOENT' ? 'does not exist' : `cannot be read (${code})`
    throw new UsageProblem(`--acl-map ${file} ${reason}.`, { cause: error })
  }
}
