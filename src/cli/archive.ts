/** `zkferry archive list|prune|check FILE` */
import { resolve } from 'node:path'
import type { Command } from 'commander'
import type { ArchiveFile } from '../locations/archive/archive-file.ts'
import { type Generation, isComplete } from '../locations/archive/generation.ts'
import { parseLocation } from '../locations/parse-location.ts'
import { escapeText } from '../report/escape.ts'
import { formatBytes } from '../report/units.ts'
import { Interrupted, UsageProblem } from '../tree/errors.ts'
import { type JobResult, newCounts } from '../tree/events.ts'
import { plural } from '../tree/plural.ts'
import { addPassphraseOptions, type PassphraseFlags, passphraseOf } from './archive-options.ts'
import { ExitCode } from './exit-codes.ts'
import { examples, exitCodes } from './help.ts'
import { type Io, isInteractive } from './io.ts'
import { note } from './job-options.ts'
import { addOutputOptions, type OutputFlags } from './output-options.ts'
import { runJob, type Shell } from './shell.ts'
import { count } from './values.ts'

interface ArchiveCommandFlags extends OutputFlags, PassphraseFlags {
  keepLast?: number
  keepDaily?: number
  dropComplete?: boolean
  dryRun?: boolean
  yes?: boolean
}

/** Which file, and which tree in it. */
interface Place {
  file: string
  tree: string | null
}

/** Generations that one line names. */
const MOST_NAMED = 8

const ACTIONS = ['list', 'check', 'prune'] as const

export function register(command: Command, io: Io): void {
  command
    .argument('<action>', 'list, check or prune')
    .argument('<file>', 'FILE, archive:FILE, or archive:FILE#/path for one tree only')
    .description(
      'Lists the generations in an archive; checks it by reading everything; or drops generations of each tree and what only they hold.',
    )
    .option('--keep-last <n>', 'prune: keep the newest so many of each tree', count('--keep-last'))
    .option(
      '--keep-daily <n>',
      'prune: keep the newest of each of the latest so many days that have one',
      count('--keep-daily'),
    )
    .option('--drop-complete', "prune: even a tree's last complete generation, which stays otherwise")
    .option('--dry-run', 'prune: say what would go; change nothing')
    .option('--yes', 'prune: do not ask; needed where there is no terminal')
  addPassphraseOptions(command)
  addOutputOptions(command)
  const { done, usage, incomplete, source, refused } = ExitCode
  command
    .addHelpText(
      'after',
      examples(
        'zkferry archive list backup.zkferry',
        'zkferry archive check backup.zkferry',
        'zkferry archive prune --keep-last 3 --keep-daily 14 --yes backup.zkferry',
      ),
    )
    .addHelpText('after', exitCodes(done, usage, incomplete, source, refused))
    .action((action: string, file: string, flags: ArchiveCommandFlags) =>
      runJob({ command: 'archive', flags, singleLocation: true }, io, (shell) =>
        run(shell, action, file, flags),
      ),
    )
}

async function run(
  shell: Shell,
  action: string,
  text: string,
  flags: ArchiveCommandFlags,
): Promise<JobResult> {
  if (!ACTIONS.some((known) => known === action))
    throw new UsageProblem(`"${action}" is nothing that archive can do: it knows ${ACTIONS.join(', ')}.`)
  const place = placeOf(text)
  if (action === 'prune') return prune(shell, place, flags)
  const stray = strayFlag(flags)
  if (stray !== null) throw new UsageProblem(`${stray} goes with archive prune, not with archive ${action}.`)
  return action === 'list' ? list(shell, place, flags) : check(shell, place, flags)
}

async function list(shell: Shell, place: Place, flags: ArchiveCommandFlags): Promise<JobResult> {
  const archive = await open(shell, place, flags)
  const { generationRecord, generationsTable } = await import('./archive-format.ts')
  const generations = chosen(archive, place)
  if (generations.length === 0) shell.say('no generations')
  const table = generationsTable(generations)
  generations.forEach((generation, at) => {
    const heading = at === 0 ? [table[0] as string] : []
    shell.data(generationRecord(place.file, generation), [...heading, table[at + 1] as string])
  })
  return result('done', '')
}

async function check(shell: Shell, place: Place, flags: ArchiveCommandFlags): Promise<JobResult> {
  const archive = await open(shell, place, flags)
  const { checkGeneration } = await import('./archive-check.ts')
  const flaws = integrityFlaws(archive)
  for (const flaw of flaws) shell.say(`SQLite finds: ${flaw}`)
  const generations = chosen(archive, place)
  let broken = 0
  for (const one of generations) {
    if (shell.context.signal.aborted) throw new Interrupted('Interrupted: not everything was read.')
    const { flaw, digest, losses } = await checkGeneration(shell, archive, one)
    if (flaw !== null) broken++
    const sound = ['undamaged', ...(digest === null ? [] : [`digest ${digest}`])].join(', ')
    const words = flaw === null ? [sound, ...losses].join('; ') : `DAMAGED: ${flaw}`
    const record = {
      type: 'checked',
      generation: one.id,
      tree: one.root,
      whole: flaw === null,
      flaw,
      digest,
      complete: isComplete(one),
    }
    shell.data(record, [escapeText(`generation ${one.id} of ${one.root}: ${words}`)])
  }
  if (broken > 0)
    return result(
      'incomplete',
      `${broken} of ${plural(generations.length, 'generation')} ${broken === 1 ? 'is' : 'are'} damaged.`,
    )
  return flaws.length === 0
    ? result('done', '')
    : result(
        'incomplete',
        'All generations are undamaged, but the SQLite file around them is not: copy them into a new one.',
      )
}

