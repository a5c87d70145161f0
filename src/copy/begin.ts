/** Before a copy: may it begin, and is it new, a resumed one, or one that was finished before? */
import {
  differenceOfJobs,
  type Journal,
  type JournalReader,
  type Run,
  type RunInfo,
  type RunSetup,
} from '../journal/index.ts'
import {
  type RootIdentity,
  type TreeSource,
  type TreeTarget,
  type UndoRecord,
  ZnodeError,
} from '../tree/contracts.ts'
import { JournalProblem, MissingRoot, SafetyRefusal, UsageProblem } from '../tree/errors.ts'
import type { Emit } from '../tree/events.ts'
import type { Filter } from '../tree/filter.ts'
import { refuseDeletionAfter, requireAcls } from '../tree/losses.ts'
import { refuseEphemeralRoot } from '../tree/same-root.ts'
import { finishAcls, takeBack } from './finish-acls.ts'
import { hasKnown, Looks } from './looks.ts'
import { type CopyOptions, outcomeOptions } from './options.ts'

export interface CopyJob {
  source: TreeSource
  target: TreeTarget
  /** `null` for a dry run only. */
  journal: Journal | null
  /** What a dry run knows of earlier runs. */
  record: JournalReader | null
  /** Forget unfinished runs and begin anew. */
  restart: boolean
  version: string
  /** What keeps what is overwritten or deleted on the target, for this run; `null` to keep nothing. */
  undo: ((run: UndoneRun) => Promise<UndoRecord>) | null
  options: CopyOptions
  /** For a dry run: what is missing above the target root, from above, by absolute paths. */
  missingAbove: () => Promise<string[]>
}

/** What an undo record has to know of a run. */
export interface UndoneRun {
  id: string
  /** The file of the part that was broken off. */
  file: string | null
  /** Called when a file is made. */
  made(file: string): void
}

export interface Beginning {
  run: Run | null
  resumed: boolean
  /** What earlier runs looked at of this target. */
  looks: Looks
  /** A resumed run that had written to the target already, as it was left. */
  begun: RunInfo | null
  targetExists: boolean
  /** The source's newest zxid at the start. */
  since: bigint
  filter: Filter
  /** Znodes that cannot go where the user wants them. */
  reserved: number
  /** Znodes that still carry an earlier run's temporary identity: it could not be taken out. */
  stillCarried: number
  /** Places that the part that was broken off had seen to be unlike the source, and left. */
  unlike: number
}

/** @throws UsageProblem, SafetyRefusal, JournalProblem: nothing has been written then. */
export async function begin(job: CopyJob, emit: Emit): Promise<Beginning> {
  const { source, target, journal, options } = job
  const sourceIdentity = await source.identity()
  if (sourceIdentity === null) throw new MissingRoot('The source root', source.name)
  await refuseEphemeralRoot(source)
  if (options.acl) requireAcls(source, '--no-acl')
  if (options.quota && source.quotas === undefined)
    throw new UsageProblem(`The source ${source.name} has no quotas beside its tree; leave --quota out.`)
  if (options.deleteExtras) refuseDeletionAfter(source)
  // Before anything is written or looked at: what somebody else is just making is not for us to judge.
  if (journal !== null) await occupy(target, latestOf(journal), emit)
  if (journal !== null && !job.restart) await beWhoWeWere(target, journal)
  const targetIdentity = await target.identity()
  const setup: RunSetup = {
    command: 'copy',
    source: source.name,
    target: target.name,
    sourceIdentity,
    targetIdentity: isKnown(targetIdentity) ? targetIdentity : null,
    options: { ...outcomeOptions(options), ...(source.moment !== undefined && { moment: source.moment }) },
    version: job.version,
  }
  const record = journal ?? job.record
  // A file is made anew each time: what a broken-off run had made of it is gone.
  const restart = job.restart || target.staging !== undefined
  if (restart && journal !== null) journal.discard()
  const known = restart ? null : latestOf(record)
  if (record !== null && known !== null) {
    const difference = differenceOfJobs(known, setup)
    if (difference !== null) {
      throw new JournalProblem(
        `The journal ${record.file} belongs to another job: ${difference}; give this one its own --journal, or --restart to begin anew.`,
      )
    }
  }
  journal?.forgetIntentsElsewhere(targetIdentity)
  const resumes = known !== null && known.state !== 'finished'
  if (resumes && !options.verify) refuseMixture(known, source)
  const begun = resumes && known.wrote ? known : null
  // Whether the root is ours shows only once it is on record.
  const ours = begun !== null && record !== null && record.directory(begun.id, '') !== null
  const wrote = wroteBefore(record, targetIdentity) || ours
  if (targetIdentity !== null && !options.merge && !wrote) await refuseStrangers(target)
  const looks = new Looks(record, targetIdentity, options.filter, options.acl)
  const since = await source.position()
  const reserved = await reservedChild(source, target, options.filter)
  if (reserved) emit({ type: 'skipped', path: 'zookeeper', reason: 'reserved' })
  const stillCarried =
    journal === null ? 0 : await takeBackAll(journal, resumes ? known.id : null, target, emit)
  const run = journal === null ? null : resumes ? journal.resume(known.id) : journal.begin(setup)
  if (run !== null) await occupy(target, run.info, emit)
  return {
    run,
    resumed: resumes,
    looks,
    begun,
    targetExists: targetIdentity !== null,
    since,
    filter: (reserved ? options.filter.without('zookeeper') : options.filter).on(source.holds),
    reserved: reserved ? 1 : 0,
    stillCarried,
    unlike: resumes ? known.unlike : 0,
  }
}

