/** What depends on one side alone: found out on each version, and asserted to be what versions.ts says. */
import { expect } from 'vitest'
import { STRANGER } from '../../fixtures/edge-nodes.ts'
import { contents, readTree } from '../helpers/read-tree.ts'
import { freshJournal, zkferry } from '../helpers/zkferry.ts'
import { type Server, startServer } from '../servers/index.ts'
import { placeOn, type Sources } from './sources.ts'
import { makesTtl, masksAcls, readsBatches } from './versions.ts'

const WAIT = ['--retry-for', '30s']

export const VERSION_COLUMNS = [
  'Version',
  'as a source, how it is read',
  'as a source, digest ACLs for a tool without ADMIN on the znode',
  'as a target with `zookeeper.extendedTypesEnabled` off, `--ttl`',
]

export async function rowOf(server: Server, sources: Sources, target: Server): Promise<string[]> {
  const { client } = await placeOn(server, '/')
  expect(await client.supportsMultiRead()).toBe(readsBatches(server.version))
  return [
    `**${server.version}**`,
    readsBatches(server.version) ? 'in batches (multiRead)' : 'one request a znode, pipelined',
    await maskedAcl(server, sources, target),
    await ttlSwitchedOff(server.version, sources),
  ]
}

/** The tool is nobody: what the server does not show it must be named, and never written as it is shown. */
async function maskedAcl({ version }: Server, { masked }: Sources, target: Server): Promise<string> {
  const to = await placeOn(target, `/masked-from-${version}`)
  const args = ['copy', ...WAIT, '--journal', freshJournal(), masked.place.location, to.location]
  const copy = await zkferry(args)
  const there = contents(await readTree(to))
  if (!masksAcls(version)) {
    expect(copy.code, copy.stderr).toBe(0)
    expect(there).toEqual(masked.contents)
    return 'shown whole: copied'
  }
  expect(copy.code, copy.stderr).toBe(3)
  expect(copy.of('failed').map(({ path, code }) => `${path}: ${code}`)).toContain('a: MASKED')
  expect(there).toEqual(masked.contents.filter(([path]) => path !== 'a'))
  expect(JSON.stringify(there)).not.toContain(STRANGER)
  const verify = await zkferry(['verify', ...WAIT, '--rounds', '0', masked.place.location, to.location])
  expect([1, 3]).toContain(verify.code)
  return 'masked: reported, exit 3'
}

async function ttlSwitchedOff(version: string, { limits }: Sources): Promise<string> {
  if (!makesTtl(version)) return 'has no TTL: reported, exit 3'
  const server = await startServer({ version, jvm: ['-Dzookeeper.extendedTypesEnabled=false'] })
  try {
    const to = await placeOn(server, '/switched-off')
    const flags = ['--include', 'sessions/**', '--ttl', 'sessions/*=1h', '--journal', freshJournal()]
    const copy = await zkferry(['copy', ...WAIT, ...flags, limits.place.location, to.location])
    expect(copy.code, copy.stderr).toBe(3)
    expect(copy.skipped()).toEqual(['sessions/one: ttl-unsupported'])
    const said = copy.of('note').map(({ message }) => message)
    expect(said.join('\n')).toContain('zookeeper.extendedTypesEnabled is off')
    expect([...(await readTree(to)).keys()].sort()).toEqual(['', 'sessions'])
    return 'reported, exit 3'
  } finally {
    await server.stop()
  }
}
