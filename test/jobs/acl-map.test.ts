/**
 * ACLs whose schemes or ids the target does not know: named by a dry run, never replaced by something weaker, and
 * mapped by `--acl-map`.
 */
import { createHash } from 'node:crypto'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { cli } from '../cli/run-cli.ts'
import { connect, Place, parseAcl, place, plant } from '../helpers/places.ts'
import { contents, readTree, zxids } from '../helpers/read-tree.ts'
import { freshJournal, zkferry } from '../helpers/zkferry.ts'
import { type Server, startServer } from '../servers/index.ts'
import { freshRoot } from '../servers/shared.ts'

const OPEN = '31:world:anyone'
const KAFKA = '31:sasl:kafka'
const READER = '1:world:anyone'
const DIGEST = `digest:kafka:${createHash('sha1').update('kafka:secret').digest('base64')}`
const X509 = '31:x509:CN=a, O=b=c'

const files = mkdtempSync(join(tmpdir(), 'zkferry-acl-map-'))
let made = 0
function mapFile(text: string): string {
  const file = join(files, `${++made}.map`)
  writeFileSync(file, text)
  return file
}

/** Knows schemes that the run's common servers do not. */
let knowing: Server

beforeAll(async () => {
  knowing = await startServer({
    config: {
      'authProvider.sasl': 'org.apache.zookeeper.server.auth.SASLAuthenticationProvider',
      'authProvider.x509': 'org.apache.zookeeper.server.auth.X509AuthenticationProvider',
      'authProvider.key': 'org.apache.zookeeper.server.auth.KeyAuthenticationProvider',
    },
  })
})
afterAll(() => knowing?.stop())

const run = (command: string, from: Place, to: Place, ...flags: string[]) =>
  zkferry([command, '--retry-for', '10s', '--settle', '0s', ...flags, from.location, to.location])

async function strange(version: '3.4.14' | '3.9.5' = '3.9.5'): Promise<{ from: Place; to: Place }> {
  const client = await connect(knowing.connectString)
  const from = new Place(client, knowing.connectString, freshRoot('acl-map'))
  await plant(from, {
    '': null,
    open: 'o',
    sasl: 's',
    'sasl/below': 'b',
    'sasl/below/deeper': { data: 'd', acl: [OPEN] },
    x509: { data: 'x', acl: [X509, READER] },
    key: { data: 'k', acl: ['31:key:42', READER] },
    ip: { data: 'i', acl: ['31:ip:::1', READER] },
    ip4: { data: 'i', acl: ['31:ip:127.0.0.0/24', READER] },
  })
  await client.setACL(from.at('sasl'), [KAFKA, READER].map(parseAcl))
  return { from, to: await place(version, 'acl-map') }
}

const failures = (outcome: { of(type: string): Record<string, unknown>[] }) =>
  outcome
    .of('failed')
    .map(({ path, side, code }) => `${path} ${side} ${code}`)
    .sort()

