/**
 * A run whose proof was complete when it was broken off while its temporary ACL entries were being taken out: the tool
 * may be locked out of what it has proved by now, and cannot prove it again. If the source is still what was proved,
 * the proof stands.
 */
import type { Run, RunEnd } from '../journal/index.ts'
import { type Comparison, compare, sideDigest } from '../tree/compare.ts'
import type { Side, TreeSource, ZnodeError } from '../tree/contracts.ts'
import type { CounterRules } from '../tree/counter-rules.ts'
import { DigestSum } from '../tree/digest.ts'
import type { Directory } from '../tree/directory.ts'
import { type MarchHand, type MarchOptions, type MarchPair, march } from '../tree/march.ts'
import { sameData } from '../tree/pairs.ts'
import { parentPath } from '../tree/path.ts'
import type { Proof } from './prove.ts'

/** On disk before the first entry is taken out. A proof that found something is none. */
export function rememberProof(
  run: Run,
  { tally, consistency }: Proof,
  written: Pick<RunEnd, 'lastWrite' | 'lateWrites'>,
  lacking: number,
): void {
  if (tally.found + tally.unknown + lacking > 0 || run.temporaryAcls().length === 0) return
  const digest = tally.sourceSum.hex()
  if (digest !== tally.targetSum.hex()) return
  run.setProof({ digest, consistency, ...written })
}

/**
 * Whether the source is still what the run has proved, and the target too, as far as it may be looked at.
 * @param skipRoot the root itself is in no digest
 */
export async function stillAsProved(
  run: Run,
  source: TreeSource,
  target: TreeSource,
  options: MarchOptions,
  rules: CounterRules,
  skipRoot: boolean,
): Promise<boolean> {
  const { verified, sourceDigest } = run.info
  if (!verified || sourceDigest === null) return false
  const hand = new ProofHand(rules, skipRoot)
  await Promise.all([source.position(), target.position()])
  const looking = { ...options, targetOnlyData: true, descendTargetOnly: true }
  const whole = await march(source, target, hand, looking, { from: 'root', target: true })
  return whole && !hand.unlike && hand.sum.hex() === sourceDigest
}

class ProofHand implements MarchHand {
  readonly sum = new DigestSum()
  unlike = false
  /** Znodes of the target that the tool is locked out of, and all below them. */
  readonly #locked = new Set<string>()
  readonly #rules: CounterRules
  readonly #skipRoot: boolean

  constructor(rules: CounterRules, skipRoot: boolean) {
    this.#rules = rules
    this.#skipRoot = skipRoot
  }

  async pairs(pairs: MarchPair[]): Promise<void> {
    for (const pair of pairs) {
      if (pair.sourceError !== null) this.unlike = true
      if (!pair.counted || (pair.path === '' && this.#skipRoot)) continue
      const digest = sideDigest(pair, 'source')
      if (digest !== null) this.sum.add(digest)
      if (this.#isLocked(pair)) this.#locked.add(pair.path)
      else if (!this.#isAlike(pair)) this.unlike = true
    }
  }

  unlisted(directory: Directory, side: Side, error: ZnodeError): void {
    if (side === 'target' && error.code === 'NOAUTH') this.#locked.add(directory.path)
    else this.unlike = true
  }

  /** Of a znode whose ACL the target masks, the data are seen all the same. */
  #isAlike(pair: MarchPair): boolean {
    const { source, target } = pair
    const comparison = compare(pair, this.#rules)
    if (comparison.is !== 'unknown') return ALIKE.has(comparison.is)
    const masked = comparison.side === 'target' && comparison.error.code === 'MASKED'
    return masked && source !== null && target !== null && sameData(source, target)
  }

  #isLocked({ path, targetError }: MarchPair): boolean {
    const parent = parentPath(path)
    return targetError?.code === 'NOAUTH' || (parent !== null && this.#locked.has(parent))
  }
}

const ALIKE = new Set<Comparison['is']>(['same', 'nothing', 'ephemeral'])
