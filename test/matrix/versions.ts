/** The versions of the matrix, and what each of them is known not to do: every line here is asserted by a run. */

/** One of each line that is in use, and the oldest that is found in the field. */
export const MATRIX = ['3.4.6', '3.4.14', '3.5.10', '3.6.4', '3.7.2', '3.8.4', '3.9.5'] as const

export type MatrixVersion = (typeof MATRIX)[number]

export const PAIRS: readonly (readonly [from: MatrixVersion, to: MatrixVersion])[] = MATRIX.flatMap((from) =>
  MATRIX.map((to) => [from, to] as const),
)

/** Whether `version` is `other` or newer; both are like `3.5.10`. */
export function isSince(version: string, other: string): boolean {
  return version.localeCompare(other, 'en', { numeric: true }) >= 0
}

/** Containers came with 3.5.1, TTL znodes with 3.5.3. */
export const makesContainers = (version: string) => isSince(version, '3.5.1')
export const makesTtl = (version: string) => isSince(version, '3.5.3')
/** 3.4 took the ends of the ranges of excluded characters for allowed: U+001F, say. */
export const takesOldNames = (version: string) => !isSince(version, '3.5.5')
/** ACLs of scheme `ip` with a network, such as `10.0.0.0/8`: no 3.4 takes one. */
export const takesNetworkAcls = (version: string) => isSince(version, '3.5')
/** ACLs of scheme `ip` with an IPv6 address. */
export const takesIpv6Acls = (version: string) => isSince(version, '3.9.4')
/** Digest ids are shown as `user:x` to a reader without ADMIN. */
export const masksAcls = (version: string) =>
  isSince(version, '3.5.5') || (!isSince(version, '3.5') && isSince(version, '3.4.14'))
/** Many znodes are read in one request. */
export const readsBatches = (version: string) => isSince(version, '3.6.0')
