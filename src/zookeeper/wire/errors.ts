/** The error codes of a reply header, by ZooKeeper's names. */

interface ErrorCode {
  readonly name: string
  /** Completes the sentence "… failed: ". */
  readonly meaning: string
  /** The server did not carry it out and may do so later. */
  readonly retriable?: true
}

const CODES: Readonly<Record<number, ErrorCode>> = {
  [-1]: { name: 'SYSTEMERROR', meaning: 'the server had an internal error' },
  [-2]: {
    name: 'RUNTIMEINCONSISTENCY',
    meaning: 'not carried out, because another part of the same multi failed',
  },
  [-3]: { name: 'DATAINCONSISTENCY', meaning: 'the server found its data inconsistent' },
  [-4]: { name: 'CONNECTIONLOSS', meaning: 'the connection was lost', retriable: true },
  [-5]: { name: 'MARSHALLINGERROR', meaning: 'the server could not read the request' },
  [-6]: {
    name: 'UNIMPLEMENTED',
    meaning: 'this server does not know the operation, or it is not enabled there',
  },
  [-7]: { name: 'OPERATIONTIMEOUT', meaning: 'the server gave up waiting', retriable: true },
  [-8]: { name: 'BADARGUMENTS', meaning: 'the server refuses the arguments' },
  [-12]: { name: 'UNKNOWNSESSION', meaning: 'the server does not know the session' },
  [-13]: { name: 'NEWCONFIGNOQUORUM', meaning: 'no quorum of the new configuration is in sync' },
  [-14]: { name: 'RECONFIGINPROGRESS', meaning: 'another reconfiguration is under way', retriable: true },
  [-101]: { name: 'NONODE', meaning: 'the znode does not exist' },
  [-102]: { name: 'NOAUTH', meaning: 'the ACL does not allow it' },
  [-103]: { name: 'BADVERSION', meaning: 'the znode has another version' },
  [-108]: { name: 'NOCHILDRENFOREPHEMERALS', meaning: 'the parent is ephemeral and cannot have children' },
  [-110]: { name: 'NODEEXISTS', meaning: 'the znode exists already' },
  [-111]: { name: 'NOTEMPTY', meaning: 'the znode has children' },
  [-112]: { name: 'SESSIONEXPIRED', meaning: 'the session has expired' },
  [-113]: { name: 'INVALIDCALLBACK', meaning: 'the server reports an invalid callback' },
  [-114]: { name: 'INVALIDACL', meaning: 'the server does not accept the ACL' },
  [-115]: { name: 'AUTHFAILED', meaning: 'the server does not accept the credentials' },
  [-118]: { name: 'SESSIONMOVED', meaning: 'the session has moved to another server', retriable: true },
  [-119]: { name: 'NOTREADONLY', meaning: 'the server is read-only at present' },
  [-120]: { name: 'EPHEMERALONLOCALSESSION', meaning: 'a local session cannot own ephemeral znodes' },
  [-121]: { name: 'NOWATCHER', meaning: 'there is no such watch' },
  [-122]: { name: 'REQUESTTIMEOUT', meaning: 'the server gave up waiting', retriable: true },
  [-123]: { name: 'RECONFIGDISABLED', meaning: 'reconfiguration is disabled' },
  [-124]: {
    name: 'SESSIONCLOSEDREQUIRESASLAUTH',
    meaning:
      'the server demands an authentication that was not given (SASL, or what its enforce.auth.schemes names)',
  },
  [-125]: { name: 'QUOTAEXCEEDED', meaning: 'the quota is used up' },
  [-127]: { name: 'THROTTLEDOP', meaning: 'the server is throttling requests', retriable: true },
}

export const Errno = {
  unimplemented: -6,
  noNode: -101,
  sessionExpired: -112,
  authFailed: -115,
  saslRequired: -124,
} as const

/** A code that no release up to 3.9 has keeps its number as its name. */
export function errorCode(errno: number): ErrorCode {
  return (
    CODES[errno] ?? {
      name: `UNKNOWN(${errno})`,
      meaning: `the server gave error ${errno}, which is not known here`,
    }
  )
}
