/**
 * Which zxids of the target are a run's own, as that goes on record at its end: by it the next copy tells what somebody
 * else has done there since.
 */
import type { RunEnd, RunInfo } from '../journal/index.ts'
import type { TreeTarget } from '../tree/contracts.ts'
import type { Status } from '../tree/events.ts'
import { ZxidRanges } from '../tree/zxid-ranges.ts'
import type { Looks } from './looks.ts'

/** See `RunInfo`. */
export type Written = Pick<RunEnd, 'lastWrite' | 'lateWrites'>

/** When both sides were begun to be compared, and what a part that was broken off wrote after that. */
export interface Proven {
  position: bigint
  lateWrites?: ZxidRanges
}

export class OwnWrites {
  /** The target's newest zxid before anything was written. */
  before: bigint | null = null
  /** Both sides were equal as they were then, or at a later look. */
  proved: Proven | null = null
  readonly #target: TreeTarget

  constructor(target: TreeTarget) {
    this.#target = target
  }

  async atEnd(run: RunInfo, status: Status, looks: Looks): Promise<Written> {
    return this.proved !== null && status === 'done'
      ? this.since(this.proved)
      : this.#unproved(run, status, looks)
  }

  /** All that was there when the proof began was proved since; what we wrote after that is known, or not all of it. */
  async since({ position, lateWrites: earlier }: Proven): Promise<Written> {
    const { lateWrites } = this.#target
    // One has arrived unheard: up to now all is taken for ours.
    if (lateWrites === null) return { lastWrite: (await this.#target.position()) || null, lateWrites }
    return { lastWrite: position || null, lateWrites: ZxidRanges.of([...(earlier ?? []), ...lateWrites]) }
  }

  /**
   * A run that wrote nothing that leaves a zxid stands on the last write of the one before it, or on what it found; one
   * that was refused before it wrote, or that has not seen all that several others saw a part of, on nothing.
   */
  #unproved({ lastWrite, lateWrites, wrote }: RunInfo, status: Status, looks: Looks): Written {
    if (this.#target.lastWrite) return { lastWrite: this.#target.lastWrite, lateWrites: null }
    if (lastWrite || (status === 'refused' && !wrote)) return { lastWrite, lateWrites }
    const earlier = status === 'done' ? looks.latest : looks.previous
    if (earlier?.lastWrite) return { lastWrite: earlier.lastWrite, lateWrites: earlier.lateWrites }
    return { lastWrite: looks.latest === null ? this.before : null, lateWrites: null }
  }
}
