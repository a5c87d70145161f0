/** zks:// against real servers, old and new, with certificates that are right, and with each kind that is not. */
import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { openEnsemble } from '../../src/locations/ensemble.ts'
import { parseEnsemble } from '../../src/locations/parse-location.ts'
import { javaName } from '../../src/locations/proved-identities.ts'
import { aclList } from '../../src/tree/acl.ts'
import { parseConnectString, TlsTransport, ZooKeeperClient } from '../../src/zookeeper/index.ts'
import { cli } from '../cli/run-cli.ts'
import { connect, parseAcl } from '../helpers/places.ts'
import { freshJournal, zkferry } from '../helpers/zkferry.ts'
import { freshRoot, sharedServer } from '../servers/shared.ts'
import { Authority, type Certificate, encryptedKey, newKeyPem, pkcs12 } from './certificates.ts'
import { Relay } from './relay.ts'
import { type SecureServer, startSecureServer } from './secure-server.ts'

const PASSWORD = 'open-sesame-4711'
const folder = mkdtempSync(join(tmpdir(), 'zkferry-tls-test-'))
const [oldSite, newSite, strangers] = ['Old site', 'New site', 'Strangers'].map(
  (name) => new Authority(name),
) as [Authority, Authority, Authority]
const mover = newSite.issue({ commonName: 'mover' })

/** Asks for no certificate. */
let from: SecureServer
/** Wants one. */
let to: SecureServer
beforeAll(async () => {
  ;[from, to] = await Promise.all([
    startSecureServer({
      version: '3.5.10',
      certificate: oldSite.issue({ commonName: 'old', names: ['127.0.0.1'] }),
      trust: oldSite.cert,
      clientAuth: 'none',
    }),
    startSecureServer({
      version: '3.9.5',
      certificate: newSite.issue({ commonName: 'new', names: ['127.0.0.1'] }),
      trust: newSite.cert,
    }),
  ])
})
afterAll(() => Promise.all([from?.server.stop(), to?.server.stop()]))

function file(name: string, content: string | Buffer): string {
  const path = join(folder, name)
  writeFileSync(path, content, { mode: 0o600 })
  return path
}

const oldCa = file('old-ca.pem', oldSite.cert)
const newCa = file('new-ca.pem', newSite.cert)
const files = ({ cert, key }: Certificate, name: string) => ({
  cert: file(`${name}.pem`, cert),
  key: file(`${name}.key`, key),
})
const own = files(mover, 'mover')
const locked = file('locked.key', encryptedKey(mover.key, PASSWORD))
const p12 = file('mover.p12', pkcs12(mover, PASSWORD))
const alien = files(strangers.issue({ commonName: 'mover' }), 'alien')

const sourceFlags = ['--source-tls-ca', oldCa]
const targetFlags = ['--target-tls-ca', newCa, '--target-tls-cert', own.cert]

/** Makes a small tree through the plain port; TLS is what is tested. */
async function planted(server: SecureServer): Promise<string> {
  const root = freshRoot('tls')
  const client = await connect(server.plain)
  await client.create(root, Buffer.from('root'))
  await Promise.all(
    Array.from({ length: 50 }, (_, at) => client.create(`${root}/z${at}`, Buffer.alloc(5000, at))),
  )
  return root
}

