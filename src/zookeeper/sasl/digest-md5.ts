/**
 * DIGEST-MD5 (RFC 2831), as ZooKeeper's servers speak it: they begin with
 *
 *   realm="zk-sasl-md5",nonce="…",charset=utf-8,algorithm=md5-sess,qop="auth"
 *
 * we answer with a hash over user, password, nonces and `zookeeper/zk-sasl-md5`, and they prove with `rspauth=…` that
 * they know the password as well.
 */
import { createHash, randomBytes } from 'node:crypto'
import { type SaslMechanism, SaslRefusal } from './mechanism.ts'

const URI = 'zookeeper/zk-sasl-md5'
const COUNT = '00000001'

export class DigestMd5 implements SaslMechanism {
  readonly #user: string
  readonly #password: string
  readonly #cnonce: string
  /** What the server must answer with. */
  #proof: string | null = null

  /** @param cnonce for tests with the RFC's examples */
  constructor(user: string, password: string, cnonce = randomBytes(24).toString('base64')) {
    this.#user = user
    this.#password = password
    this.#cnonce = cnonce
  }

  async first(): Promise<Buffer> {
    return Buffer.alloc(0)
  }

  async next(challenge: Buffer | null): Promise<Buffer | null> {
    if (this.#proof === null) return this.#answer(challenge)
    // Servers may keep a connection whose authentication has failed (`allowSaslFailedClients`).
    if (challenge === null || challenge.length === 0) throw refused(this.#user)
    if (directives(challenge).get('rspauth') !== this.#proof)
      throw new SaslRefusal(`does not prove that it knows the SASL password of user ${this.#user} itself`)
    return null
  }

  #answer(challenge: Buffer | null): Buffer {
    if (challenge === null || challenge.length === 0)
      throw new SaslRefusal('does no SASL authentication (has its JAAS configuration a Server section?)')
    const asked = directives(challenge)
    const nonce = asked.get('nonce')
    if (nonce === undefined || asked.get('algorithm') !== 'md5-sess')
      throw new SaslRefusal('asks for another SASL mechanism than DIGEST-MD5 (GSSAPI?)')
    const realm = asked.get('realm') ?? ''
    const hash = (method: string) => this.#response(method, realm, nonce)
    this.#proof = hash('')
    const quoted = (text: string) => `"${text.replace(/["\\]/g, '\\$&')}"`
    const answer = [
      `username=${quoted(this.#user)}`,
      `realm=${quoted(realm)}`,
      `nonce=${quoted(nonce)}`,
      `nc=${COUNT}`,
      `cnonce=${quoted(this.#cnonce)}`,
      `digest-uri=${quoted(URI)}`,
      'maxbuf=65536',
      `response=${hash('AUTHENTICATE')}`,
      'qop=auth',
    ]
    if (asked.get('charset') === 'utf-8') answer.unshift('charset=utf-8')
    return Buffer.from(answer.join(','))
  }

  #response(method: string, realm: string, nonce: string): string {
    const secret = md5(Buffer.concat([latin(this.#user), COLON, latin(realm), COLON, latin(this.#password)]))
    const a1 = Buffer.concat([secret, Buffer.from(`:${nonce}:${this.#cnonce}`)])
    const a2 = md5(Buffer.from(`${method}:${URI}`)).toString('hex')
    return md5(
      Buffer.from(`${md5(a1).toString('hex')}:${nonce}:${COUNT}:${this.#cnonce}:auth:${a2}`),
    ).toString('hex')
  }
}

export function refused(user: string | null): SaslRefusal {
  const whom = user === null ? '' : ` of user ${user}: the password is wrong, or it does not know the user`
  return new SaslRefusal(`does not accept the SASL authentication${whom}`)
}

const COLON = Buffer.from(':')

function md5(bytes: Buffer): Buffer {
  return createHash('md5').update(bytes).digest()
}

/** What fits into ISO 8859-1 is hashed in it, whatever the charset of the exchange (RFC 2831, 2.1.2.1). */
function latin(text: string): Buffer {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: all of ISO 8859-1
  return Buffer.from(text, /^[\x00-\xff]*$/.test(text) ? 'latin1' : 'utf8')
}

function directives(challenge: Buffer): Map<string, string> {
  const found = new Map<string, string>()
  for (const [, name = '', quoted, bare] of challenge
    .toString()
    .matchAll(/([a-z-]+)=(?:"((?:[^"\\]|\\.)*)"|([^\s,"]*))/gi)) {
    const key = name.toLowerCase()
    // Of several realms the first is as good as any.
    if (!found.has(key)) found.set(key, quoted?.replace(/\\(.)/g, '$1') ?? bare ?? '')
  }
  return found
}
