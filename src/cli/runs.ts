/** `zkferry runs`, `zkferry runs show ID` */
import type { Command } from 'commander'
import type { JournalReader, RunInfo } from '../journal/index.ts'
import { JournalProblem, UsageProblem } from '../tree/errors.ts'
import { type JobResult, newCounts } from '../tree/events.ts'
import { ExitCode } from './exit-codes.ts'
import { examples, exitCodes } from './help.ts'
import type { Io } from './io.ts'
import { addAuthOptions, addConnectOptions, type ConnectFlags } from './job-options.ts'
import { addOutputOptions, type OutputFlags } from './output-options.ts'
import { issueLine, issueRecord, runDetails, runRecord, runsTable } from './runs-format.ts'
import { runJob, type Shell } from './shell.ts'

interface RunsFlags extends OutputFlags, Pick<ConnectFlags, 'timeout' | 'retryFor'> {
  journal?: string
}

export interface ListedRun {
  journal: string
  run: RunInfo
}

const ACTIONS = ['list', 'show', 'abandon'] as const

export function register(command: Command, io: Io): void {
  command
    .argument('[action]', 'list (the default), show or abandon')
    .argument('[id]', 'the run, as the list names it')
    .description(
      'Lists the runs in a journal; shows one with its counts and its skipped and failed znodes; or abandons one: gives the znodes that carry its temporary ACL entry their final ACL.',
    )
    .option('--journal <file>', 'look only here (default: all journals under the state folder)')
  addConnectOptions(command)
  addAuthOptions(command, 'target')
  addOutputOptions(command)
  command
    .addHelpText(
      'after',
      examples(
        'zkferry runs',
        'zkferry runs show k3v9x2ab',
        'zkferry runs abandon k3v9x2ab',
        'zkferry runs --journal move.journal --json',
      ),
    )
    .addHelpText(
      'after',
      exitCodes(ExitCode.done, ExitCode.usage, ExitCode.incomplete, ExitCode.target, ExitCode.journal),
    )
    .action((action: string | undefined, id: string | undefined, flags: RunsFlags) =>
      runJob({ command: 'runs', flags, singleLocation: true }, io, (shell) =>
        run(shell, action ?? 'list', id, flags),
      ),
    )
}

async function run(
  shell: Shell,
  action: string,
  id: string | undefined,
  flags: RunsFlags,
): Promise<JobResult> {
  let damaged: JournalProblem[] = []
  if (action === 'list') {
    if (id !== undefined) throw new UsageProblem(`runs list takes no ID; write runs show ${id}.`)
    damaged = await list(shell, flags)
  } else if (action === 'show') {
    if (id === undefined) throw new UsageProblem('runs show needs the ID of a run; zkferry runs lists them.')
    await show(shell, id, flags)
  } else if (action === 'abandon') {
    if (id === undefined)
      throw new UsageProblem('runs abandon needs the ID of a run; zkferry runs lists them.')
    const { abandon } = await import('./runs-abandon.ts')
    return abandon(shell, await journalOf(shell, id, flags), id, { ...flags, sessions: 1 })
  } else {
    throw new UsageProblem(`"${action}" is nothing that runs can do: it knows ${ACTIONS.join(', ')}.`)
  }
  const unread = damaged.map(({ message }) => message).join(' ')
  return {
    status: damaged.length === 0 ? 'done' : 'incomplete',
    message: unread,
    counts: newCounts(),
    digest: { source: null, target: null },
    sourceMoved: 0,
    consistency: 'unknown',
  }
}

/** Resolves to the journals that cannot be read. */
async function list(shell: Shell, flags: RunsFlags): Promise<JournalProblem[]> {
  const runs: ListedRun[] = []
  const damaged = await inJournals(shell, flags, (reader, journal) => {
    for (const run of reader.runs()) runs.push({ journal, run })
    return false
  })
  if (runs.length === 0 && damaged.length === 0) shell.say('no runs')
  const table = runsTable(runs)
  runs.forEach((listed, at) => {
    const heading = at === 0 ? [table[0] as string] : []
    shell.data(runRecord(listed), [...heading, table[at + 1] as string])
  })
  return damaged
}

async function show(shell: Shell, id: string, flags: RunsFlags): Promise<void> {
  await inTheJournalOf(shell, id, flags, (reader, run, journal) => {
    shell.data(runRecord({ journal, run }), runDetails({ journal, run }))
    for (const issue of reader.issues(id)) shell.data(issueRecord(issue), [issueLine(issue)])
  })
}

/** The journal that knows a run. */
async function journalOf(shell: Shell, id: string, flags: RunsFlags): Promise<string> {
  let found = ''
  await inTheJournalOf(shell, id, flags, (_reader, _run, journal) => {
    found = journal
  })
  return found
}

/** @throws UsageProblem when no journal knows the run, JournalProblem when one that cannot be read might */
async function inTheJournalOf(
  shell: Shell,
  id: string,
  flags: RunsFlags,
  look: (reader: JournalReader, run: RunInfo, journal: string) => void,
): Promise<void> {
  let found = false
  const [damaged] = await inJournals(shell, flags, (reader, journal) => {
    const run = reader.run(id)
    if (run === null) return false
    look(reader, run, journal)
    found = true
    return true
  })
  if (!found) throw damaged ?? unknownRun(id, flags)
}

/**
 * Looks into one journal after another until `look` has found what it wanted. One of several that cannot be read does
 * not hide the others.
 */
async function inJournals(
  shell: Shell,
  flags: RunsFlags,
  look: (reader: JournalReader, journal: string) => boolean,
): Promise<JournalProblem[]> {
  const { readJournal } = await import('../journal/index.ts')
  const damaged: JournalProblem[] = []
  for (const journal of await journals(shell, flags)) {
    let reader: JournalReader | null = null
    try {
      reader = readJournal(journal)
      if (look(reader, journal)) break
    } catch (error) {
      if (!(error instanceof JournalProblem) || flags.journal !== undefined) throw error
      damaged.push(error)
    } finally {
      reader?.close()
    }
  }
  return damaged
}

function unknownRun(id: string, flags: RunsFlags): UsageProblem {
  const where = flags.journal ?? 'any journal under the state folder'
  return new UsageProblem(`There is no run "${id}" in ${where}; zkferry runs lists them.`)
}

async function journals(shell: Shell, flags: RunsFlags): Promise<string[]> {
  if (flags.journal !== undefined) return [flags.journal]
  const { journalFiles, stateDirectory } = await import('../journal/index.ts')
  return journalFiles(stateDirectory(shell.io.env))
}
