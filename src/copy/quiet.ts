/** `--expect-quiet`: whether anything in the source changes, told by a sum over every znode's Stat and ACL. */

import type { Side, TreeSource, ZnodeError } from '../tree/contracts.ts'
import { DigestSum, znodeDigest } from '../tree/digest.ts'
import type { Directory } from '../tree/directory.ts'
import { Interrupted, SafetyRefusal } from '../tree/errors.ts'
import type { Emit } from '../tree/events.ts'
import type { MarchHand, MarchOptions, MarchPair } from '../tree/march.ts'
import { march } from '../tree/march.ts'
import { formatCount } from '../tree/plural.ts'
import { pause } from '../tree/windows.ts'
import { newestZxid } from '../tree/znode.ts'

interface Fingerprint {
  /** Changes whenever a znode is made, removed, set, or given another ACL; reads no data. */
  sum: string
  /** The source's newest zxid when it was begun. */
  at: bigint
  /** A znode with a change that is newer than what was asked for. An ACL leaves no zxid. */
  newer: string | null
}

/** `null` when the signal stopped it. */
async function fingerprint(
  source: TreeSource,
  options: MarchOptions,
  since: bigint | null,
): Promise<Fingerprint | null> {
  const hand = new FingerprintHand(since)
  const at = await source.position()
  const looking = { ...options, acl: true, data: false }
  if (!(await march(source, source, hand, looking, { from: 'root', target: false }))) return null
  return { sum: hand.sum.hex(), at, newer: hand.newer }
}

/** Watches the source before a copy, and looks once more at its end. */
export class QuietWatch {
  readonly #source: TreeSource
  readonly #options: MarchOptions
  readonly #emit: Emit
  #before: string | null = null

  constructor(source: TreeSource, options: MarchOptions, emit: Emit) {
    this.#source = source
    this.#options = options
    this.#emit = emit
  }

  /** @throws SafetyRefusal when something changes within `milliseconds`; nothing to do for `null`. */
  async expect(milliseconds: number | null): Promise<void> {
    if (milliseconds === null) return
    const { signal } = this.#options
    const says = `watching the source for ${formatCount(milliseconds / 1000)} s (--expect-quiet)`
    this.#emit({ type: 'phase', phase: 'settle', says })
    const before = await fingerprint(this.#source, this.#options, null)
    await pause(milliseconds, signal)
    const after = before && (await fingerprint(this.#source, this.#options, before.at))
    if (before === null || after === null || signal.aborted)
      throw new Interrupted('Interrupted while the source was watched; nothing was written.')
    if (after.sum !== before.sum) {
      const which = after.newer === null ? '' : `, such as ${after.newer || 'the root'}`
      throw new SafetyRefusal(
        `The source ${this.#source.name} changed while it was watched (--expect-quiet)${which}; nothing was written.`,
      )
    }
    this.#before = after.sum
  }

  /** True, too, when nothing was expected; `null` when the signal stopped the look. */
  async still(): Promise<boolean | null> {
    if (this.#before === null) return true
    const now = await fingerprint(this.#source, this.#options, null)
    return now && now.sum === this.#before
  }
}

class FingerprintHand implements MarchHand {
  readonly sum = new DigestSum()
  newer: string | null = null
  readonly #since: bigint | null

  constructor(since: bigint | null) {
    this.#since = since
  }

  async pairs(pairs: MarchPair[]): Promise<void> {
    for (const { path, source } of pairs) {
      if (source === null) continue
      const { czxid, mzxid, pzxid, aversion } = source.stat
      if (this.#since !== null && newestZxid(source.stat) > this.#since) this.newer ??= path
      this.sum.add(znodeDigest(path, Buffer.from(`${czxid} ${mzxid} ${pzxid} ${aversion}`), source.acl))
    }
  }

  unlisted(directory: Directory, _side: Side, error: ZnodeError): void {
    this.sum.add(znodeDigest(directory.path, Buffer.from(error.code), null))
  }
}