describe('a copy from one secure ensemble to another, each with an authority of its own', () => {
  test('is made, verified and compared, the leaders asked over TLS as well', async () => {
    const root = await planted(from)
    const [source, target] = [`zks://${from.secure}${root}`, `zks://${to.secure}${root}`]
    const journal = freshJournal()
    const flags = [...sourceFlags, ...targetFlags, '--target-tls-key', own.key, '--avoid-leader']
    const copied = await zkferry(['copy', '--journal', journal, ...flags, source, target])
    expect(copied.code, copied.stderr).toBe(0)
    expect(copied.summary).toMatchObject({ status: 'done', znodes: { created: 51 }, differences: 0 })
    expect(copied.of('run')).toMatchObject([{ source, target }])
    expect(copied.of('note')).toEqual([])
    const verified = await zkferry(['verify', ...flags, source, target])
    expect(verified, verified.stderr).toMatchObject({ code: 0, summary: { status: 'identical' } })

    // The journal has the places and none of the keys: they are named again.
    const fromJournal = await zkferry(
      ['verify', '--from-journal', journal, ...targetFlags, '--target-tls-key', locked, target],
      { env: { ZKFERRY_TLS_PASSWORD: PASSWORD } },
    )
    expect(fromJournal.code, fromJournal.stderr).toBe(0)
    const removed = await zkferry([
      ...['rmr', '--yes', '--if-verified', journal, '--tls-ca', oldCa],
      ...[...targetFlags, '--target-tls-key', own.key, source],
    ])
    expect(removed.code, removed.stderr).toBe(0)
    expect(removed.summary.znodes.deleted).toBe(51)
  })

  test('with the key behind a password, and as PKCS#12: the password is nowhere to be seen', async () => {
    const root = await planted(from)
    const [source, target] = [`zks://${from.secure}${root}`, `zks://${to.secure}${root}`]
    const state = mkdtempSync(join(tmpdir(), 'zkferry-tls-state-'))
    const env = { ZKFERRY_TARGET_TLS_PASSWORD: PASSWORD, ZKFERRY_STATE: state }
    const flags = [...sourceFlags, ...targetFlags, '--target-tls-key', locked]
    const copied = await cli(['copy', '--verbose', '--json', ...flags, source, target], { env })
    expect(copied.code, copied.stderr).toBe(0)
    const p12Flags = [
      '--tls-ca',
      newCa,
      '--tls-pfx',
      p12,
      '--tls-password-command',
      `cat ${file('pw', `${PASSWORD}\n`)}`,
    ]
    const digest = await cli(['digest', '--verbose', ...p12Flags, target])
    expect(digest.code, digest.stderr).toBe(0)
    const journals = readdirSync(state).map((name) => readFileSync(join(state, name), 'latin1'))
    expect(journals.length).toBeGreaterThan(0)
    const keyLine = mover.key.split('\n')[3] as string
    for (const text of [copied.stdout, copied.stderr, digest.stdout, digest.stderr, ...journals]) {
      expect(text).not.toContain(PASSWORD)
      expect(text).not.toContain(keyLine)
    }
  })

  test.each(['cut', 'flip-a-bit'] as const)('goes on when connections are harmed: %s', async (harm) => {
    const root = await planted(from)
    const relay = await Relay.before(from.securePort, harm, 60_000, 3)
    onTestFinished(() => relay.close())
    const [source, target] = [`zks://${relay.address}${root}`, `zks://${to.secure}${root}`]
    const flags = [...sourceFlags, ...targetFlags, '--target-tls-key', own.key, '--sessions', '2']
    const copied = await zkferry(['copy', ...flags, source, target])
    expect(copied.code, copied.stderr).toBe(0)
    expect(copied.summary).toMatchObject({ status: 'done', differences: 0 })
    expect(copied.summary.reconnects).toBeGreaterThan(0)
    expect(relay.harmed).toBeGreaterThan(0)
  })

  test('a secure port and a plain one of the same server are one place', async () => {
    const root = await planted(from)
    const result = await zkferry([
      'copy',
      ...sourceFlags,
      `zks://${from.secure}${root}`,
      `${from.plain}${root}`,
    ])
    expect(result.code, result.stderr).toBe(2)
    expect(result.stderr).toContain('are the same place')
  })
})

