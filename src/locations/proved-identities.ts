/** What an ensemble calls the tool, where it has checked who comes: by SASL, or by a client certificate. */
import { type AuthInfo, isSasl, operations, type TlsTransport, ZooKeeperError } from '../zookeeper/index.ts'
import type { Identity } from './identities.ts'
import type { SessionKeeper } from './session-keeper.ts'

const PROVED: ReadonlySet<string> = new Set(['sasl', 'x509'])

/** @throws LocationProblem */
export async function provedIdentities(
  session: SessionKeeper,
  auth: readonly AuthInfo[],
  transport: TlsTransport | undefined,
): Promise<Identity[]> {
  const subject = transport?.subject ?? null
  if (subject === null && !auth.some(isSasl)) return []
  const [reply] = await session.send(operations.whoAmI, [null])
  if (reply !== undefined && !(reply instanceof ZooKeeperError)) {
    return reply.identities
      .filter(({ scheme }) => PROVED.has(scheme))
      .map(({ scheme, user }) => ({ scheme, id: user }))
  }
  // Before 3.7 nobody tells.
  const id = subject === null ? null : javaName(subject)
  return id === null ? [] : [{ scheme: 'x509', id }]
}

/** Java's RFC 2253 form of a subject, where it is beyond doubt: the last attribute first, and nothing to be escaped. */
export function javaName(subject: string): string | null {
  const attributes = subject.split('\n')
  const plain = attributes.every((one) =>
    /^(?:CN|L|ST|O|OU|C|STREET|DC|UID)=[A-Za-z0-9.@_/:-](?:[A-Za-z0-9.@_/: -]*[A-Za-z0-9.@_/:-])?$/.test(one),
  )
  return plain ? attributes.reverse().join(',') : null
}
