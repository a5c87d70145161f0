/** The job `inspect`: what lies in a data directory, whether it is sound, and what it tells. Changes nothing. */
import type { Damage } from '../locations/datadir/damage.ts'
import type { Findings } from '../locations/datadir/findings.ts'
import { type DatadirFiles, type LoadResult, loadTree } from '../locations/datadir/load.ts'
import { sentenceOf } from '../locations/datadir/replay-logs.ts'
import { LocationProblem, UsageProblem } from '../tree/errors.ts'
import type { JobContext, JobResult, Status } from '../tree/events.ts'
import { plural } from '../tree/plural.ts'
import type { Fact } from './facts.ts'
import { logFacts } from './log-facts.ts'
import { snapshotFacts } from './snapshot-facts.ts'
import { listTransactions, type TransactionOptions } from './transactions.ts'
import { reportOn } from './tree-facts.ts'

export interface Inspection {
  files: DatadirFiles
  findings: Findings
  /** Of the tree: absolute. */
  root: string
  /** How many of the biggest. */
  top: number
  /** Called during the reading: what is a buffer in it is valid during the call only. */
  tell(fact: Fact): void
  /** Resolves when what was told has been taken. */
  taken(): Promise<void>
}

/** Of transactions told before the reader is waited for. */
const TOLD_AT_ONCE = 2_000

/** Files, and the tree that they make. @throws UsageProblem when there is no such root */
export async function inspect(inspection: Inspection, context: JobContext): Promise<JobResult> {
  const { files, tell } = inspection
  const { signal } = context
  let damaged = 0
  context.emit({ type: 'phase', phase: 'count' })
  for (const file of files.snapshots) {
    const facts = await snapshotFacts(file, context)
    if (signal.aborted) return ended('interrupted', '', context)
    if (facts.damage !== null) damaged++
    tell(facts)
  }
  let before: bigint | null = null
  for (const file of files.logs) {
    const facts = await logFacts(file, before, signal)
    if (signal.aborted) return ended('interrupted', '', context)
    if (facts.damage.length > 0) damaged++
    if (facts.last !== null && (before === null || facts.last.zxid > before)) before = facts.last.zxid
    tell(facts)
  }
  const lost = await tellTree(inspection, context)
  if (lost !== null) return ended('incomplete', lost, context)
  if (damaged === 0) return ended('done', '', context)
  return ended('incomplete', `${plural(damaged, 'file is', 'files are')} damaged.`, context)
}

/** Why there is no tree, or not all of it; `null` when it is whole. */
async function tellTree(inspection: Inspection, { counts }: JobContext): Promise<string | null> {
  const { files, findings, root, top, tell } = inspection
  let loaded: LoadResult
  try {
    loaded = await loadTree(files, { at: null, checkDigests: true }, findings)
  } catch (error) {
    if (!(error instanceof LocationProblem)) throw error
    return `The tree cannot be told: ${error.message}`
  }
  const { tree, zxid, digestsChecked } = loaded
  try {
    const report = reportOn(tree, root, top)
    if (report === null) throw new UsageProblem(`There is no znode ${root} in the tree.`)
    counts.read = report.tree.znodes
    counts.bytesRead = report.tree.dataBytes
    tell({ type: 'tree', zxid, digestsChecked, ...report.tree })
    for (const list of [report.sessions, report.biggest, report.widest, report.heaviest])
      for (const fact of list) tell(fact)
  } finally {
    tree.close()
  }
  const [loss] = findings.losses
  return loss === undefined ? null : `The tree is not whole: ${loss}`
}

/** What the logs list. */
export async function inspectTransactions(
  { files, tell, taken }: Pick<Inspection, 'files' | 'tell' | 'taken'>,
  options: TransactionOptions,
  context: JobContext,
): Promise<JobResult> {
  const damages: Damage[] = []
  let told = 0
  const listing = await listTransactions(files, options, {
    tell: (fact) => {
      told++
      tell(fact)
    },
    damaged: (damage) => {
      damages.push(damage)
      context.emit({ type: 'note', message: `${sentenceOf(damage)}.` })
    },
    turn: async () => {
      if (told >= TOLD_AT_ONCE) {
        told = 0
        await taken()
      }
      return !context.signal.aborted
    },
  })
  if (context.signal.aborted) return ended('interrupted', '', context)
  tell({ type: 'txns', ...listing })
  const [damage] = damages
  if (damage === undefined) return ended('done', '', context)
  return ended('incomplete', `Transactions may be missing: ${sentenceOf(damage)}.`, context)
}

function ended(status: Status, message: string, { counts }: JobContext): JobResult {
  return {
    status,
    message,
    counts,
    digest: { source: null, target: null },
    sourceMoved: 0,
    consistency: 'unknown',
  }
}
