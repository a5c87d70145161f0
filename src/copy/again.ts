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
import type { Stat } from '../tree/znode.ts'
import { Tally, type TallyOptions } from '../verify/tally.ts'
import type { Looks } from './looks.ts'

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
  looks: Looks,
  options: MarchOptions,
  tallyOptions: TallyOptions,
  allowed: { overwriteNewer: boolean; merge: boolean },
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
  const { previous } = looks
  const newer: string[] = []
  let newerCount = 0
  const note = (path: string) => {
    newerCount++
    if (newer.length < MOST_NAMED) newer.push(path)
  }
  let [strangers, stranger] = [0, '']
  tally.onTarget = (pair) => {
    const { path, target: znode } = pair
    if (znode === null) return
    if (looks.isStranger(path)) {
      strangers++
      stranger ||= path
    }
    if (isEphemeral(znode.stat)) return
    if (mineUpTo !== null) {
      const { czxid, mzxid } = znode.stat
      if ((czxid > mineUpTo || mzxid > mineUpTo) && compare(pair).is === 'different') note(path)
      return
    }
    const then = looks.latest?.rootDigest ?? null
    const unlike = path === '' && !tallyOptions.allowChanged && isUnlike(sideDigest(pair, 'target'), then)
    if (isNewer(znode.stat, looks, path) || unlike) note(path)
  }
  tally.onSettled = (advances) => {
    // An ACL leaves no zxid; that it was changed shows in the directory's hash being unlike the one on record.
    for (const { directory, done } of advances) {
      if (mineUpTo !== null || !done || !tally.aclDirectories.has(directory.path)) continue
      // What was seen through another filter is another sum.
      const then = looks.alike && previous !== null ? journal.directory(previous.id, directory.path) : null
      if (then !== null && !directory.targetSum.bytes().equals(then.childHash)) note(directory.path)
    }
  }
  await target.position()
  const whole = await march(source, target, tally, options, { from: 'root', target: true })
  if (whole && !allowed.merge && strangers > 0) {
    refusing()
    throw new SafetyRefusal(
      `${target.name} holds ${plural(strangers, 'znode')} that earlier runs left out by their filters, and that none of them wrote, such as ${stranger}; nothing was written, and --merge allows to copy over what is there.`,
    )
  }
  if (whole && !allowed.overwriteNewer && tally.found > 0 && newerCount > 0) {
    for (const path of newer)
      context.emit({
        type: 'note',
        message: `changed on the target since the last run: ${path === '' ? '(the root)' : path}`,
      })
    refusing()
    throw new SafetyRefusal(
      `Someone works on ${target.name}: ${plural(newerCount, 'znode or directory', 'znodes or directories')} there changed after the finished run ${looks.latest?.id}, such as ${newer[0] || 'the root'}; nothing was written, and --overwrite-newer would overwrite it.`,
    )
  }
  return { tally, whole }
}

/** A znode that no finished run has looked at is nobody's to protect: `--merge` was asked for. */
function isNewer({ czxid, mzxid, pzxid }: Stat, looks: Looks, path: string): boolean {
  const [own, below] = [looks.lastWrite(path), looks.lastWriteBelow(path)]
  return (own !== null && (czxid > own || mzxid > own)) || (below !== null && pzxid > below)
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
