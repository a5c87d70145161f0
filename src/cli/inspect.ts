/** `zkferry inspect datadir:DIR` */
import type { Command } from 'commander'
import { parseLocation } from '../locations/parse-location.ts'
import { UsageProblem } from '../tree/errors.ts'
import type { JobResult } from '../tree/events.ts'
import type { Filter } from '../tree/filter.ts'
import { isWithin } from '../tree/path.ts'
import { ExitCode } from './exit-codes.ts'
import { examples, exitCodes } from './help.ts'
import type { Io } from './io.ts'
import { makeFilter, note } from './job-options.ts'
import { refuseSwallowedPath } from './missing-root.ts'
import { type Bound, bound } from './moments.ts'
import { addOutputOptions, type OutputFlags } from './output-options.ts'
import { runJob, type Shell } from './shell.ts'
import { count, glob } from './values.ts'
import { version } from './version.ts'

interface InspectFlags extends OutputFlags {
  logDir?: string
  salvage?: boolean
  top?: number
  txns?: boolean
  path?: string[]
  since?: Bound
  until?: Bound
  data?: boolean
}

const TOP = 10

export function register(command: Command, io: Io): void {
  command
    .argument('<location>', 'datadir:DIR#/path, a dataDir of a server that may be gone')
    .description(
      'Tells what lies in a data directory, on stdout: snapshots and logs with their zxids, times and soundness; the tree that they make, its sessions, and the biggest of everything. With --txns: the transactions in the logs. Reads only.',
    )
    .option('--log-dir <dir>', 'where the logs are, if the server had a dataLogDir')
    .option('--salvage', 'tell of the tree what can be read of damaged files')
    .option('--top <n>', `so many of the biggest of each (default: ${TOP})`, count('--top', 1, 1_000_000))
    .option('--txns', 'list the transactions: who did what to which znode, and when')
    .option(
      '--path <glob>',
      'with --txns: only those of these znodes, by absolute path, such as "/app/**" (repeatable)',
      path,
    )
    .option(
      '--since <moment>',
      'with --txns: from then on: a time (2026-11-23T18:00:00Z; local without a zone), how long ago (2h), or a zxid (0x…)',
      bound('--since'),
    )
    .option('--until <moment>', 'with --txns: up to then, and with it', bound('--until'))
    .option('--data', 'with --txns: the data, too')
  addOutputOptions(command)
  const { done, usage, incomplete, source } = ExitCode
  command
    .addHelpText(
      'after',
      examples(
        'zkferry inspect datadir:/var/lib/zookeeper',
        "zkferry inspect --txns --path '/pegasus/**' --since 2h datadir:/var/lib/zookeeper",
        'zkferry inspect --json --top 100 datadir:/backup/zk1#/codis3',
      ),
    )
    .addHelpText('after', exitCodes(done, usage, incomplete, source))
    .action((text: string, flags: InspectFlags) =>
      runJob({ command: 'inspect', flags, singleLocation: true }, io, (shell) => run(shell, text, flags)),
    )
}

async function run(shell: Shell, text: string, flags: InspectFlags): Promise<JobResult> {
  const location = parseLocation(text, 'location')
  if (location.kind !== 'datadir')
    throw new UsageProblem(`inspect looks into data directories (datadir:DIR), not ${location.text}.`)
  refuseStray(flags)
  refuseSwallowedPath(location)
  const { context, io } = shell
  const { Findings } = await import('../locations/datadir/findings.ts')
  const { findFiles } = await import('../locations/datadir/open-datadir.ts')
  const findings = new Findings('source', flags.salvage === true, (message) => note(shell, message))
  const files = await findFiles({ directory: location.file, logDirectory: flags.logDir ?? null }, findings)
  context.emit({
    type: 'run',
    command: 'inspect',
    runId: null,
    journal: null,
    source: location.text,
    target: null,
    resumed: false,
    version: version(),
  })
  const { inspect, inspectTransactions } = await import('../inspect/inspect.ts')
  const { FactLines, recordOf } = await import('./inspect-format.ts')
  const top = flags.top ?? TOP
  const lines = new FactLines(top)
  const hands = {
    tell: (fact: Parameters<typeof recordOf>[0]) =>
      flags.json ? shell.data(recordOf(fact), []) : shell.data(fact, lines.of(fact)),
    taken: () => io.stdout.drained(),
  }
  if (!flags.txns) return inspect({ files, findings, root: location.path, top, ...hands }, context)
  const { since = null, until = null, data = false } = flags
  const filter = flags.path === undefined ? null : await makeFilter({ include: flags.path })
  const wanted = pathFilter(filter, location.path)
  const result = await inspectTransactions({ files, ...hands }, { path: wanted, since, until, data }, context)
  if (result.status !== 'interrupted')
    for (const { glob } of filter?.unmatched ?? []) note(shell, `no transaction matched --path '/${glob}'`)
  return result
}

/** `null` for everything, also what has no path. */
function pathFilter(filter: Filter | null, root: string): ((path: string) => boolean) | null {
  if (filter === null) return root === '/' ? null : (path) => isWithin(path, root)
  // The root of everything is no match of any glob.
  return (path) => path !== '/' && isWithin(path, root) && filter.judge(path.slice(1)) === 'in'
}

function refuseStray(flags: InspectFlags): void {
  if (flags.txns) {
    if (flags.top !== undefined) throw new UsageProblem('--top does not go with --txns, which lists all.')
    if (flags.salvage)
      throw new UsageProblem('--salvage does not go with --txns, which lists what can be read in any case.')
    return
  }
  const stray = (['path', 'since', 'until', 'data'] as const).find((name) => flags[name] !== undefined)
  if (stray !== undefined) throw new UsageProblem(`--${stray} goes with --txns.`)
}

/** With or without the slash in front. */
function path(text: string, before: string[] | undefined): string[] {
  return glob('--path')(text.startsWith('//') ? text : text.replace(/^\//, ''), before)
}
