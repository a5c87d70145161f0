/**
 * `rmr --if-verified`: a subtree goes only when a journal has a verified copy of this very subtree, whole, and both
 * sides are still equal now.
 */
import type { JournalReader, RunInfo } from '../journal/index.ts'
import { restoreAclMap } from '../tree/acl-map.ts'
import type { RootIdentity, TreeSource } from '../tree/contracts.ts'
import { Interrupted, LocationProblem, SafetyRefusal } from '../tree/errors.ts'
import { type Emit, type JobContext, type JobEvent, newCounts } from '../tree/events.ts'
import { Filter } from '../tree/filter.ts'
import { verify } from '../verify/verify.ts'

export interface IfVerifiedOptions {
  /** How often what differs is read again, and how long to wait before that. */
  rounds: number
  settleMs: number
  concurrency: number
  rate: number | null
  byteRate: number | null
}

/**
 * The latest verified copy of the subtree with this identity: another root of the same name is another subtree.
 * @throws SafetyRefusal when there is none, or it left something behind.
 */
export function findVerifiedCopy(journal: JournalReader, name: string, identity: RootIdentity): RunInfo {
  const verified = journal
    .runs()
    .filter((run) => run.state === 'finished' && run.status === 'done' && run.verified)
  const run = verified.findLast(({ sourceIdentity }) => isSame(sourceIdentity, identity))
  if (run === undefined) {
    throw new SafetyRefusal(
      `The journal ${journal.file} has no verified copy of ${name} as it stands there now${whyNone(journal, name, identity)}; nothing was deleted.`,
    )
  }
  const left = leftBehind(journal, run)
  if (left !== null) {
    throw new SafetyRefusal(
      `The copy of ${name} in the journal ${journal.file}, run ${run.id}, ${left}; nothing was deleted.`,
    )
  }
  return run
}

/** What the journal has instead, as a sentence's middle. */
function whyNone(journal: JournalReader, name: string, identity: RootIdentity): string {
  const runs = journal.runs()
  const latest = runs.findLast(({ sourceIdentity }) => isSame(sourceIdentity, identity))
  if (latest !== undefined) return `: run ${latest.id} ${howItStands(latest)}`
  const former = runs.findLast(({ source }) => source === name)
  if (former !== undefined) return `: it was made anew after run ${former.id} had copied it`
  const other = runs.at(-1)
  return other === undefined ? ': no run was begun in it' : `: run ${other.id} copied ${other.source}`
}

function howItStands({ state, status }: RunInfo): string {
  if (state === 'interrupted') return 'was broken off, and the same copy command again finishes it'
  if (state !== 'finished') return state === 'running' ? 'is still running' : 'was abandoned'
  return status === 'done' ? 'was not verified (--no-verify)' : `ended as ${status}`
}

/** What the copy did not take along, as the end of a sentence; `null` when only ephemerals stayed. */
function leftBehind(journal: JournalReader, run: RunInfo): string | null {
  const { acl, include, exclude } = run.options
  if (acl !== true) return 'was made without ACLs (--no-acl)'
  if (!isEmpty(include) || !isEmpty(exclude)) return 'was filtered (--include, --exclude)'
  for (const { kind, path, reason } of journal.issues(run.id)) {
    if (kind === 'failed') return `failed at ${path || 'the root'}`
    if (reason !== 'ephemeral') return `skipped ${path || 'the root'} (${reason})`
  }
  return null
}

/**
 * Compares everything, counters included, now. Returns the source's newest zxid from before: what is newer was not
 * compared.
 * @throws SafetyRefusal unless both sides are identical; Interrupted.
 */
export async function requireIdentical(
  source: TreeSource,
  target: TreeSource,
  run: RunInfo,
  options: IfVerifiedOptions,
  context: JobContext,
): Promise<bigint> {
  // The name alone says little: hosts move, and roots are made anew.
  const identity = await target.identity()
  if (identity === null || run.targetIdentity === null || !isSame(identity, run.targetIdentity)) {
    throw new SafetyRefusal(
      `${target.name} is not the root that run ${run.id} copied to${identity === null ? ': it does not exist' : ''}; nothing was deleted.`,
    )
  }
  const before = await source.position()
  let [differences, missing] = [0, 0]
  const emit: Emit = (event) => {
    if (event.type === 'difference') {
      differences++
      if (event.what.includes('missing-in-source')) missing++
    }
    if (OF_INTEREST.has(event.type)) context.emit(event)
  }
  const { versions, containers } = run.options
  const result = await verify(
    source,
    target,
    {
      ...options,
      acl: true,
      aclMap: restoreAclMap(run.options.aclMap),
      filter: new Filter(),
      combined: false,
      counters: {
        sequence: true,
        version: true,
        strictSequence: false,
        versions: Array.isArray(versions) ? versions.map(String) : [],
        containers: Array.isArray(containers) ? containers.map(String) : [],
      },
    },
    // What a comparison says of ephemerals and counters is no news of the removal.
    { ...context, emit },
  )
  if (result.status === 'interrupted')
    throw new Interrupted('Interrupted while comparing; nothing was deleted.')
  if (result.status !== 'identical') {
    // What a removal leaves when it is broken off.
    const partly = differences > 0 && differences === missing
    throw new SafetyRefusal(
      `${source.name} and its copy ${target.name} are not identical now: ${result.message.replace(/\.$/, '')}; nothing was deleted${partly ? '. Where an earlier rmr was broken off, rmr without --if-verified removes the rest' : ''}.`,
    )
  }
  const message = `${source.name} and its copy ${target.name} are identical, digest ${result.digest.source}`
  context.emit({ type: 'note', message })
  // From here on the counts are the removal's.
  Object.assign(context.counts, newCounts(), { survived: context.counts.survived })
  return before
}

/** Where the copy does not answer, nothing proves that it is there: a refusal, and not the end of a lost target. */
export async function refusingUnreachable<T>(work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (error) {
    if (!(error instanceof LocationProblem) || error.side !== 'target') throw error
    const why = error.message.replace(/\.$/, '')
    throw new SafetyRefusal(`The copy cannot be compared (${why}); nothing was deleted.`, { cause: error })
  }
}

const OF_INTEREST = new Set<JobEvent['type']>(['phase', 'difference', 'failed', 'waiting'])

function isSame(a: RootIdentity, b: RootIdentity): boolean {
  return a.czxid === b.czxid && a.ctime === b.ctime
}

function isEmpty(globs: unknown): boolean {
  return Array.isArray(globs) && globs.length === 0
}
