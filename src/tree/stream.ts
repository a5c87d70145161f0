/**
 * A tree in one pass, where a place has it lying in some order: what suffices for a digest, which is a sum and needs
 * none. The place keeps nothing of it.
 */
import type { AclList } from './acl.ts'
import type { DigestSum } from './digest.ts'
import type { Data } from './znode.ts'

/** Valid until the next one is asked for: whoever keeps something copies it. */
export interface StreamedZnode {
  /** Below the location's root, which is "" itself. */
  readonly path: string
  /** Levels below the root. */
  readonly depth: number
  readonly data: Data
  readonly acl: AclList
  /** Belongs to a session. */
  readonly ephemeral: boolean
  /** Adds its digest to a sum, in less time than from the parts. `acl`: with its ACL. */
  addTo(sum: DigestSum, acl: boolean): void
}

/** Depth first, a parent right before its children. Batches of any size; waiting happens between them. Rejects with `StreamBroken`. */
export type ZnodeStream = AsyncIterable<Iterable<StreamedZnode>>

/** What was streamed counts for nothing. The place can still be read in the usual way, and says there what is wrong. */
export class StreamBroken extends Error {
  override name = 'StreamBroken'
}
