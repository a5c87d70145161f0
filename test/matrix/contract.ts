/** What every pair of versions must do: a few jobs, each through the command line, each looked at by a plain reader. */
import { isDeepStrictEqual } from 'node:util'
import { expect } from 'vitest'
import { REFUSED } from '../../fixtures/edge-nodes.ts'
import { CreateFlag, OPEN_ACL, type ZooKeeperError } from '../../src/zookeeper/index.ts'
import { connect, type Place } from '../helpers/places.ts'
import { contents, readTree } from '../helpers/read-tree.ts'
import { freshJournal, type Outcome, SOME_DONE, zkferry, zkferryUntil } from '../helpers/zkferry.ts'
import { eventually } from '../zookeeper/helpers.ts'
import {
  AUTH,
  EPHEMERAL,
  IPV6,
  NETWORK,
  NEXT_SEQUENCE,
  SEQID_VERSION,
  type Sources,
  type Tree,
  WHOLE_CHILDREN,
} from './sources.ts'
import { makesContainers, makesTtl, takesIpv6Acls, takesNetworkAcls, takesOldNames } from './versions.ts'

const SOURCE_AUTH = { ZKFERRY_SOURCE_AUTH: AUTH }
const BOTH_AUTH = { ...SOURCE_AUTH, ZKFERRY_TARGET_AUTH: AUTH }
const WAIT = ['--retry-for', '30s']

/** Data, ACLs, counters, edges, a directory that locks the tool out; then a verification that finds what is wrong. */
export async function copiesExactly({ whole }: Sources, to: Place): Promise<void> {
  const places = [whole.place.location, to.location]
  const copy = await zkferry(['copy', ...WAIT, '--journal', freshJournal(), ...places], { env: SOURCE_AUTH })
  expect(copy.code, copy.stderr).toBe(0)
  expect(copy.skipped()).toEqual([`${EPHEMERAL}: ephemeral`])
  expect(copy.of('failed')).toEqual([])
  expectOneDigest(copy)
  await expectEqual(whole, to)
  await expectLockedOut(to)

  const verify = ['verify', ...WAIT, '--strict-sequence', '--rounds', '0', ...places]
  const same = await zkferry(verify, { env: BOTH_AUTH })
  expect([same.code, same.differences()], same.stderr).toEqual([0, []])
  expectOneDigest(same)

  await to.client.setData(to.at('one-byte'), Buffer.from([1]))
  await to.client.setACL(to.at('rwa'), OPEN_ACL)
  await to.client.delete(to.at('queue/n-0000000003'))
  const different = await zkferry(verify, { env: BOTH_AUTH })
  expect(different.code, different.stderr).toBe(1)
  expect(different.differences()).toEqual([
    'one-byte: data',
    'queue/n-0000000003: missing-in-target',
    'rwa: acl',
  ])
  await expectNextNumbers(to)
}

/** Killed by kill -9 among 20,000 siblings: the same command goes on, and writes nothing twice. */
export async function resumes({ wide }: Sources, to: Place): Promise<void> {
  const args = ['copy', ...WAIT, '--journal', freshJournal(), wide.place.location, to.location]
  const killed = await zkferryUntil([...args, '--rate', '4000'], SOME_DONE, 'SIGKILL')
  expect(killed.code, 'the copy ended before it was killed').toBeNull()
  const resumed = await zkferry(args)
  expect(resumed.code, resumed.stderr).toBe(0)
  expect(resumed.of('run')[0]).toMatchObject({ resumed: true })
  expect(resumed.summary.znodes.created).toBeLessThan(wide.contents.length)
  expectOneDigest(resumed)
  const tree = await expectEqual(wide, to)
  const again = [...tree].filter(
    ([, { stat }]) => stat.version !== 0 || stat.aversion !== 0 || stat.cversion !== stat.numChildren,
  )
  expect(again.map(([path]) => path)).toEqual([])
}

/** Kinds, names and ACLs that not every server takes: made as such, or named with the reason. Returns the cell. */
export async function namesItsLimits(
  { limits }: Sources,
  to: Place,
  versions: readonly [from: string, to: string],
): Promise<string> {
  const expected = expectedLimits(...versions)
  const places = [limits.place.location, to.location]
  const kinds = ['--container', 'locks/*', '--ttl', 'sessions/*=1s']
  // Until the TTL ends a verification might, or might not, find the znode: it comes afterwards.
  const args = ['copy', '--no-verify', ...WAIT, ...kinds, '--journal', freshJournal(), ...places]
  const copy = await zkferry(args)
  const lost = Object.keys(expected.failed)
  expect(copy.code, copy.stderr).toBe(lost.length === 0 ? 0 : 3)
  expect(copy.summary.znodes.created).toBe(limits.contents.length - lost.length)
  expect(Object.fromEntries(reasonsIn(copy))).toEqual(expected.failed)
  const said = [...copy.of('note'), ...copy.of('failed')].map(({ message }) => message).join('\n')
  for (const sentence of expected.sentences) expect(said).toContain(sentence)

  await gone(to, 'sessions/one')
  const missing = [...new Set([...lost, 'sessions/one'])].sort()
  expect(contents(await readTree(to))).toEqual(limits.contents.filter(([path]) => !missing.includes(path)))
  const verify = await zkferry(['verify', ...WAIT, '--rounds', '0', '--ignore', 'sequence', ...places])
  expect(verify.code, verify.stderr).toBe(1)
  expect(verify.differences().sort()).toEqual(missing.map((path) => `${path}: missing-in-target`).sort())
  if (makesContainers(versions[1])) {
    await to.client.delete(to.at('locks/held/owner'))
    await gone(to, 'locks/held')
  }
  // A server's next look at its containers takes none that is an ordinary znode.
  expect(await to.client.exists(to.at('locks'))).not.toBeNull()
  return expected.words.length === 0 ? 'ok' : `ok, but ${expected.words.join(', ')}`
}