describe('what is wrong is said at once, each in its own words', () => {
  // As long as the limit of --retry-for lasts no test waits: what is wrong with a certificate does not pass.
  const digest = (location: string, flags: string[] = []) =>
    cli(['digest', '--retry-for', '10m', ...flags, `${location}/`])

  test.each<[string, () => Promise<{ code: number | null; stderr: string }>, string]>([
    [
      'an authority that is not ours',
      () => digest(`zks://${from.secure}`, ['--tls-ca', newCa]),
      'of an authority that is not trusted',
    ],
    [
      'an authority that Node.js does not know',
      () => digest(`zks://${from.secure}`),
      'of an authority that is not trusted',
    ],
    [
      'the same at a source, whose option has its side',
      () => cli(['copy', `zks://${from.secure}/a`, '127.0.0.1:1/b']),
      'the option --source-tls-ca names',
    ],
    [
      'a certificate for somebody else',
      () => digest(`zks://localhost:${from.securePort}`, ['--tls-ca', oldCa]),
      'not for localhost, but for IP Address:127.0.0.1; the option --tls-server-name',
    ],
    [
      'a server name that is not in it',
      () => digest(`zks://${from.secure}`, ['--tls-ca', oldCa, '--tls-server-name', 'zk.example.org']),
      'not for zk.example.org',
    ],
    ['TLS on a plain port', () => digest(`zks://${from.plain}`, ['--tls-ca', oldCa]), 'does not speak TLS'],
    [
      'TLS on the plain port of 3.4',
      () => digest(`zks://${sharedServer('3.4.14').connectString}`, ['--tls-ca', oldCa]),
      'does not speak TLS',
    ],
    ['no TLS on a TLS port', () => digest(from.secure), 'it speaks TLS (write zks:// before the hosts)'],
    [
      'no TLS on one that wants a certificate',
      () => digest(to.secure, ['--timeout', '2s']),
      'it speaks TLS (write zks://',
    ],
    [
      'no certificate of ours',
      () => digest(`zks://${to.secure}`, ['--tls-ca', newCa]),
      'wants a client certificate, and none was given',
    ],
    [
      'a certificate of ours that the server does not take',
      () =>
        digest(`zks://${to.secure}`, ['--tls-ca', newCa, '--tls-cert', alien.cert, '--tls-key', alien.key]),
      'does not accept our client certificate',
    ],
  ])('%s', async (_, run, words) => {
    const { code, stderr } = await run()
    expect(code, stderr).toBe(4)
    expect(stderr).toContain(words)
  })

  test('on the target, exit 5', async () => {
    const root = await planted(from)
    const { code, stderr } = await cli([
      ...['copy', '--retry-for', '10m', ...sourceFlags, '--target-tls-ca', oldCa],
      ...[`zks://${from.secure}${root}`, `zks://${to.secure}${root}`],
    ])
    expect(code, stderr).toBe(5)
    expect(stderr).toContain('of an authority that is not trusted')
  })

  test('a name that the certificate has, given by hand, is enough', async () => {
    const at = `zks://localhost:${from.securePort}`
    const result = await digest(at, ['--tls-ca', oldCa, '--tls-server-name', '127.0.0.1'])
    expect(result.code, result.stderr).toBe(0)
  })

  test('--tls-insecure works with any certificate, and says what that means', async () => {
    const at = `zks://localhost:${from.securePort}`
    const result = await zkferry(['digest', '--quiet', '--tls-insecure', `${at}/`])
    expect(result.code, result.stderr).toBe(0)
    expect(result.stderr).toContain(`WARNING: --tls-insecure: NOBODY CHECKS WHO ANSWERS AT ${at}`)
    expect(result.of('note')).toEqual([
      { message: expect.stringContaining('were not checked (--tls-insecure)') },
    ])
  })

  test('one server of several with a wrong certificate is passed over', async () => {
    const both = `zks://${to.secure},${from.secure}/`
    const result = await zkferry(['digest', '--sessions', '4', '--tls-ca', oldCa, both])
    expect(result.code, result.stderr).toBe(0)
  })

  test('a certificate that has expired, also in the middle of a session', async () => {
    const client = await ZooKeeperClient.connect({
      connect: {
        ...parseConnectString(`zks://${from.secure}`),
        transport: new TlsTransport({ ca: oldSite.cert }),
      },
      retryForMs: 600_000,
    })
    from.present(oldSite.issue({ commonName: 'old', names: ['127.0.0.1'], fromDays: -20, toDays: -1 }))
    await from.server.restart()
    await expect(client.getChildren('/')).rejects.toThrow(
      `${from.secure} shows a certificate that has expired`,
    )
    const result = await digest(`zks://${from.secure}`, ['--tls-ca', oldCa])
    expect(result.code, result.stderr).toBe(4)
    expect(result.stderr).toContain('shows a certificate that has expired')

    from.present(oldSite.issue({ commonName: 'old', names: ['127.0.0.1'], fromDays: 5 }))
    await from.server.restart()
    const early = await digest(`zks://${from.secure}`, ['--tls-ca', oldCa])
    expect(early.code, early.stderr).toBe(4)
    expect(early.stderr).toContain('is not valid yet')
  })
})

