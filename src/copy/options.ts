import type { AclMap } from '../tree/acl-map.ts'
import type { TreeTarget } from '../tree/contracts.ts'
import type { CounterOptions } from '../tree/counter-rules.ts'
import type { KindOptions } from '../tree/create-mode.ts'
import type { Filter } from '../tree/filter.ts'
import type { Pair } from '../tree/pairs.ts'
import type { Data } from '../tree/znode.ts'

export interface CopyOptions {
  /** Keep ACLs. Without them everything is created open to the world. */
  acl: boolean
  /** Identities that are others on the target. */
  aclMap: AclMap | null
  verify: boolean
  dryRun: boolean
  /** Allow a target root that already has children which no run of this journal wrote. The source wins. */
  merge: boolean
  /** With `merge`: leave what is there. */
  keepExisting: boolean
  /** What the runs of this job have written, or were about to write, unless one has ended as done since. */
  made?: { byUs(path: string, data?: Data): boolean; bySomebody(path: string): void }
  overwriteNewer: boolean
  /** With `/` as the target: change its own data and ACL too. */
  includeRoot: boolean
  deleteExtras: boolean
  /** `null`: no limit, but then `confirmDelete` is asked. */
  maxDelete: number | null
  confirmDelete: (count: number) => Promise<boolean>
  filter: Filter
  /** The source's ephemerals: left out and named, each a failure, or held on the target once the copy is done. */
  ephemeral: 'skip' | 'fail' | 'hold'
  /** Keep sequence counters, and data versions that are counters. */
  counters: CounterOptions
  /** Znodes that are made as containers, or with a TTL. */
  kinds: KindOptions
  /** Copy the quotas of the subtree's znodes. */
  quota: boolean
  /** Steps by which all counters together may be advanced. */
  maxSteps: number
  /** How often what differs after the copy is copied and compared again. */
  rounds: number
  settleMs: number
  /** Directories in flight. */
  concurrency: number
  /** Znodes a second, bytes a second; `null` is no limit. */
  rate: number | null
  byteRate: number | null
  /** Refuse to begin unless the source stays as it is for so long. */
  expectQuietMs: number | null
}

/** What was on the target already is left as it is (`--keep-existing`). */
export function keeps(
  { keepExisting, made }: Pick<CopyOptions, 'keepExisting' | 'made'>,
  { path, target }: Pick<Pair, 'path' | 'target'>,
): boolean {
  return keepExisting && target !== null && made?.byUs(path, target.data) !== true
}

/** `/` as a target keeps its own data and ACL unless the user says otherwise. */
export function leavesRoot(target: TreeTarget, options: CopyOptions): boolean {
  return target.rootPath === '/' && target.staging === undefined && !options.includeRoot
}

export const EPHEMERAL_FAILS =
  'it is an ephemeral znode on the source, which counts as a failure (--ephemeral fail)'

/** Another value of any of these makes another job: a journal is not shared between them. */
export function outcomeOptions(options: CopyOptions): Record<string, unknown> {
  return {
    acl: options.acl,
    include: [...options.filter.include],
    exclude: [...options.filter.exclude],
    keepExisting: options.keepExisting,
    // What is written does not depend on it; only what a resumed run may leave out does.
    ...(options.ephemeral === 'fail' ? { ephemeral: 'fail' } : {}),
    includeRoot: options.includeRoot,
    sequence: options.counters.sequence,
    versions: [...options.counters.versions],
    // Left out where they are not used, so that journals that do not know them still fit.
    ...(options.kinds.containers.length > 0 && { containers: [...options.kinds.containers] }),
    ...(options.kinds.ttls.length > 0 && { ttls: options.kinds.ttls.map((ttl) => ({ ...ttl })) }),
    ...(options.kinds.plain && { plainKinds: true }),
    ...(options.quota && { quota: true }),
    ...(options.aclMap !== null && { aclMap: options.aclMap.mappings }),
  }
}