describe.each(['3.9.5', '3.4.14'] as const)('a target of %s that does not know the schemes', (version) => {
  // 3.4.14 takes neither IPv6 nor a network.
  const refused = [
    'key target INVALIDACL',
    'sasl target INVALIDACL',
    'x509 target INVALIDACL',
    ...(version === '3.4.14' ? ['ip target INVALIDACL', 'ip4 target INVALIDACL'] : []),
  ]
  const behind = ['sasl/below target PARENT', 'sasl/below/deeper target PARENT']

  test('a dry run names what it would refuse; the copy refuses the same, and writes nothing weaker', async () => {
    const { from, to } = await strange(version)
    const planned = await run('copy', from, to, '--dry-run')
    expect(planned.code).toBe(3)
    expect(failures(planned)).toEqual([...refused, ...behind].sort())
    expect(planned.of('failed').find(({ path }) => path === 'sasl')?.message).toContain(
      'would refuse sasl:kafka in',
    )
    expect(planned.of('note').map(({ message }) => message)).toEqual(
      expect.arrayContaining([
        expect.stringMatching(/^1 znode: the target would refuse sasl:kafka in /),
        expect.stringMatching(/^1 znode: the target would refuse x509:CN=a, O=b=c in /),
        expect.stringMatching(/^1 znode: the target would refuse key:42 in /),
      ]),
    )
    expect(await to.client.exists(to.root)).toBeNull()
    const { children } = await to.client.getChildren('/')
    expect(children.filter((name) => name.includes('probe'))).toEqual([])

    const journal = freshJournal()
    const copied = await run('copy', from, to, '--journal', journal)
    expect([copied.code, copied.summary.status]).toEqual([3, 'incomplete'])
    expect(failures(copied)).toEqual([...refused, ...behind].sort())
    const [there, here] = [contents(await readTree(to)), contents(await readTree(from))]
    const left = new Set([...refused, ...behind].map((line) => line.split(' ')[0]))
    expect(there).toEqual(here.filter(([path]) => !left.has(path)))
    expect(copied.of('failed').find(({ path }) => path === 'sasl')?.message).toContain('--acl-map')
    expect(planned.summary.znodes.created).toBe(copied.summary.znodes.created)
    const shown = await cli(['runs', 'show', '--journal', journal, copied.summary.runId as string])
    expect(shown.stdout).not.toContain('temporary')
  })

  test('an update whose ACL is refused leaves data and ACL as they were', async () => {
    const { from, to } = await strange(version)
    await plant(to, { '': null, sasl: { data: 'before', acl: [OPEN] } })
    const planned = await run('copy', from, to, '--merge', '--dry-run')
    expect(failures(planned)).toContain('sasl target INVALIDACL')
    const copied = await run('copy', from, to, '--merge')
    expect(copied.code).toBe(3)
    expect(failures(copied)).toContain('sasl target INVALIDACL')
    const now = (await readTree(to)).get('sasl')
    expect([now?.data, now?.acl]).toEqual([Buffer.from('before').toString('base64'), [OPEN]])
  })

  test('with --acl-map everything is copied, verified, and copied again without a write', async () => {
    const { from, to } = await strange(version)
    const map = mapFile(`# Kafka's brokers
      sasl:kafka   =>  ${DIGEST}
      x509:CN=a, O=b=c => ${DIGEST}

      key:42 => ip:10.0.0.8
      ip:::1 => ip:127.0.0.1
      ip:127.0.0.0/24 => ip:127.0.0.2
      sasl:nobody => world:anyone
    `)
    expect((await run('copy', from, to, '--dry-run', '--acl-map', map)).code).toBe(0)
    const journal = freshJournal()
    const flags = ['--acl-map', map, '--journal', journal]
    const copied = await run('copy', from, to, ...flags)
    expect(copied.code, copied.stderr).toBe(0)
    expect(copied.summary.digest.target).toBe(copied.summary.digest.source)
    await to.client.addAuth({ scheme: 'digest', auth: Buffer.from('kafka:secret') })
    const tree = await readTree(to)
    expect(tree.get('sasl')?.acl.sort()).toEqual([READER, `31:${DIGEST}`].sort())
    expect(tree.get('ip')?.acl).toEqual(['31:ip:127.0.0.1', READER])
    expect(tree.get('ip4')?.acl).toEqual(['31:ip:127.0.0.2', READER])

    const admin = { env: { ZKFERRY_TARGET_AUTH: 'digest kafka:secret' } }
    const verify = (...more: string[]) =>
      zkferry(['verify', '--rounds', '0', ...more, from.location, to.location], admin)
    expect((await verify('--acl-map', map)).summary).toMatchObject({ status: 'identical' })
    expect((await verify()).differences()).toEqual([
      'ip4: acl',
      'ip: acl',
      'key: acl',
      'sasl: acl',
      'x509: acl',
    ])

    const before = zxids(tree)
    const again = await zkferry(['copy', ...flags, from.location, to.location], admin)
    expect([again.code, again.summary.bytes.written]).toEqual([0, 0])
    expect(zxids(await readTree(to))).toEqual(before)
    // Another map is another job.
    const other = await zkferry(
      [
        'copy',
        '--acl-map',
        mapFile('sasl:kafka => world:anyone'),
        '--journal',
        journal,
        from.location,
        to.location,
      ],
      admin,
    )
    expect([other.code, other.summary.message]).toEqual([6, expect.stringContaining('aclMap')])
  })
})

