/** A ZooKeeper client that is usable on its own. */
export { type AuthInfo, isSasl, userOf } from './auth.ts'
export type { BurstOptions } from './burst.ts'
export { type CreateOptions, type WatchOptions, ZooKeeperClient } from './client.ts'
export type { ClientOptions } from './client-options.ts'
export { type ConnectString, formatHost, type Host, parseConnectString } from './connect-string.ts'
export type { Lookup } from './endpoints.ts'
export * from './errors.ts'
export { findLeaders } from './leader.ts'
export type * from './operations/index.ts'
export * as operations from './operations/index.ts'
export { CreateFlag } from './operations/index.ts'
export type { AddWatchMode, WatchEvent, WatchEventType } from './operations/watches.ts'
export { checkExistingPath, checkPath, pathFlaw } from './path.ts'
export { probeSession } from './probe-session.ts'
export type { SessionIdentity, SessionState } from './session.ts'
export { type TlsOptions, TlsTransport, transportOf } from './tls.ts'
export type { WaitingReport } from './waiting.ts'
export { JuteReader } from './wire/reader.ts'
export {
  type Acl,
  type AclInput,
  decodeAcl,
  encodeAcl,
  OPEN_ACL,
  readAcl,
  type Stat,
} from './wire/records.ts'
