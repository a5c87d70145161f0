/** What two sides of one path have to say to each other. */

import { type Side, ZnodeError } from './contracts.ts'
import { type CounterRules, NO_COUNTERS } from './counter-rules.ts'
import { znodeDigest } from './digest.ts'
import type { DifferenceKind } from './events.ts'
import { isEphemeral, type Pair, sameAcls, sameData } from './pairs.ts'

/**
 * `same`, `different`; `ephemeral`: the source's, which is not copied and not in any digest;
 * `unknown`: a side could not be read or is masked; `nothing`: gone on both sides.
 */
export type Comparison =
  | { is: 'same' }
  | { is: 'ephemeral' }
  | { is: 'nothing' }
  | { is: 'different'; what: DifferenceKind[] }
  | { is: 'unknown'; side: Side; error: ZnodeError }

const SAME: Comparison = { is: 'same' }
const EPHEMERAL: Comparison = { is: 'ephemeral' }
const NOTHING: Comparison = { is: 'nothing' }

export function compare(pair: Pair, counters: CounterRules = NO_COUNTERS): Comparison {
  if (pair.sourceError !== null) return { is: 'unknown', side: 'source', error: pair.sourceError }
  if (pair.targetError !== null) return { is: 'unknown', side: 'target', error: pair.targetError }
  const { source, target } = pair
  if (source === null) {
    if (target === null) return NOTHING
    return { is: 'different', what: [isEphemeral(target.stat) ? 'ephemeral' : 'missing-in-source'] }
  }
  if (isEphemeral(source.stat)) {
    // Both ephemeral: each lives with its own session. A persistent one is what careless tools leave behind.
    return target === null || isEphemeral(target.stat) ? EPHEMERAL : { is: 'different', what: ['ephemeral'] }
  }
  if (source.acl?.masked) return { is: 'unknown', side: 'source', error: maskedError() }
  if (target === null) return { is: 'different', what: ['missing-in-target'] }
  if (isEphemeral(target.stat)) return { is: 'different', what: ['ephemeral'] }
  if (target.acl?.masked) return { is: 'unknown', side: 'target', error: maskedError() }
  const data = sameData(source, target)
  const acl = sameAcls(source, target)
  const sequence = !counters.sequence(pair.path, source, target)
  const version = !counters.version(pair.path, source, target)
  const kind = !counters.kind(source, target)
  if (data && acl && !sequence && !version && !kind) return SAME
  const what: DifferenceKind[] = []
  if (!data) what.push('data')
  if (!acl) what.push('acl')
  if (sequence) what.push('sequence')
  if (version) what.push('version')
  if (kind) what.push('kind')
  return { is: 'different', what }
}

function maskedError(): ZnodeError {
  return new ZnodeError(
    'MASKED',
    'the server shows this ACL masked (user:x), so it can be neither copied nor compared; an identity with ADMIN on this znode, or a super user, would see it',
  )
}

/** Digests of both sides, `null` where there is no persistent znode. Equal znodes are hashed once. */
export function pairDigests(pair: Pair, same: boolean): { source: Buffer | null; target: Buffer | null } {
  const source = sideDigest(pair, 'source')
  return { source, target: same ? source : sideDigest(pair, 'target') }
}

export function sideDigest(pair: Pair, side: Side): Buffer | null {
  const znode = pair[side]
  if (znode === null || isEphemeral(znode.stat)) return null
  return znodeDigest(pair.path, znode.data, znode.acl)
}
