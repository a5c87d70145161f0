/** The few lines at the end that a DBA pastes into a ticket. */
import type { JobEvent } from '../tree/events.ts'
import { escapeText } from './escape.ts'
import type { Summary } from './summary.ts'
import { survivedText } from './survived.ts'
import { formatBytes, formatCount, formatSeconds, plural } from './units.ts'

export interface Places {
  source: string
  target: string | null
}

type Action = Extract<JobEvent, { type: 'plan' }>['action']
/** What a dry run would do, by action. */
export type Plan = Map<Action, { znodes: number; bytes: number }>

export interface TicketExtras {
  places: Places
  /** How many znodes were skipped, by reason. */
  skipped: ReadonlyMap<string, number>
  plan: Plan
  notes: readonly string[]
}

const NOTHING_READ = '0 read'

/** Printable lines, without line ends. */
export function ticket(summary: Summary, extras: TicketExtras): string[] {
  const rows: [string, string][] = []
  const { source, target } = extras.places
  if (target === null) rows.push(['location', escapeText(source)])
  else rows.push(['from', escapeText(source)], ['to', escapeText(target)])
  if (extras.plan.size > 0) rows.push(['would', planned(extras.plan)])
  const counted = znodes(summary, extras)
  // Transactions are no znodes that were read.
  if (summary.command !== 'inspect' || counted !== NOTHING_READ) rows.push(['znodes', counted])
  if (summary.bytes.read > 0) rows.push(['bytes', bytes(summary, extras)])
  if (summary.steps > 0) rows.push(['counters', `advanced by ${plural(summary.steps, 'step')}`])
  for (const [reason, count] of extras.skipped)
    rows.push(['skipped', `${plural(count, 'znode')} (${escapeText(reason)})`])
  rows.push(...digests(summary, target !== null))
  if (summary.differences > 0) rows.push(['differences', formatCount(summary.differences)])
  rows.push(...sourceRows(summary))
  const survived = survivedText(summary.survived)
  if (survived !== null) rows.push(['survived', survived])
  if (summary.runId !== null)
    rows.push(['run', `${escapeText(summary.runId)} in ${escapeText(summary.journal ?? '')}`])
  if (summary.undo !== null)
    rows.push(['undo', escapeText(`zkferry copy archive:${summary.undo} ${places(extras)} --merge`)])
  for (const note of extras.notes) rows.push(['note', escapeText(note)])
  const width = Math.max(...rows.map(([label]) => label.length))
  return [
    `${summary.command}: ${summary.status} in ${formatSeconds(summary.seconds)}`,
    ...rows.map(([label, text]) => `  ${label.padEnd(width)}  ${text}`),
  ]
}

/** Where to bring back what was overwritten. */
function places({ places: { source, target } }: TicketExtras): string {
  return target ?? source
}

function planned(plan: Plan): string {
  const parts = [...plan].map(
    ([action, total]) => `${action} ${plural(total.znodes, 'znode')} (${formatBytes(total.bytes)})`,
  )
  return `${parts.join(', ')}; nothing was written`
}

function znodes(summary: Summary, { skipped, plan }: TicketExtras): string {
  const { read, ...done } = summary.znodes
  const hidden = new Set<string>()
  // Those that are listed by reason need not be counted twice; what a dry run would do is not done.
  if (skipped.size > 0) hidden.add('skipped')
  if (plan.size > 0) for (const what of ['created', 'updated', 'deleted']) hidden.add(what)
  const parts = Object.entries(done).filter(([what, count]) => count > 0 && !hidden.has(what))
  return [`${formatCount(read)} read`, ...parts.map(([what, count]) => `${formatCount(count)} ${what}`)].join(
    ', ',
  )
}

function bytes(summary: Summary, { plan }: TicketExtras): string {
  const { read, written } = summary.bytes
  const wrote = written > 0 && plan.size === 0 ? `, ${formatBytes(written)} written` : ''
  return `${formatBytes(read)} read${wrote}`
}

function digests(summary: Summary, two: boolean): [string, string][] {
  const { source, target } = summary.digest
  if (source === null && target === null) return []
  if (!two) return [['digest', source ?? 'not computed']]
  const verdict =
    source !== null && target !== null ? (source === target ? 'equal' : 'not equal') : 'not compared'
  return [
    ['digest', `${source ?? 'not computed'} (source)`],
    ['', `${target ?? 'not computed'} (target)`],
    ['', `${verdict}; digests do not cover sequence counters and versions`],
  ]
}

function sourceRows(summary: Summary): [string, string][] {
  const moved = `${plural(summary.sourceMoved, 'znode')} changed during the run`
  switch (summary.consistency) {
    case 'quiet':
      return [['source', 'did not change during the run']]
    case 'converged':
      return [['source', `${moved}; the target has caught up with it`]]
    case 'moving':
      return [['source', `${moved}, and it was still changing at the end`]]
    case 'unknown':
      return summary.digest.source !== null && summary.digest.target !== null && summary.sourceMoved === 0
        ? [['source', 'not seen to change; its servers took other writes meanwhile, so this is not certain']]
        : []
  }
}
