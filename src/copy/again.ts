/**
 * Rule 1: a finished copy run again must not roll back a live target. It begins with a march that only reads. When
 * something differs, and the target carries a change that the finished run did not make, someone works there.
 */
import type { JournalReader, Run, RunInfo } from '../journal/index.ts'
import type { TreeSource, TreeTarget } from '../tree/contracts.ts'
import { SafetyRefusal } from '../tree/errors.ts'
import type { JobContext } from '../tree/events.ts'
import { type MarchOptions, march } from '../tree/march.ts'
import { formatCount, plural } from '../tree/plural.ts'
import { Tally, type TallyOptions } from '../verify/tally.ts'
import { Evidence, type EvidenceRules } from './evidence.ts'
import type { Looks } from './looks.ts'

export interface SecondLook {
  /** Both sides, compared. */
  tally: Tally
  whole: boolean
}

export async function lookBeforeSecondCopy(
  source: TreeSource,
  target: TreeTarget,
  journal: JournalReader,
  looks: Looks,
  options: MarchOptions,
  tallyOptions: TallyOptions,
  allowed: { overwriteNewer: boolean; merge: boolean },
  own: EvidenceRules['own'],
  /** Called before a refusal is thrown. */
  refusing: () => void,
  context: JobContext,
): Promise<SecondLook> {
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
  await target.position()
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
      `Someone works on ${target.name}: ${plural(evidence.count, 'znode or directory', 'znodes or directories')} there changed after the finished run ${looks.latest?.id}, such as ${evidence.paths[0] || 'the root'}; nothing was written, and --overwrite-newer would overwrite it.`,
    )
  }
  return { tally, whole }
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
