/** Quotas: limits that a server keeps beside the tree, under `/zookeeper/quota`, for a znode and all below it. */
import type { AclList } from './acl.ts'
import type { ZnodeError } from './contracts.ts'
import type { Data } from './znode.ts'

export interface Quota {
  /** Of the znode that has it, below the location's root. */
  path: string
  /** As the servers write them: `count=1000,bytes=-1`, from 3.7 on with hard limits behind that. */
  limits: Data
  acl: AclList
  /** When the limits were set last. */
  mzxid: bigint
  /** Whether the servers' own tally beside them is there. It is theirs: it is never copied. */
  tallied: boolean
}

export interface QuotaReader {
  /** Those of the root and of everything below it, in no order; what cannot be read is named. */
  list(): Promise<(Quota | { path: string; error: ZnodeError })[]>
  /** `null` when this znode has none. */
  read(path: string): Promise<Quota | ZnodeError | null>
}

export interface QuotaWriter extends QuotaReader {
  /**
   * Sets limits and their ACL. The server counts what is there already: its tally begins when it is made, after the
   * limits. Resolves when both have been read back.
   */
  set(quota: Pick<Quota, 'path' | 'limits' | 'acl'>): Promise<ZnodeError | null>
}

const LIMITS = /^count=(-?\d{1,10}),bytes=(-?\d{1,19})(?:=((?:;[A-Za-z]{1,32}=-?\d{1,19})+))?$/

/** Servers trip over limits that they cannot read, so nothing else may be written. */
export function isLimits(data: Data): data is Buffer {
  const match = data === null ? null : LIMITS.exec(data.toString('latin1'))
  if (match === null) return false
  const [, count = '', bytes = '', hard = ''] = match
  const others = hard
    .split(';')
    .slice(1)
    .map((one) => one.slice(one.indexOf('=') + 1))
  // Some versions read the count into 32 bits, others into 64.
  return fits(count, 32) && [bytes, ...others].every((text) => fits(text, 64))
}

function fits(text: string, bits: number): boolean {
  return BigInt.asIntN(bits, BigInt(text)) === BigInt(text)
}
