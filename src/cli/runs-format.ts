/** Runs of a journal as people and as programs read them. */
import type { IssueRow, RunInfo } from '../journal/index.ts'
import { escapePath, escapeText } from '../report/escape.ts'
import { survivedText } from '../report/survived.ts'
import { formatBytes, formatCount, formatSeconds, formatTime } from '../report/units.ts'
import { nothingSurvived, type Survived } from '../tree/events.ts'
import type { ListedRun } from './runs.ts'

/** A heading and a line for each run. */
export function runsTable(runs: readonly ListedRun[]): string[] {
  const rows = [
    ['ID', 'COMMAND', 'STATE', 'STARTED', 'ZNODES', 'SOURCE', 'TARGET', 'JOURNAL'],
    ...runs.map(({ journal, run }) => [
      escapeText(run.id),
      escapeText(run.command),
      escapeText(stateOf(run)),
      formatTime(run.started),
      formatCount(number(run, 'read')),
      escapeText(run.source),
      escapeText(run.target),
      escapeText(journal),
    ]),
  ]
  const widths = (rows[0] as string[]).map((_, column) =>
    Math.max(...rows.map((row) => (row[column] as string).length)),
  )
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] as number))
      .join('  ')
      .trimEnd(),
  )
}

export function runDetails({ journal, run }: ListedRun): string[] {
  const { counts } = run
  const done = ['read', 'created', 'updated', 'unchanged', 'deleted', 'skipped', 'failed']
  const rows: [string, string][] = [
    ['run', escapeText(run.id)],
    ['journal', escapeText(journal)],
    ['command', escapeText(`${run.command} (zkferry ${run.version})`)],
    ['state', escapeText(stateOf(run))],
    ['from', escapeText(run.source)],
    ['to', escapeText(run.target)],
    ['started', run.started.toISOString()],
  ]
  if (run.ended) {
    const seconds = (run.ended.getTime() - run.started.getTime()) / 1000
    rows.push(['ended', `${run.ended.toISOString()} (${formatSeconds(seconds)})`])
  }
  rows.push(
    ['options', escapeText(JSON.stringify(run.options))],
    ['znodes', done.map((what) => `${formatCount(number(run, what))} ${what}`).join(', ')],
    [
      'bytes',
      `${formatBytes(Number(counts.bytesRead ?? 0))} read, ${formatBytes(Number(counts.bytesWritten ?? 0))} written`,
    ],
    ['verified', run.verified ? 'yes' : 'no'],
  )
  const survived = survivedText({
    ...nothingSurvived(),
    ...(counts.survived as Partial<Survived> | undefined),
  })
  if (survived !== null) rows.push(['survived', survived])
  if (run.sourceDigest) rows.push(['digest', `${run.sourceDigest} (source)`])
  if (run.targetDigest) rows.push(['', `${run.targetDigest} (target)`])
  if (run.hasTemporaryIdentity) rows.push(['note', escapeText(temporaryEntries(run))])
  if (run.undo !== null) rows.push(['undo', escapeText(run.undo)])
  if (run.message) rows.push(['message', escapeText(run.message)])
  return rows.map(([label, text]) => `${label.padEnd(8)}  ${text}`)
}

export function runRecord({ journal, run }: ListedRun): { type: 'run' } & Record<string, unknown> {
  return {
    type: 'run',
    command: run.command,
    runId: run.id,
    journal,
    source: run.source,
    target: run.target,
    resumed: false,
    version: run.version,
    state: run.state,
    status: run.status,
    verified: run.verified,
    temporaryIdentity: run.hasTemporaryIdentity,
    started: run.started.toISOString(),
    ended: run.ended?.toISOString() ?? null,
    options: run.options,
    counts: run.counts,
    digest: { source: run.sourceDigest, target: run.targetDigest },
    consistency: run.consistency,
    lastWrite: run.lastWrite,
    undo: run.undo,
    message: run.message,
  }
}

export function issueRecord(issue: IssueRow): { type: string } & Record<string, unknown> {
  const { kind, path, side, code, reason } = issue
  return kind === 'skipped' ? { type: kind, path, reason } : { type: kind, path, side, code, message: reason }
}

export function issueLine({ kind, path, side, code, reason }: IssueRow): string {
  const why = kind === 'skipped' ? reason : [side, `${code ?? ''}: ${reason}`].filter(Boolean).join(', ')
  return `${kind.padEnd(8)}  ${escapePath(path)}  (${escapeText(why)})`
}

function temporaryEntries({ id, state }: RunInfo): string {
  const abandon = `zkferry runs abandon ${id}`
  const advice =
    state === 'interrupted'
      ? `the same command again takes them out, and so does ${abandon}`
      : `${abandon} takes them out`
  return `the target may still have temporary ACL entries of this run: ${advice}`
}

function stateOf(run: RunInfo): string {
  return run.state === 'finished' && run.status ? `finished: ${run.status}` : run.state
}

function number(run: RunInfo, what: string): number {
  return Number(run.counts[what] ?? 0)
}
