/** Who the tool is at a location, and what an ACL lets it do, as far as that can be known from outside. */
import { createHash } from 'node:crypto'
import { BlockList, isIP, isIPv6 } from 'node:net'
import { type AclList, Perms } from '../tree/acl.ts'
import type { AuthInfo, TlsTransport } from '../zookeeper/index.ts'

export interface Identity {
  scheme: string
  id: string
}

/** Digest identities as the server computes them (DigestAuthenticationProvider's default, SHA-1). */
export function identitiesOf(auth: readonly AuthInfo[]): Identity[] {
  const identities: Identity[] = [{ scheme: 'world', id: 'anyone' }]
  for (const { scheme, auth: credentials } of auth) {
    if (scheme !== 'digest') continue
    const user = userOf(credentials)
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
    digestUsers: auth
      .filter(({ scheme }) => scheme === 'digest')
      .map(({ auth: credentials }) => userOf(credentials)),
    proved: transport?.hasCertificate ? ['the client certificate'] : [],
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

function userOf(credentials: Buffer): string {
  const text = credentials.toString()
  const colon = text.indexOf(':')
  return colon < 0 ? text : text.slice(0, colon)
}
