/** Identities of a session: `digest` with `user:password`, say. A password never gets into a message. */

export interface AuthInfo {
  scheme: string
  auth: Buffer
}

/** The user's name, where the scheme says which part of the credentials is no secret. */
export function userOf({ scheme, auth }: AuthInfo): string | null {
  if (scheme !== 'digest') return null
  const colon = auth.indexOf(':')
  return colon < 1 ? null : auth.toString('utf8', 0, colon)
}
