/** `--expect-quiet`: whether anything in the source changes, told by a sum over every znode's Stat and ACL. */

import type { Side, TreeSource, ZnodeError } from '../tree/contracts.ts'
import { DigestSum, znodeDigest } from '../tree/digest.ts'
import type { Directory } from '../tree/directory.ts'
import { Interrupted, SafetyRefusal } from '../tree/errors.ts'
import type { Emit } from '../tree/events.ts'
import type { MarchHand, MarchOptions, MarchPair } from '../tree/march.ts'
import { march } from '../tree/march.ts'
import { pause } from '../tree/windows.ts'

/** Changes whenever a znode is made, removed, set, or given another ACL; reads no data. */
async function fingerprint(source: TreeSource, options: MarchOptions): Promise<string> {
  const hand = new FingerprintHand()
  await source.position()
  await march(source, source, hand, { ...options, acl: true, data: false }, { from: 'root', target: false })
  return hand.sum.hex()
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
    this.#emit({ type: 'phase', phase: 'settle' })
    const before = await fingerprint(this.#source, this.#options)
    await pause(milliseconds, signal)
    this.#before = await fingerprint(this.#source, this.#options)
    if (signal.aborted)
      throw new Interrupted('Interrupted while the source was watched; nothing was written.')
    if (this.#before !== before) {
      throw new SafetyRefusal(
        `The source ${this.#source.name} changed while it was watched (--expect-quiet); nothing was written.`,
      )
    }
  }

  /** True, too, when nothing was expected. */
  async still(): Promise<boolean> {
    return this.#before === null || (await fingerprint(this.#source, this.#options)) === this.#before
  }
}

class FingerprintHand implements MarchHand {
  readonly sum = new DigestSum()

  async pairs(pairs: MarchPair[]): Promise<void> {
    for (const { path, source } of pairs) {
      if (source === null) continue
      const { czxid, mzxid, pzxid, aversion } = source.stat
      this.sum.add(znodeDigest(path, Buffer.from(`${czxid} ${mzxid} ${pzxid} ${aversion}`), source.acl))
    }
  }

  unlisted(directory: Directory, _side: Side, error: ZnodeError): void {
    this.sum.add(znodeDigest(directory.path, Buffer.from(error.code), null))
  }
}
