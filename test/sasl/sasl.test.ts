/** SASL with DIGEST-MD5 against real servers, old and new, that know users, or demand them. */
import { mkdtempSync, readdirSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { openEnsemble } from '../../src/locations/ensemble.ts'
import { parseEnsemble } from '../../src/locations/parse-location.ts'
import { aclList } from '../../src/tree/acl.ts'
import { AuthFailedError, CreateFlag, ZooKeeperClient } from '../../src/zookeeper/index.ts'
import { DigestMd5 } from '../../src/zookeeper/sasl/digest-md5.ts'
import { cli } from '../cli/run-cli.ts'
import { HoldingCopy } from '../helpers/holding.ts'
import { Place, parseAcl } from '../helpers/places.ts'
import { zkferry } from '../helpers/zkferry.ts'
import type { Server } from '../servers/index.ts'
import { freshRoot, sharedServer } from '../servers/shared.ts'
import { eventually } from '../zookeeper/helpers.ts'
import { PASSWORD, startSaslServer } from './sasl-server.ts'

const BOB = `sasl bob:${PASSWORD}`
const bob = [{ scheme: 'sasl', auth: Buffer.from(`bob:${PASSWORD}`) }]
const bobs = [parseAcl('31:sasl:bob')]

/** Knows users, and lets others in, too. */
let old: Server
/** Demands SASL of everybody. */
let strict: Server
beforeAll(async () => {
  ;[old, strict] = await Promise.all([
    startSaslServer('3.4.14'),
    startSaslServer('3.9.5', { sessionRequireClientSASLAuth: 'true' }),
  ])
})
afterAll(() => Promise.all([old?.stop(), strict?.stop()]))

async function asBob(server: Server): Promise<ZooKeeperClient> {
  const client = await ZooKeeperClient.connect({ connect: server.connectString, auth: bob })
  onTestFinished(() => client.close())
  return client
}

/** A small tree that is bob's alone. */
async function planted(server: Server): Promise<string> {
  const client = await asBob(server)
  const root = freshRoot('sasl')
  await client.create(root, Buffer.from('root'), { acl: bobs })
  await client.create(`${root}/dir`, null, { acl: bobs })
  await client.create(`${root}/dir/leaf`, Buffer.from('leaf'), { acl: bobs })
  return root
}

describe('DIGEST-MD5', () => {
  test('answers as the example of RFC 2831 does, but for its URI', async () => {
    // IMAP's example, with ZooKeeper's URI; the hashes were computed with Python's hashlib from the RFC's formula.
    const mechanism = new DigestMd5('chris', 'secret', 'OA6MHXh6VqTrRk')
    expect(await mechanism.first()).toHaveLength(0)
    const challenge =
      'realm="elwood.innosoft.com",nonce="OA6MG9tEQGm2hh",qop="auth",algorithm=md5-sess,charset=utf-8'
    const answer = String(await mechanism.next(Buffer.from(challenge)))
    expect(answer).toContain(
      'username="chris",realm="elwood.innosoft.com",nonce="OA6MG9tEQGm2hh",nc=00000001',
    )
    expect(answer).toContain('response=3d53f3e841d45c8a4dcf0f37c4725582,qop=auth')
    await expect(mechanism.next(Buffer.from('rspauth=00000000000000000000000000000000'))).rejects.toThrow(
      'does not prove that it knows the SASL password of user chris itself',
    )
    expect(await mechanism.next(Buffer.from('rspauth=8c55a82deadfa98cf2a60488be40c74d'))).toBeNull()
  })
})

describe('a copy as a SASL user', () => {
  test('from an ensemble that knows the user to one that demands it: ACLs and all', async () => {
    const root = await planted(old)
    const state = mkdtempSync(join(tmpdir(), 'zkferry-sasl-state-'))
    const env = {
      ZKFERRY_SOURCE_AUTH: `digest other:one\n${BOB}\ndigest another:one`,
      ZKFERRY_TARGET_AUTH: BOB,
      ZKFERRY_STATE: state,
    }
    const [source, target] = [`${old.connectString}${root}`, `${strict.connectString}${root}`]
    const copied = await cli(['copy', '--verbose', '--json', source, target], { env })
    expect(copied.code, copied.stderr).toBe(0)
    expect(copied.summary()).toMatchObject({ status: 'done', differences: 0 })
    const client = await asBob(strict)
    expect((await client.getACL(`${root}/dir/leaf`)).acl).toEqual(bobs)
    const journals = readdirSync(state).map((name) => readFileSync(join(state, name), 'latin1'))
    expect(journals.length).toBeGreaterThan(0)
    // The part of it that no quoting changes.
    for (const text of [copied.stdout, copied.stderr, ...journals]) expect(text).not.toContain('bobs, ')

    // Whether two names are one ensemble, a session of the one tells at the other: as bob, too.
    const other = target.replace('127.0.0.1', 'localhost')
    const again = await zkferry(['verify', target, other], {
      env: { ZKFERRY_SOURCE_AUTH: BOB, ZKFERRY_TARGET_AUTH: BOB },
    })
    expect(again.code, again.stderr).toBe(2)
    expect(again.stderr).toContain('are the same place')
    const removed = await zkferry(['rmr', '--yes', target], { env: { ZKFERRY_AUTH: BOB } })
    expect(removed.code, removed.stderr).toBe(0)
  })

  test('ephemerals are held on a server that demands the user, also when the connection is lost', async () => {
    const [here, there] = [await asBob(old), await asBob(strict)]
    const root = await planted(old)
    await here.create(`${root}/proxy`, Buffer.from('proxy'), { acl: bobs, flags: CreateFlag.ephemeral })
    const places = [
      new Place(here, old.connectString, root),
      new Place(there, strict.connectString, root),
    ] as const
    const env = { ZKFERRY_SOURCE_AUTH: BOB, ZKFERRY_TARGET_AUTH: BOB }
    const holding = new HoldingCopy(...places, [], undefined, env)
    await holding.says({ held: 1 })
    await strict.restart()
    await eventually(async () => {
      expect((await there.getACL(`${root}/proxy`)).acl).toEqual(bobs)
    })
    await here.setData(`${root}/proxy`, Buffer.from('moved'))
    await eventually(async () => expect(String((await there.getData(`${root}/proxy`)).data)).toBe('moved'))
    const { code, stderr } = await holding.stop()
    expect(code, stderr).toBe(143)
    expect(await there.exists(`${root}/proxy`)).toBeNull()
  })

  test('without it what is his is named as closed to us, with who we were', async () => {
    const root = await planted(old)
    const { code, stderr } = await cli(['digest', `${old.connectString}${root}`], {
      env: { ZKFERRY_AUTH: 'sasl alice:alices-secret' },
    })
    expect(code, stderr).toBe(4)
    expect(stderr).toContain('(NOAUTH); the identity given is SASL user alice.')
  })

  test.each(['3.4.14', '3.9.5'])('%s: what an ACL lets the user do is known', async (version) => {
    const server = version === '3.4.14' ? old : strict
    const ensemble = await openEnsemble({
      location: parseEnsemble(`${server.connectString}/`, 'source'),
      side: 'source',
      auth: bob,
      sessionTimeoutMs: 10_000,
      retryForMs: 10_000,
      sessions: 1,
      emit: () => {},
    })
    onTestFinished(() => ensemble.close())
    expect(ensemble.permissionsUnder(aclList(bobs))).toBe(31)
    expect(ensemble.permissionsUnder(aclList([parseAcl('31:sasl:alice')]))).toBe(0)
  })

  test('the identity is proved again on each connection, before watches and requests', async () => {
    const client = await asBob(strict)
    const root = await planted(strict)
    await client.getData(`${root}/dir/leaf`, { watch: true })
    await strict.restart()
    expect(String((await client.getData(`${root}/dir/leaf`)).data)).toBe('leaf')
    expect(client.reconnects).toBe(1)
    await client.ping()
  })
})

describe('what is wrong is said at once', () => {
  const digest = (server: { connectString: string }, identity: string, more: string[] = []) =>
    cli(['digest', '--verbose', '--retry-for', '10m', ...more, `${server.connectString}/`], {
      env: { ZKFERRY_AUTH: identity },
    })
  const WRONG = 'not-the-password'

  test.each<[string, () => ReturnType<typeof digest>, string]>([
    [
      'a wrong password, 3.4',
      () => digest(old, `sasl bob:${WRONG}`),
      'does not accept the SASL authentication of user bob',
    ],
    [
      'a wrong password, 3.9',
      () => digest(strict, `sasl bob:${WRONG}`),
      'does not accept the SASL authentication of user bob',
    ],
    [
      'an unknown user, 3.4',
      () => digest(old, `sasl eve:${WRONG}`),
      'SASL authentication of user eve: the password is wrong, or',
    ],
    [
      'an unknown user, 3.9',
      () => digest(strict, `sasl eve:${WRONG}`),
      'SASL authentication of user eve: the password is wrong, or',
    ],
    [
      'a server without SASL, 3.4',
      () => digest(sharedServer('3.4.14'), `sasl bob:${WRONG}`),
      'does no SASL authentication',
    ],
    [
      'a server without SASL, 3.9',
      () => digest(sharedServer('3.9.5'), `sasl bob:${WRONG}`),
      'does no SASL authentication',
    ],
    [
      'nobody, where SASL is demanded',
      () => digest(strict, ''),
      'demands an authentication that was not given (SASL',
    ],
    [
      'only a digest user there',
      () => digest(strict, `digest a:${WRONG}`),
      'demands an authentication that was not given (SASL',
    ],
  ])('%s', async (_, run, words) => {
    const { code, stdout, stderr } = await run()
    expect(code, stderr).toBe(4)
    expect(stderr).toContain(words)
    expect(stdout + stderr).not.toContain(WRONG)
  })

  test('on the target, exit 5', async () => {
    const root = await planted(old)
    const { code, stderr } = await cli(
      ['copy', '--retry-for', '10m', `${old.connectString}${root}`, `${strict.connectString}${root}`],
      { env: { ZKFERRY_SOURCE_AUTH: BOB } },
    )
    expect(code, stderr).toBe(5)
    expect(stderr).toContain('demands an authentication that was not given')
  })

  test('enforce.auth.enabled of 3.7 and later takes the schemes that it names, SASL or not', async () => {
    const picky = await startSaslServer('3.9.5', {
      'enforce.auth.enabled': 'true',
      'enforce.auth.schemes': 'sasl,digest',
    })
    onTestFinished(() => picky.stop())
    for (const identity of [BOB, 'digest anybody:anything']) {
      const { code, stderr } = await digest(picky, identity)
      expect(code, stderr).toBe(0)
    }
    const { code, stderr } = await digest(picky, '')
    expect(code, stderr).toBe(4)
    expect(stderr).toContain('demands an authentication that was not given')
  })

  test('a session that only pings hears it, too', async () => {
    const client = await ZooKeeperClient.connect({ connect: strict.connectString })
    await client.ping().catch(() => {})
    await expect(client.attached()).rejects.toBeInstanceOf(AuthFailedError)
    expect(client.state).toBe('auth-failed')
  })

  test('identities that cannot be meant', async () => {
    const server = { connectString: '127.0.0.1:1' }
    for (const [identity, words] of [
      [`sasl ${WRONG}`, 'the credentials of sasl are user:password'],
      [`sasl bob:${WRONG}\nsasl alice:${WRONG}`, 'line 2: a session has one SASL identity'],
    ] as const) {
      const { code, stderr } = await digest(server, identity)
      expect(code, stderr).toBe(2)
      expect(stderr).toContain(words)
      expect(stderr).not.toContain(WRONG)
    }
    const { code, stderr } = await cli(['verify', '--client', 'native', '127.0.0.1:1/x', '127.0.0.1:2/x'], {
      env: { ZKFERRY_TARGET_AUTH: BOB },
    })
    expect(code, stderr).toBe(2)
    expect(stderr).toContain('the zookeeper package has no SASL')
  })
})
