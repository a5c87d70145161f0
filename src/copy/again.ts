/**
 * Rule 1: a finished copy run again must not roll back a live target. It begins with a march that only reads. When
 * something differs, and the target carries a change that the finished run did not make, someone works there.
 */
import type { JournalReader, Run, RunInfo } from '../journal/index.ts'
import { compare, sideDigest } from '../tree/compare.ts'
import type { TreeSource, TreeTarget } from '../tree/contracts.ts'
import { SafetyRefusal } from '../tree/errors.ts'
import type { JobContext } from '../tree/events.ts'
import { type MarchOptions, march } from '../tree/march.ts'
import { isEphemeral } from '../tree/pairs.ts'
import { plural } from '../tree/plural.ts'
import { newestZxid } from '../tree/znode.ts'
import { Tally, type TallyOptions } from '../verify/tally.ts'

const MOST_NAMED = 20

export interface SecondLook {
  /** Both sides, compared. */
  tally: Tally
  whole: boolean
}

export async function lookBeforeSecondCopy(
  source: TreeSource,
  target: TreeTarget,
  journal: JournalReader,
  previous: RunInfo,
  options: MarchOptions,
  tallyOptions: TallyOptions,
  overwriteNewer: boolean,
  /**
   * Set for a second copy that was broken off: its own last write on record. What it wrote after that is not known,
   * but it is as on the source, so only znodes that are unlike the source can be someone's.
   */
  mineUpTo: bigint | null,
  /** Called before a refusal is thrown. */
  refusing: () => void,
  context: JobContext,
): Promise<SecondLook> {
  const tally = new Tally({ ...tallyOptions, countRead: true }, context)
  const lastWrite = mineUpTo ?? previous.lastWrite ?? 0n
  const newer: string[] = []
  let newerCount = 0
  const note = (path: string) => {
    newerCount++
    if (newer.length < MOST_NAMED) newer.push(path)
  }
  tally.onTarget = (pair) => {
    const { path, target: znode } = pair
    if (znode === null || isEphemeral(znode.stat)) return
    if (mineUpTo !== null) {
      const { czxid, mzxid } = znode.stat
      if ((czxid > mineUpTo || mzxid > mineUpTo) && compare(pair).is === 'different') note(path)
      return
    }
    const unlike =
      path === '' && !tallyOptions.allowChanged && isUnlike(sideDigest(pair, 'target'), previous.rootDigest)
    if (newestZxid(znode.stat) > lastWrite || unlike) note(path)
  }
  tally.onSettled = (advances) => {
    // An ACL leaves no zxid; that it was changed shows in the directory's hash being unlike the one on record.
    for (const { directory, done } of advances) {
      if (mineUpTo !== null || !done || !tally.aclDirectories.has(directory.path)) continue
      const then = journal.directory(previous.id, directory.path)
      if (then !== null && !directory.targetSum.bytes().equals(then.childHash)) note(directory.path)
    }
  }
  await target.position()
  const whole = await march(source, target, tally, options, { from: 'root', target: true })
  if (whole && !overwriteNewer && tally.found > 0 && newerCount > 0) {
    for (const path of newer)
      context.emit({
        type: 'note',
        message: `changed on the target since the last run: ${path === '' ? '(the root)' : path}`,
      })
    refusing()
    throw new SafetyRefusal(
      `Someone works on ${target.name}: ${plural(newerCount, 'znode or directory', 'znodes or directories')} there changed after the finished run ${previous.id}, such as ${newer[0] || 'the root'}; nothing was written, and --overwrite-newer would overwrite it.`,
    )
  }
  return { tally, whole }
}

/** No directory's hash holds the root itself. */
function isUnlike(digest: Buffer | null, then: Uint8Array | null): boolean {
  return digest !== null && then !== null && !digest.equals(then)
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