async function prune(shell: Shell, { file, tree }: Place, flags: ArchiveCommandFlags): Promise<JobResult> {
  const { keepLast, keepDaily, dryRun = false, yes } = flags
  if (keepLast === undefined && keepDaily === undefined)
    throw new UsageProblem('archive prune needs --keep-last N or --keep-daily N: what shall stay.')
  if (!yes && !dryRun && !isInteractive(shell.io))
    throw new UsageProblem('archive prune needs --yes when there is no terminal to ask on.')
  const { Pruning } = await import('../locations/archive/prune.ts')
  const { generationRecord, generationsTable } = await import('./archive-format.ts')
  const rules = {
    last: keepLast ?? 0,
    daily: keepDaily ?? 0,
    dropComplete: flags.dropComplete === true,
    tree,
  }
  const pruning = await Pruning.plan(file, passphraseOf(flags, shell), rules, dryRun)
  shell.onEnd(pruning, () => pruning.close())
  const { dropped, spared } = pruning
  const table = generationsTable(dropped)
  dropped.forEach((generation, at) => {
    const heading = at === 0 ? [table[0] as string] : []
    shell.data({ ...generationRecord(file, generation), type: 'dropped' }, [
      ...heading,
      table[at + 1] as string,
    ])
  })
  if (spared.length > 0) note(shell, sparedNote(spared))
  if (dropped.length === 0) shell.say('nothing to drop')
  if (dropped.length === 0 || dryRun) return result('done', '')
  const question = `Drop ${plural(dropped.length, 'generation')} of ${file}?`
  if (!yes && !(await shell.ask(question))) return result('refused', 'Nothing was dropped.')
  if (shell.context.signal.aborted) throw new Interrupted('Interrupted; nothing was dropped.')
  const { before, after } = await pruning.carryOut()
  shell.say(`${formatBytes(before)} before, ${formatBytes(after)} now`)
  return result('done', '')
}

function sparedNote(spared: readonly Generation[]): string {
  const some = spared.slice(0, MOST_NAMED).map(({ id, root }) => `${id} of ${root}`)
  const more = spared.length > MOST_NAMED ? `, and ${spared.length - MOST_NAMED} more` : ''
  const how = spared.every(isComplete) ? 'complete' : 'done'
  const [which, why] =
    spared.length === 1
      ? ['generation', `stays: the last ${how} one of its tree (--drop-complete drops it, too)`]
      : ['generations', `stay: the last ${how} ones of their trees (--drop-complete drops them, too)`]
  return `${which} ${some.join(', ')}${more} ${why}`
}

async function open(shell: Shell, { file }: Place, flags: ArchiveCommandFlags): Promise<ArchiveFile> {
  const { openArchive } = await import('../locations/archive/archive-file.ts')
  const { onSide } = await import('../locations/archive/problems.ts')
  try {
    const archive = await openArchive(file, passphraseOf(flags, shell))
    shell.onEnd(archive, () => archive.close())
    // What is wrong with them is told here, and not where they are used.
    archive.generations()
    return archive
  } catch (error) {
    throw onSide('source', file, error)
  }
}

/** @throws UsageProblem when the tree that was asked for is not there. */
function chosen(archive: ArchiveFile, { file, tree }: Place) {
  const generations = archive.generations()
  if (tree === null) return generations
  const some = generations.filter(({ root }) => root === tree)
  if (some.length === 0) throw new UsageProblem(`The archive ${file} holds no tree ${tree}.`)
  return some
}

function integrityFlaws(archive: ArchiveFile): string[] {
  const found = archive.db.pragma('integrity_check(10)', { simple: false }) as { integrity_check: string }[]
  return found.map((row) => row.integrity_check).filter((text) => text !== 'ok')
}

function placeOf(text: string): Place {
  if (!text.startsWith('archive:')) return { file: resolve(text), tree: null }
  const location = parseLocation(text, 'location')
  if (location.kind !== 'archive') throw new Error('it begins with archive:')
  return { file: location.file, tree: text.includes('#') ? location.path : null }
}

function strayFlag(flags: ArchiveCommandFlags): string | null {
  if (flags.keepLast !== undefined) return '--keep-last'
  if (flags.keepDaily !== undefined) return '--keep-daily'
  if (flags.dropComplete) return '--drop-complete'
  if (flags.dryRun) return '--dry-run'
  return flags.yes ? '--yes' : null
}

function result(status: 'done' | 'incomplete' | 'refused', message: string): JobResult {
  return {
    status,
    message,
    counts: newCounts(),
    digest: { source: null, target: null },
    sourceMoved: 0,
    consistency: 'unknown',
  }
}
