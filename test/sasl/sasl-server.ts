/** Real servers that know SASL users by DIGEST-MD5. */
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Server, startServer } from '../servers/index.ts'

export const PASSWORD = 'bobs, "secret" 4711'

/** Users and their passwords. */
const USERS: Record<string, string> = { bob: PASSWORD, alice: 'alices-secret' }

/** @param config `sessionRequireClientSASLAuth: 'true'`, say */
export function startSaslServer(version: string, config: Record<string, string> = {}): Promise<Server> {
  const jaas = join(mkdtempSync(join(tmpdir(), 'zkferry-sasl-')), 'jaas.conf')
  const users = Object.entries(USERS).map(
    ([user, password]) => `user_${user}="${password.replace(/["\\]/g, '\\$&')}"`,
  )
  writeFileSync(
    jaas,
    `Server {\n  org.apache.zookeeper.server.auth.DigestLoginModule required\n  ${users.join('\n  ')};\n};\n`,
  )
  return startServer({
    version,
    config: {
      'authProvider.1': 'org.apache.zookeeper.server.auth.SASLAuthenticationProvider',
      ...config,
    },
    jvm: [`-Djava.security.auth.login.config=${jaas}`],
  })
}
