/** `verify --from-journal`: a target against the child hashes of a finished copy, when the source is gone. */
import type { DirectoryRow, JournalReader, RunInfo } from '../journal/index.ts'
import { sideDigest } from '../tree/compare.ts'
import type { Side, TreeSource, ZnodeError } from '../tree/contracts.ts'
import { DigestSum } from '../tree/digest.ts'
import type { Directory } from '../tree/directory.ts'
import { JournalProblem } from '../tree/errors.ts'
import type { JobContext, JobResult } from '../tree/events.ts'
import { Filter } from '../tree/filter.ts'
import { type Advance, type MarchHand, type MarchPair, march } from '../tree/march.ts'
import { isEphemeral } from '../tree/pairs.ts'
import { plural } from '../tree/plural.ts'
import { verifyMarch } from './verify.ts'

export interface FromJournalOptions {
  concurrency: number
  rate: number | null
  byteRate: number | null
}

/**
 * The filter and whether ACLs count are the copy's own. It names directories whose direct children are not as they
 * were, not znodes.
 * @throws JournalProblem when the run has no hashes of a whole copy.
 */
export async function verifyFromJournal(
  journal: JournalReader,
  run: RunInfo,
  target: TreeSource,
  options: FromJournalOptions,
  context: JobContext,
): Promise<JobResult> {
  // Of `/` the root itself is in no copy, unless it was asked for.
  const skipRoot = run.rootDigest === null && target.rootPath === '/'
  if (run.state !== 'finished' || run.status !== 'done' || (run.rootDigest === null && !skipRoot)) {
    throw new JournalProblem(
      `The journal ${journal.file} has no finished copy to compare with: run ${run.id} is ${run.status ?? run.state}.`,
    )
  }
  const { emit, counts, signal } = context
  emit({ type: 'phase', phase: 'verify' })
  const hand = new HashHand(journal, run, skipRoot, context)
  const settings = run.options as { acl?: boolean; include?: string[]; exclude?: string[] }
  const filter = new Filter(settings.include, settings.exclude)
  await target.position()
  const exists = (await target.identity()) !== null
  const marchOptions = verifyMarch({ ...options, acl: settings.acl !== false, filter }, signal)
  // One-sided: the target is walked as if it were the source.
  const whole = exists
    ? await march(target, target, hand, marchOptions, { from: 'root', target: false })
    : true
  const digests = { source: run.sourceDigest, target: hand.sum.hex() }
  const result = { counts, digest: digests, sourceMoved: 0, consistency: 'unknown' as const }
  if (!whole)
    return { ...result, status: 'interrupted', message: 'Interrupted: not everything was compared.' }
  if (!exists) hand.differ('', 'missing-in-target')
  else hand.missing(journal.directories(run.id))
  if (counts.failed > 0)
    return {
      ...result,
      status: 'incomplete',
      message: `${plural(counts.failed, 'znode')} could not be read.`,
    }
  if (counts.differences > 0) {
    return {
      ...result,
      status: 'different',
      message: `${plural(counts.differences, 'directory is', 'directories are')} not as the journal has ${counts.differences === 1 ? 'it' : 'them'}.`,
    }
  }
  return { ...result, status: 'identical', message: '' }
}

class HashHand implements MarchHand {
  readonly sum = new DigestSum()
  readonly #seen = new Set<string>()
  readonly #journal: JournalReader
  readonly #run: RunInfo
  readonly #skipRoot: boolean
  readonly #context: JobContext

  constructor(journal: JournalReader, run: RunInfo, skipRoot: boolean, context: JobContext) {
    this.#journal = journal
    this.#run = run
    this.#skipRoot = skipRoot
    this.#context = context
  }

  async pairs(pairs: MarchPair[]): Promise<void> {
    const { counts } = this.#context
    for (const pair of pairs) {
      if (!pair.counted || (pair.path === '' && this.#skipRoot)) continue
      if (pair.sourceError !== null) this.#fail(pair.path, pair.sourceError)
      if (pair.source === null) continue
      counts.read++
      counts.phaseDone++
      counts.bytesRead += pair.source.data?.length ?? 0
      if (isEphemeral(pair.source.stat)) continue
      const digest = sideDigest(pair, 'source') as Buffer
      this.sum.add(digest)
      if (pair.part === null) {
        if (!digest.equals(this.#run.rootDigest as Uint8Array)) this.differ('', 'data')
      } else {
        pair.part.sourceSum.add(digest)
        pair.part.counted++
      }
    }
  }

  unlisted(directory: Directory, _side: Side, error: ZnodeError): void {
    this.#fail(directory.path, error)
  }

  settled(advances: Advance[]): void {
    for (const { directory, done } of advances) {
      if (!done) continue
      this.#context.counts.directories++
      const then = this.#journal.directory(this.#run.id, directory.path)
      // A directory without persistent children is none for the journal.
      if (then === null && directory.children === 0) continue
      this.#seen.add(directory.path)
      if (then === null || !directory.sourceSum.bytes().equals(then.childHash))
        this.differ(directory.path, 'data')
    }
  }

  /** Directories on record that the target does not have any more. */
  missing(rows: Iterable<DirectoryRow>): void {
    for (const { path, children } of rows) {
      if (children > 0 && !this.#seen.has(path)) this.differ(path, 'missing-in-target')
    }
  }

  differ(path: string, what: 'data' | 'missing-in-target'): void {
    this.#context.counts.differences++
    this.#context.emit({ type: 'difference', path, what: [what] })
  }

  #fail(path: string, error: ZnodeError): void {
    this.#context.counts.failed++
    this.#context.emit({ type: 'failed', path, side: 'target', code: error.code, message: error.message })
  }
}
