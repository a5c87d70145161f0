/** GSSAPI against a real server and a real KDC. Both the KDC and the `kerberos` package are optional. */
import { writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { cli } from '../cli/run-cli.ts'
import { connect } from '../helpers/places.ts'
import { zkferry } from '../helpers/zkferry.ts'
import { type Server, startServer } from '../servers/index.ts'
import { freshRoot, sharedServer } from '../servers/shared.ts'
import { Kdc } from './kdc.ts'

const hasPackage = (() => {
  try {
    createRequire(import.meta.url)('kerberos')
    return true
  } catch {
    return false
  }
})()

test.skipIf(hasPackage)('without the kerberos package it is said what to install', async () => {
  const { code, stderr } = await cli(['digest', `${sharedServer().connectString}/`], {
    env: { ZKFERRY_AUTH: 'sasl-gssapi' },
  })
  expect(code, stderr).toBe(4)
  expect(stderr).toContain('needs the optional npm package kerberos: install it')
})

describe.skipIf(!hasPackage || Kdc.programs() === null)('with a KDC', () => {
  let kdc: Kdc
  let server: Server
  let at: string

  beforeAll(async () => {
    kdc = await Kdc.start()
    const jaas = join(kdc.folder, 'jaas.conf')
    writeFileSync(
      jaas,
      `Server {
  com.sun.security.auth.module.Krb5LoginModule required
  useKeyTab=true storeKey=true useTicketCache=false
  keyTab="${kdc.keytab('zookeeper/localhost')}"
  principal="zookeeper/localhost";
};
`,
    )
    server = await startServer({
      version: '3.9.5',
      config: {
        'authProvider.1': 'org.apache.zookeeper.server.auth.SASLAuthenticationProvider',
        sessionRequireClientSASLAuth: 'true',
      },
      jvm: [`-Djava.security.auth.login.config=${jaas}`, `-Djava.security.krb5.conf=${kdc.krb5conf}`],
    })
    at = `localhost:${server.port}`
  })
  afterAll(async () => {
    await server?.stop()
    await kdc?.stop()
  })

  test.each(['sasl-gssapi', 'sasl-gssapi mover'])('a copy, as "%s"', async (identity) => {
    const from = sharedServer('3.9.5')
    const root = freshRoot('gssapi')
    const client = await connect(from.connectString)
    await client.create(root, Buffer.from('root'))
    await client.create(`${root}/child`, null)
    const env = { ...kdc.ticket('mover'), ZKFERRY_TARGET_AUTH: identity }
    const copied = await zkferry(['copy', `${from.connectString}${root}`, `${at}${root}`], { env })
    expect(copied.code, copied.stderr).toBe(0)
    expect(copied.summary).toMatchObject({ status: 'done', znodes: { created: 2 } })
  })

  test('without a ticket, exit 4 at once, with what the library says', async () => {
    const env = { ...kdc.environment, KRB5CCNAME: 'FILE:/nonexistent', ZKFERRY_AUTH: 'sasl-gssapi' }
    const { code, stderr } = await cli(['digest', '--retry-for', '10m', `${at}/`], { env })
    expect(code, stderr).toBe(4)
    expect(stderr).toContain('cannot be identified to by Kerberos, as zookeeper/localhost (')
  })

  test('a server that the realm does not know', async () => {
    const env = { ...kdc.ticket('mover'), ZKFERRY_AUTH: 'sasl-gssapi' }
    const { code, stderr } = await cli(['digest', '--retry-for', '10m', `${server.connectString}/`], { env })
    expect(code, stderr).toBe(4)
    expect(stderr).toContain('cannot be identified to by Kerberos, as zookeeper/127.0.0.1 (')
  })
})
