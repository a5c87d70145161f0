/** A session's SASL identity, proved on each of its connections anew, before anything else is sent. */
import { type AuthInfo, userOf } from '../auth.ts'
import type { Connection } from '../connection.ts'
import { AuthFailedError, ConnectionLossError } from '../errors.ts'
import { Errno } from '../wire/errors.ts'
import { DigestMd5, refused } from './digest-md5.ts'
import { Gssapi } from './gssapi.ts'
import { negotiate, type SaslMechanism, SaslRefusal } from './mechanism.ts'

/** Servers of 3.4 answer a wrong password by hanging up. One that does so again and again is not just going down. */
const HANG_UPS = 3
const HUNG_UP: ReadonlySet<string> = new Set(['the server closed it', 'ECONNRESET', 'EPIPE'])

export class SaslLogin {
  readonly #info: AuthInfo
  #hangUps = 0

  constructor(info: AuthInfo) {
    this.#info = info
  }

  /**
   * @throws AuthFailedError when the server does not take it, and never will
   * @throws ConnectionLossError for what may pass
   */
  async prove(connection: Connection): Promise<void> {
    let answers = 0
    try {
      await connection.negotiate((send) =>
        negotiate(this.#mechanism(connection.endpoint.host), (token) => {
          answers++
          return send(token)
        }),
      )
      this.#hangUps = 0
    } catch (error) {
      // Before our first real answer there is nothing to refuse.
      const hungUp = error instanceof ConnectionLossError && HUNG_UP.has(error.why) && answers > 1
      if (hungUp) this.#hangUps++
      if (error instanceof SaslRefusal) throw this.#failed(connection, error)
      if (hungUp && this.#hangUps >= HANG_UPS) throw this.#failed(connection, refused(userOf(this.#info)))
      throw error
    }
  }

  #mechanism(host: string): SaslMechanism {
    const { scheme, auth } = this.#info
    const text = auth.toString()
    if (scheme === 'sasl-gssapi') return new Gssapi(host, text === '' ? null : text)
    const colon = text.indexOf(':')
    return new DigestMd5(text.slice(0, colon), text.slice(colon + 1))
  }

  #failed(connection: Connection, refusal: SaslRefusal): AuthFailedError {
    return new AuthFailedError(
      connection.endpoint.label,
      'sasl',
      userOf(this.#info),
      Errno.authFailed,
      refusal.message,
    )
  }
}
