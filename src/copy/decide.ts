/** What a copy has to do about one path. The same answer serves the march, the recovery and the rounds. */
import { type AclList, OPEN_ACL } from '../tree/acl.ts'
import { compare } from '../tree/compare.ts'
import { type Change, type Former, type Side, ZnodeError } from '../tree/contracts.ts'
import type { Pair } from '../tree/pairs.ts'
import { isUnsupported, type Modes, type Unsupported } from './kinds.ts'

export type Decision =
  | { do: 'nothing' }
  | { do: 'create'; change: Extract<Change, { kind: 'create' }> }
  /** To be made as a kind of znode that the target does not make: not made as anything else. */
  | { do: 'unsupported'; reason: Unsupported }
  /** The ACL goes first, and alone: new data must never stand under the old ACL. */
  | { do: 'update'; acl: Change | null; data: Change | null }
  | { do: 'fail'; side: Side; error: ZnodeError }
  /** The source's ephemeral: skipped and named. `stale`: a persistent znode stands in its place on the target. */
  | { do: 'skip-ephemeral'; stale: boolean }
  /** Only on the target. */
  | { do: 'extra' }
  /** On both sides, and the user wants the target's kept. */
  | { do: 'keep' }
  /** Someone's ephemeral is where the source has a persistent znode: never set, never deleted. */
  | { do: 'occupied' }

const NOTHING: Decision = { do: 'nothing' }

/** Why what is occupied is not copied. */
export const OCCUPIED = new ZnodeError(
  'EPHEMERAL',
  'someone’s ephemeral znode is in its place on the target, and is left there',
)

export interface DecisionRules {
  /** What is there already is left. */
  keeps: (pair: Pair) => boolean
  /** The ACL to write for a source znode that has one. */
  aclFor: (pair: Pair) => AclList | ZnodeError
  modes: Modes
  /** What is kept of the target's znode before it is overwritten. */
  formerOf: (pair: Pair) => Former | 'kept' | ZnodeError
}

export function decide(pair: Pair, options: DecisionRules): Decision {
  const comparison = compare(pair)
  if (comparison.is === 'same' || comparison.is === 'nothing') return NOTHING
  if (comparison.is === 'unknown') return { do: 'fail', side: comparison.side, error: comparison.error }
  const { source, target, path } = pair
  if (comparison.is === 'ephemeral') return { do: 'skip-ephemeral', stale: false }
  if (source === null) return { do: 'extra' }
  const { what } = comparison
  if (what.includes('ephemeral')) {
    return source.stat.ephemeralOwner !== 0n ? { do: 'skip-ephemeral', stale: true } : { do: 'occupied' }
  }
  if (target !== null && options.keeps(pair)) return { do: 'keep' }
  const mode = target === null ? options.modes.modeFor(path, source) : 'persistent'
  if (isUnsupported(mode)) return { do: 'unsupported', reason: mode }
  const acl = source.acl === null ? OPEN_ACL : options.aclFor(pair)
  if (acl instanceof ZnodeError) return { do: 'fail', side: 'target', error: acl }
  if (target === null) {
    return {
      do: 'create',
      change: { kind: 'create', path, data: source.data, acl, mode, origin: source.stat },
    }
  }
  const former = options.formerOf(pair)
  if (former instanceof ZnodeError) return { do: 'fail', side: 'target', error: former }
  const { version, aversion } = target.stat
  return {
    do: 'update',
    acl: what.includes('acl') ? { kind: 'setAcl', path, acl, aversion, former } : null,
    data: what.includes('data')
      ? { kind: 'setData', path, data: source.data, version, origin: source.stat, former }
      : null,
  }
}
