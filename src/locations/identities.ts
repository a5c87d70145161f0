/** Who the tool is at a location, and what an ACL lets it do, as far as that can be known from outside. */
import { createHash } from 'node:crypto'
import { BlockList, isIP, isIPv6 } from 'node:net'
import { type AclList, Perms } from '../tree/acl.ts'
import { type AuthInfo, isSasl, type TlsTransport, userOf } from '../zookeeper/index.ts'

export interface Identity {
  scheme: string
  id: string
}

/** Digest identities as the server computes them (DigestAuthenticationProvider's default, SHA-1). */
export function identitiesOf(auth: readonly AuthInfo[]): Identity[] {
  const identities: Identity[] = [{ scheme: 'world', id: 'anyone' }]
  for (const info of auth) {
    const { scheme, auth: credentials } = info
    const user = userOf(info)
    // What a server makes of a Kerberos principal is the server's business.
    if (scheme === 'sasl' && user !== null) identities.push({ scheme, id: user })
    if (scheme !== 'digest') continue
    identities.push({ scheme, id: `${user}:${createHash('sha1').update(credentials).digest('base64')}` })
  }
  return identities
}

/** As whom the tool comes, for messages: no passwords. */
export interface Introduction {
  digestUsers: readonly string[]
  /** Those that a server has checked. */
  proved: readonly string[]
}

export const NOBODY: Introduction = { digestUsers: [], proved: [] }

export function introduction(auth: readonly AuthInfo[], transport?: TlsTransport): Introduction {
  return {
    digestUsers: auth.filter(({ scheme }) => scheme === 'digest').map((info) => userOf(info) ?? ''),
    proved: [
      ...auth.filter(isSasl).map((info) => `SASL user ${userOf(info) ?? '(of the Kerberos ticket)'}`),
      ...(transport?.hasCertificate ? ['the client certificate'] : []),
    ],
  }
}

/** The union of what these identities are granted. A super user may do more: no ACL shows that. */
export function permissionsOf(acl: AclList, identities: readonly Identity[]): number {
  let perms = 0
  for (const entry of acl.entries) {
    const id = entry.id.toString()
    const ours = identities.some(
      (own) =>
        own.scheme === entry.scheme && (own.id === id || (own.scheme === 'ip' && isWithin(own.id, id))),
    )
    if (ours) perms |= entry.perms
  }
  return perms & Perms.all
}

/** `id` is an address, or `address/bits`. */
function isWithin(address: string, id: string): boolean {
  const [net = '', bits] = id.split('/')
  const family = isIPv6(net) ? 'ipv6' : 'ipv4'
  if (isIP(net) === 0 || (bits !== undefined && !/^\d{1,3}$/.test(bits))) return false
  const list = new BlockList()
  if (bits === undefined) list.addAddress(net, family)
  else if (Number(bits) <= (family === 'ipv4' ? 32 : 128)) list.addSubnet(net, Number(bits), family)
  return list.check(address, isIPv6(address) ? 'ipv6' : 'ipv4')
}
