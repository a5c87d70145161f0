/**
 * Rule 1: a finished copy run again must not roll back a live target. It begins with a march that only reads. When
 * something differs, and the target carries a change that the finished run did not make, someone works there.
 */
import type { JournalReader, Run, RunInfo } from '../journal/index.ts'
import { SafetyRefusal } from '../tree/errors.ts'
import type { JobContext, JobEvent } from '../tree/events.ts'
import { type MarchOptions, march } from '../tree/march.ts'
import { formatCount, plural } from '../tree/plural.ts'
import { Tally, type TallyOptions } from '../verify/tally.ts'
import type { Beginning, CopyJob } from './begin.ts'
import { Evidence } from './evidence.ts'
import { isNewerThan, type Newer } from './looks.ts'

/** Events of a march that may not be the last one. */
const MOST_HELD_BACK = 100_000

export interface SecondLook {
  /** Both sides, compared. */
  tally: Tally
  /** The target's newest zxid when it began; what is written since is told apart. */
  position: bigint
  whole: boolean
}

export interface FirstLook {
  march: MarchOptions
  tally: TallyOptions
  /** Gets what the march had to say of single znodes: it may not be the last one. */
  said: JobEvent[]
  /** Called before a refusal is thrown. */
  refusing: () => void
}

/** Looks at a target that is on record; `null` where none is. @throws SafetyRefusal */
export async function lookFirst(
  job: CopyJob,
  record: JournalReader | null,
  beginning: Beginning,
  look: FirstLook,
  context: JobContext,
): Promise<SecondLook | null> {
  const { looks, targetExists } = beginning
  if ((looks.latest === null && !looks.partial) || record === null || !targetExists) return null
  context.emit({ type: 'phase', phase: 'plan' })
  const emit = (event: JobEvent) => {
    if (event.type !== 'skipped' && event.type !== 'failed') context.emit(event)
    else if (look.said.length < MOST_HELD_BACK) look.said.push(event)
  }
  return lookBeforeSecondCopy(job, record, beginning, look, { ...context, emit })
}

async function lookBeforeSecondCopy(
  { source, target, options: allowed }: CopyJob,
  journal: JournalReader,
  { looks, begun }: Beginning,
  { march: options, tally: tallyOptions, refusing }: FirstLook,
  context: JobContext,
): Promise<SecondLook> {
  const broken = [...(begun === null ? [] : [begun]), ...looks.givenUp]
  const [run] = broken
  const own = run === undefined ? null : { run, broken, newer: newerThanAll([...broken, looks.latest]) }
  const tally = new Tally({ ...tallyOptions, countRead: true }, context)
  const { allowChanged } = tallyOptions
  const evidence = new Evidence({ journal, looks, own, allowChanged })
  let [strangers, stranger] = [0, '']
  tally.onTarget = (pair, compared) => {
    evidence.look(pair, compared)
    if (!looks.isStranger(pair.path)) return
    strangers++
    stranger ||= pair.path
  }
  tally.onSettled = (advances) => {
    for (const { directory, done } of advances) if (done) evidence.settle(directory)
  }
  const position = await target.position()
  target.markProof()
  const whole = await march(source, target, tally, options, { from: 'root', target: true })
  if (whole && !allowed.merge && strangers > 0) {
    refusing()
    throw new SafetyRefusal(
      `${target.name} holds ${plural(strangers, 'znode')} that earlier runs left out by their filters, and that none of them wrote, such as ${stranger}; nothing was written, and --merge allows to copy over what is there.`,
    )
  }
  if (whole && !allowed.overwriteNewer && tally.found > 0 && evidence.count > 0) {
    const said = evidence.paths.map(
      (path) => `changed on the target since the last run: ${path || '(the root)'}`,
    )
    const more = evidence.count - evidence.paths.length
    if (more > 0) said.push(`and ${formatCount(more)} more changed on the target since the last run`)
    for (const message of said) context.emit({ type: 'note', message })
    refusing()
    throw new SafetyRefusal(
      `Someone works on ${target.name}: ${plural(evidence.count, 'znode or directory', 'znodes or directories')} there changed after run ${(looks.latest ?? begun)?.id}, such as ${evidence.paths[0] || 'the root'}; nothing was written, and --overwrite-newer would overwrite it.`,
    )
  }
  return { tally, position, whole }
}

function newerThanAll(runs: readonly (RunInfo | null)[]): Newer {
  const newer = runs.filter((run) => run !== null).map(isNewerThan)
  return (zxid) => newer.every((than) => than(zxid))
}

/** A run that wrote nothing keeps the hashes of the one before it: they are still true. */
export function inheritHashes(journal: JournalReader, previous: RunInfo, run: Run): void {
  let rows = []
  for (const row of journal.directories(previous.id)) {
    rows.push(row)
    if (rows.length === 500) {
      run.record({ directories: rows })
      rows = []
    }
  }
  run.record({ directories: rows })
  if (previous.rootDigest !== null) run.setRoot(previous.rootDigest)
}