/** Why each path is not on the target, `skipped` and `failed` alike. */
function reasonsIn(outcome: Outcome): Map<string, string> {
  return new Map([
    ...outcome.of('skipped').map(({ path, reason }) => [String(path), String(reason)] as const),
    ...outcome.of('failed').map(({ path, code }) => [String(path), String(code)] as const),
  ])
}

interface Limits {
  /** By path: the code or the reason that it must be named with. */
  failed: Record<string, string>
  /** What must be said, too. */
  sentences: string[]
  /** For the table. */
  words: string[]
}

function expectedLimits(from: string, to: string): Limits {
  const failed: Record<string, string> = {}
  const [sentences, words]: [string[], string[]] = [[], []]
  if (!makesContainers(to)) {
    failed['locks/held'] = 'container-unsupported'
    failed['locks/held/owner'] = 'PARENT'
    sentences.push('The target does not make containers: its servers are older than 3.5.1.')
    words.push('no containers')
  }
  if (!makesTtl(to)) {
    failed['sessions/one'] = 'ttl-unsupported'
    sentences.push('The target does not make TTL znodes: its servers are older than 3.5.3.')
    words.push('no TTL')
  }
  if (takesOldNames(from) && !takesOldNames(to)) {
    for (const { records } of REFUSED)
      for (const [at, { path }] of records.entries())
        failed[path.slice(1)] = at === 0 ? 'BADARGUMENTS' : 'PARENT'
    words.push('no U+001F in names')
  }
  if (takesNetworkAcls(from) && !takesNetworkAcls(to)) {
    failed[NETWORK.path.slice(1)] = 'INVALIDACL'
    words.push('no networks in ACLs')
  }
  if (takesIpv6Acls(from) && !takesIpv6Acls(to)) {
    failed[IPV6.path.slice(1)] = 'INVALIDACL'
    words.push('no IPv6 ACLs')
  }
  return { failed, sentences, words }
}

async function expectEqual(tree: Tree, to: Place): ReturnType<typeof readTree> {
  const read = await readTree(to)
  const there = contents(read)
  // The matcher's own comparison of 20,000 znodes takes seconds: it is for telling what differs.
  if (!isDeepStrictEqual(there, tree.contents)) expect(there).toEqual(tree.contents)
  return read
}

function expectOneDigest({ summary }: Outcome): void {
  expect(summary.digest.source).toMatch(/^[0-9a-f]{64}$/)
  expect(summary.digest.target).toBe(summary.digest.source)
}

/** The tool opened nothing for good: what was shut to a session without identity on the source is so here. */
async function expectLockedOut(to: Place): Promise<void> {
  const stranger = await connect(to.address)
  const codes = await Promise.all(
    [
      stranger.getData(to.at('locked')),
      stranger.create(to.at('locked/intruder'), null),
      stranger.setACL(to.at('locked'), OPEN_ACL),
    ].map((tried) =>
      tried.then(
        () => 'allowed',
        (error) => (error as ZooKeeperError).code,
      ),
    ),
  )
  expect(codes).toEqual(['NOAUTH', 'NOAUTH', 'NOAUTH'])
  await stranger.close()
}

async function expectNextNumbers(to: Place): Promise<void> {
  expect((await to.client.exists(to.at('seqid')))?.version).toBe(SEQID_VERSION)
  for (const [below, next] of Object.entries({ ...NEXT_SEQUENCE, '': WHOLE_CHILDREN })) {
    const flags = CreateFlag.persistentSequential
    const { path } = await to.client.create(`${to.at(below)}/n-`, null, { flags })
    expect(path).toBe(`${to.at(below)}/n-${String(next).padStart(10, '0')}`)
  }
}

/** Not `expect.poll`: with tests that run at once it cannot tell which one it is in. */
async function gone(where: Place, below: string): Promise<void> {
  await eventually(async () => expect(await where.client.exists(where.at(below))).toBeNull())
}