/** What was copied already is not looked at again, so all of it has to be of one state. @throws SafetyRefusal */
function refuseMixture({ id, options }: RunInfo, { name, moment }: TreeSource): void {
  const then = options.moment ?? moment
  if (then === moment) return
  throw new SafetyRefusal(
    `Run ${id}, which was broken off, read ${then} of ${name}, and this is ${moment}: they would be mixed, unnoticed with --no-verify; leave that out, or begin anew with --restart.`,
  )
}

/** What earlier runs left on the target, but for the one that goes on. Returns how many entries could not be taken out. */
async function takeBackAll(
  journal: Journal,
  resumed: string | null,
  target: TreeTarget,
  emit: Emit,
): Promise<number> {
  let left = 0
  for (const { id, state, hasTemporaryIdentity } of journal.runs()) {
    if (!hasTemporaryIdentity || id === resumed) continue
    const run = journal.open(id)
    left += await (state === 'finished' ? finishAcls(run, target, emit) : takeBack(run, target, emit))
  }
  return left
}

/** @throws OccupiedRefusal */
async function occupy(target: TreeTarget, run: RunInfo | null, emit: Emit): Promise<void> {
  const unsure = await target.occupy?.({ command: 'copy', run: run?.id ?? null })
  if (unsure) emit({ type: 'note', message: unsure })
}

/** A run that was broken off may be let in to its own root by its temporary identity alone. */
async function beWhoWeWere(target: TreeTarget, journal: Journal): Promise<void> {
  const known = latestOf(journal)
  if (known === null || known.state === 'finished') return
  const identity = journal.open(known.id).temporaryIdentity()
  if (identity !== null) await target.temporary.assume(identity)
}

/** `/` without any child of its own has no identity yet. */
export function isKnown(identity: RootIdentity | null): identity is RootIdentity {
  return identity !== null && (identity.czxid !== 0n || identity.ctime !== 0n)
}

function wroteBefore(journal: JournalReader | null, identity: RootIdentity | null): boolean {
  if (journal === null || !isKnown(identity)) return false
  return journal
    .runs()
    .some(
      ({ targetIdentity: then, ...run }) =>
        hasKnown(run) && then !== null && then.czxid === identity.czxid && then.ctime === identity.ctime,
    )
}

/** What the same command goes on from. */
function latestOf(record: JournalReader | null): RunInfo | null {
  const latest = record?.latest() ?? null
  return latest === null || latest.state === 'abandoned' ? null : latest
}

async function refuseStrangers(target: TreeTarget): Promise<void> {
  const [reply] = await target.lane(0n).list([''])
  if (reply === undefined) return
  if (reply instanceof ZnodeError) {
    if (reply.gone) return
    throw new SafetyRefusal(
      `The target root ${target.name} exists and its children cannot be listed (${reply.code}), so it may not be empty; --merge allows to copy into it.`,
    )
  }
  if (reply.names.length === 0) return
  throw new SafetyRefusal(
    `The target root ${target.name} already has children that no run in this journal wrote (${reply.names.length}, such as ${reply.names[0]}). Are source and target swapped, or was the first copy made with another --journal? If neither, --merge allows to copy into it.`,
  )
}

/**
 * The target's own /zookeeper is no place for a child of that name. That of a source's / is never listed; but what holds
 * parts only may be of another root.
 */
async function reservedChild(source: TreeSource, target: TreeTarget, filter: Filter): Promise<boolean> {
  if (target.rootPath !== '/' || filter.judge('zookeeper') === 'out') return false
  if (source.rootPath === '/' && source.holds === undefined) return false
  const [reply] = await source.lane(0n).stat(['zookeeper'])
  return reply !== undefined && !(reply instanceof ZnodeError && reply.gone)
}