describe('what is wrong with files and flags is said before anybody is asked', () => {
  const at = 'zks://127.0.0.1:1/x'
  const jks = file('store.jks', Buffer.from('feedfeed00000002', 'hex'))

  test.each<[string, string[], string, Record<string, string>?]>([
    ['no such file', ['--tls-ca', '/no/such.pem', at], '--tls-ca /no/such.pem does not exist'],
    ['a key store of Java', ['--tls-ca', jks, at], 'a Java key store: keytool -importkeystore'],
    [
      'a key in place of a certificate',
      ['--tls-ca', own.key, at],
      'holds no certificate in PEM, but PEM of something else',
    ],
    ['PKCS#12 in place of PEM', ['--tls-cert', p12, at], 'something binary'],
    ['PEM in place of PKCS#12', ['--tls-pfx', own.cert, at], 'is no PKCS#12 file'],
    ['no key', ['--tls-cert', own.cert, at], 'name its file with --tls-key'],
    ['no certificate', ['--tls-key', own.key, at], '--tls-key goes with --tls-cert'],
    ['both forms', ['--tls-cert', own.cert, '--tls-pfx', p12, at], 'contradict each other'],
    ['an authority that nobody asks', ['--tls-ca', oldCa, '--tls-insecure', at], 'contradict each other'],
    [
      'no password',
      ['--tls-cert', own.cert, '--tls-key', locked, at],
      'protected by a password, and none was given',
    ],
    [
      'a wrong password',
      ['--tls-cert', own.cert, '--tls-key', locked, at],
      'cannot be opened with the password that was given',
      { ZKFERRY_TLS_PASSWORD: 'not-this-one' },
    ],
    [
      'a wrong password for PKCS#12',
      ['--tls-pfx', p12, at],
      'cannot be opened with the password that was given',
      { ZKFERRY_TLS_PASSWORD: 'not-this-one' },
    ],
    [
      'TLS flags without TLS',
      ['--tls-ca', oldCa, '127.0.0.1:1/x'],
      '127.0.0.1:1/x is not asked for over TLS',
    ],
  ])('%s', async (_, args, words, env = {}) => {
    const { code, stderr } = await cli(['digest', ...args], { env })
    expect(code, stderr).toBe(2)
    expect(stderr).toContain(words)
    expect(stderr).not.toContain('not-this-one')
  })

  test('a key of somebody else', async () => {
    const theirs = file('theirs.key', newKeyPem())
    const { code, stderr } = await cli(['digest', '--tls-cert', own.cert, '--tls-key', theirs, at])
    expect(code, stderr).toBe(2)
    expect(stderr).toContain('is not the key of the certificate')
  })

  test('the native client knows no TLS', async () => {
    const { code, stderr } = await cli([
      'verify',
      '--client',
      'native',
      '127.0.0.1:1/y',
      'zks://127.0.0.1:2/x',
    ])
    expect(code, stderr).toBe(2)
    expect(stderr).toContain('--client native cannot be used with zks://')
  })
})

test('nothing of a key shows where a transport is printed', () => {
  const transport = new TlsTransport({ ca: newSite.cert, ...mover, passphrase: PASSWORD })
  const shown = inspect(transport, { depth: 9, showHidden: true }) + JSON.stringify(transport)
  expect(shown).not.toContain(PASSWORD)
  expect(shown).not.toContain('PRIVATE KEY')
})

describe('an identity by the client certificate', () => {
  test('an ACL for it lets us in, and others not', async () => {
    const transport = new TlsTransport({ ca: newSite.cert, ...mover })
    const place = { ...parseConnectString(`zks://${to.secure}`), transport }
    const client = await ZooKeeperClient.connect({ connect: place })
    const root = freshRoot('x509')
    const acl = [parseAcl('31:x509:CN=mover,O=zkferry tests')]
    await client.create(root, Buffer.from('secret'), { acl })
    await client.create(`${root}/child`, null, { acl })
    await client.close()

    const ensemble = await openEnsemble({
      location: { ...parseEnsemble(`zks://${to.secure}/`, 'source'), transport },
      side: 'source',
      auth: [],
      sessionTimeoutMs: 10_000,
      retryForMs: 10_000,
      sessions: 1,
      emit: () => {},
    })
    expect(ensemble.permissionsUnder(aclList(acl))).toBe(31)
    await ensemble.close()

    const [source, target] = [`zks://${to.secure}${root}`, `zks://${to.secure}${root}-copy`]
    const as = (who: { cert: string; key: string }) =>
      ['source', 'target'].flatMap((side) => [
        ...[`--${side}-tls-ca`, newCa, `--${side}-tls-cert`, who.cert, `--${side}-tls-key`, who.key],
      ])
    const copied = await zkferry(['copy', ...as(own), source, target])
    expect(copied.code, copied.stderr).toBe(0)
    expect(copied.summary).toMatchObject({ status: 'done', znodes: { created: 2 } })

    const another = files(newSite.issue({ commonName: 'another' }), 'another')
    const refused = await zkferry(['copy', ...as(another), source, `${target}-2`])
    expect(refused.code, refused.stderr).toBe(4)
    expect(refused.stderr).toContain('NOAUTH')
    expect(refused.stderr).toContain('the identity given is the client certificate')
  })

  test.each([
    ['C=DE\nO=zkferry tests\nCN=mover', 'CN=mover,O=zkferry tests,C=DE'],
    ['CN=a.b-c/d@e', 'CN=a.b-c/d@e'],
    // What Java writes in other ways, or with other escapes, is not guessed.
    ['emailAddress=a@b\nCN=x', null],
    ['CN=a, b', null],
    ['CN=M\u00fcller', null],
  ])('where a server cannot tell the name, it follows from the subject: %j', (subject, name) => {
    expect(javaName(subject)).toBe(name)
  })
})
