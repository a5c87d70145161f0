/** The two roots during a copy: one that somebody removes and makes anew meanwhile makes it a copy of something else. */
import type { Run } from '../journal/index.ts'
import type { Side, TreeSource, TreeTarget } from '../tree/contracts.ts'
import { czxidOfRoot } from '../tree/same-root.ts'
import { isKnown } from './begin.ts'

export class Roots {
  readonly #source: TreeSource
  readonly #target: TreeTarget
  /** The source root's czxid. */
  #then: bigint | null = null
  #targetReplaced = false

  constructor(source: TreeSource, target: TreeTarget) {
    this.#source = source
    this.#target = target
  }

  async remember(): Promise<void> {
    this.#then = await czxidOfRoot(this.#source)
  }

  /** Once the root is on the target, and whenever it may have become another. */
  async recordTarget(run: Run): Promise<void> {
    const identity = await this.#target.identity()
    if (!isKnown(identity)) return
    const before = run.info.targetIdentity
    // Of `/` it is the oldest child, which may be one of those that are copied.
    if (this.#target.rootPath !== '/' && before !== null && before.czxid !== identity.czxid)
      this.#targetReplaced = true
    run.setTargetIdentity(identity)
  }

  /** Why what was copied is not one tree, in a sentence; `null` when it is. */
  async sourceReplaced(): Promise<string | null> {
    const now = await czxidOfRoot(this.#source)
    if (now === this.#then) return null
    const what = now === null ? 'removed' : 'removed and made anew'
    return `The source root ${this.#source.name} was ${what} while it was copied, so what was copied is not one tree.`
  }

  /** The same of what was written, where nobody verifies it. */
  targetReplaced(): string | null {
    if (!this.#targetReplaced) return null
    return `The target root ${this.#target.name} was made anew by somebody else during the copy, and nothing was verified.`
  }
}

/** The czxids that the run was begun with; a target root that it made itself is on record since. */
export function czxidsOf({ info }: Run): Record<Side, bigint | null> {
  return { source: info.sourceIdentity.czxid, target: info.targetIdentity?.czxid ?? null }
}
