/**
 * Identities of a session. A password never gets into a message.
 *
 *   digest       user:password            sent as it is, and checked by nobody: a wrong one is another identity
 *   sasl         user:password            SASL with DIGEST-MD5; one a session
 *   sasl-gssapi  principal, or nothing    SASL with GSSAPI (Kerberos), by the tickets of the process's user; one a session
 *
 * Any other scheme is sent as it is.
 */

export interface AuthInfo {
  scheme: string
  auth: Buffer
}

export function isSasl({ scheme }: AuthInfo): boolean {
  return scheme === 'sasl' || scheme === 'sasl-gssapi'
}

/** The user's name, where the scheme says which part of the credentials is no secret. */
export function userOf({ scheme, auth }: AuthInfo): string | null {
  if (scheme === 'sasl-gssapi') return auth.length === 0 ? null : auth.toString()
  if (scheme !== 'digest' && scheme !== 'sasl') return null
  const colon = auth.indexOf(':')
  return colon < 1 ? null : auth.toString('utf8', 0, colon)
}