test('only whole entries are mapped; two that become one are one; a map of an open ACL closes it', async () => {
  const [from, to] = [await place('3.4.14', 'acl-map'), await place('3.9.5', 'acl-map')]
  await plant(from, {
    '': null,
    near: { data: null, acl: ['31:ip:10.0.0.10', READER] },
    two: { data: null, acl: ['1:ip:10.0.0.1', '1:ip:10.0.0.2', OPEN] },
  })
  const map = mapFile('ip:10.0.0.1 => ip:127.0.0.1\nip:10.0.0.2 => ip:127.0.0.1\n')
  const copied = await run('copy', from, to, '--acl-map', map)
  expect(copied.code, copied.stderr).toBe(0)
  const tree = await readTree(to)
  expect(tree.get('near')?.acl).toEqual(['31:ip:10.0.0.10', READER])
  expect(tree.get('two')?.acl).toEqual(['1:ip:127.0.0.1', OPEN])
})

test('rmr --if-verified knows the map of the copy', async () => {
  const [from, to] = [await place('3.4.14', 'acl-map'), await place('3.9.5', 'acl-map')]
  await plant(from, { '': null, a: { data: 'a', acl: ['31:ip:10.0.0.1', OPEN] } })
  const journal = freshJournal()
  const copied = await run(
    'copy',
    from,
    to,
    '--acl-map',
    mapFile('ip:10.0.0.1 => ip:10.0.0.2'),
    '--journal',
    journal,
  )
  expect(copied.code).toBe(0)
  const fromJournal = await zkferry(['verify', '--from-journal', journal, to.location])
  expect(fromJournal.summary.status).toBe('identical')
  const removed = await zkferry(['rmr', '--yes', '--if-verified', journal, from.location])
  expect([removed.code, removed.summary.znodes.deleted]).toEqual([0, 2])
})

test.each([
  ['sasl:kafka', 'line 1: expected'],
  ['# fine\nsasl:kafka => digest', 'line 2: expected'],
  ['sasl:kafka => ip:1 => ip:2', 'line 1: expected'],
  ['sasl:kafka=>ip:1.2.3.4', 'line 1: expected'],
  ['sasl:a => ip:1.2.3.4\nsasl:a => ip:1.2.3.5', 'line 2: sasl:a is mapped twice'],
  ['digest:user:x => ip:1.2.3.4', 'how servers mask a digest'],
  ['sasl:a => auth:', 'no identity that an ACL can hold'],
  ['# nothing', 'maps nothing'],
])('a map of %j is one sentence and exit 2', async (text, complaint) => {
  for (const command of ['copy', 'verify']) {
    const { code, stderr } = await cli([command, '--acl-map', mapFile(text), 'a:1/x', 'b:1/y'])
    expect([code, stderr.trimEnd().split('\n').length]).toEqual([2, 1])
    expect(stderr).toContain(complaint)
  }
})

test('a map that cannot be read, or has nothing to map, is exit 2', async () => {
  const missing = await cli(['copy', '--acl-map', '/no/such/map', 'a:1/x', 'b:1/y'])
  expect([missing.code, missing.stderr]).toEqual([2, expect.stringContaining('/no/such/map does not exist')])
  const map = mapFile('sasl:a => ip:1.2.3.4')
  const noAcl = await cli(['copy', '--no-acl', '--acl-map', map, 'a:1/x', 'b:1/y'])
  expect([noAcl.code, noAcl.stderr]).toEqual([2, expect.stringContaining('contradict')])
  const ignored = await cli(['verify', '--ignore', 'acl', '--acl-map', map, 'a:1/x', 'b:1/y'])
  expect([ignored.code, ignored.stderr]).toEqual([2, expect.stringContaining('contradict')])
})
