/** `zkferry verify SOURCE TARGET`, and `zkferry verify --from-journal FILE TARGET` */
import type { Command } from 'commander'
import { parseLocation } from '../locations/parse-location.ts'
import { UsageProblem } from '../tree/errors.ts'
import type { JobContext, JobResult } from '../tree/events.ts'
import { type AclMapFlags, addAclMapOption, readAclMap } from './acl-map.ts'
import {
  type ArchiveSourceFlags,
  addArchiveSourceOptions,
  checkArchiveSourceFlags,
} from './archive-options.ts'
import {
  addContainerOption,
  addVersionsOption,
  type CounterFlags,
  counterOptions,
} from './counter-options.ts'
import { addDatadirOptions, checkDatadirFlags, type DatadirFlags } from './datadir-options.ts'
import { ExitCode } from './exit-codes.ts'
import { examples, exitCodes, READ_FROM } from './help.ts'
import { addIgnoreOption, type IgnoreFlags, ignores, VERIFY_PARTS } from './ignore.ts'
import type { Io } from './io.ts'
import {
  AUTH_HELP,
  addAuthOptions,
  addConnectOptions,
  addFilterOptions,
  addPaceOptions,
  type ConnectFlags,
  type FilterFlags,
  identities,
  makeFilter,
  noteStrayIdentity,
  noteUnmatched,
  type PaceFlags,
  pace,
} from './job-options.ts'
import { withMarks } from './marks.ts'
import { named } from './named-journal.ts'
import { addClientOption, type ClientFlags, openBothWith, openTargetWith } from './native-client.ts'
import { addOutputOptions, type OutputFlags } from './output-options.ts'
import { refuseOverlapInText } from './places.ts'
import { runJob, type Shell } from './shell.ts'
import { secured } from './tls.ts'
import { count, durationOption } from './values.ts'
import { version } from './version.ts'

interface VerifyFlags
  extends OutputFlags,
    ConnectFlags,
    PaceFlags,
    FilterFlags,
    IgnoreFlags,
    CounterFlags,
    AclMapFlags,
    ClientFlags,
    ArchiveSourceFlags,
    DatadirFlags {
  fromJournal?: string
  combined?: string
  strictSequence?: boolean
  rounds: number
  settle: number
}

export function register(command: Command, io: Io): void {
  command
    .argument('[source]', `${READ_FROM}; left out with --from-journal`)
    .argument('[target]', READ_FROM)
    .usage('[options] <source> <target>\n       zkferry verify [options] --from-journal <file> <target>')
    .description(
      'Compares the subtrees at SOURCE and TARGET; changes nothing. Differences go to stdout, the root is ".".',
    )
    .option(
      '--from-journal <file>',
      'compare with the child hashes of a finished copy; names directories, not znodes',
    )
    .option(
      '--combined <file>',
      'a line a znode (- for stdout): = same, * different, + missing in the target, - missing in the source, ! not compared',
    )
    .option('--strict-sequence', 'a sequence counter that is ahead on the target is a difference, too')
    .option('--rounds <n>', 'read again what differed, up to so many times', count('--rounds', 0, 1000), 3)
    .addOption(durationOption('--settle', 'how long to wait between rounds', '2s'))
  addClientOption(command)
  addAclMapOption(command)
  addIgnoreOption(command, VERIFY_PARTS)
  addVersionsOption(command)
  addContainerOption(command)
  addFilterOptions(command)
  addArchiveSourceOptions(command)
  addDatadirOptions(command)
  addPaceOptions(command)
  addConnectOptions(command)
  addAuthOptions(command, 'source')
  addAuthOptions(command, 'target')
  addOutputOptions(command)
  const { done, different, usage, incomplete, source, target, journal } = ExitCode
  command
    .addHelpText(
      'after',
      examples(
        'zkferry verify old1:2181/pegasus new1:2181/pegasus',
        'zkferry verify --combined marks.txt old1:2181/codis3 new1:2181/codis3',
        'zkferry verify --from-journal run.journal new1:2181/pegasus',
      ),
    )
    .addHelpText('after', AUTH_HELP)
    .addHelpText('after', exitCodes(done, different, usage, incomplete, source, target, journal))
    .action((first: string | undefined, second: string | undefined, flags: VerifyFlags) =>
      runJob({ command: 'verify', flags, singleLocation: false }, io, (shell) =>
        run(shell, first, second, flags, (name) => command.getOptionValueSource(name) === 'cli'),
      ),
    )
}

/** What `--from-journal` has no use for, and why. */
const NOT_FROM_JOURNAL: readonly [name: string, flag: string, why: string][] = [
  ['combined', '--combined', 'needs a source: a journal knows directories, not znodes'],
  ['rounds', '--rounds', 'needs a source to look at again'],
  ['settle', '--settle', 'needs a source to look at again'],
  ['strictSequence', '--strict-sequence', 'needs a source: a journal knows no counters'],
  ['versions', '--versions', 'needs a source: a journal knows no versions'],
  ['container', '--container', 'needs a source: a journal knows no counters'],
  ['aclMap', '--acl-map', 'comes from the journal'],
  ['include', '--include', 'comes from the journal'],
  ['exclude', '--exclude', 'comes from the journal'],
  ['ignore', '--ignore', 'comes from the journal'],
]

function run(
  shell: Shell,
  first: string | undefined,
  second: string | undefined,
  flags: VerifyFlags,
  isGiven: (name: string) => boolean,
): Promise<JobResult> {
  if (flags.combined === '-' && flags.json) {
    throw new UsageProblem('--combined - cannot go with --json, which has stdout for itself; name a file.')
  }
  if (flags.fromJournal !== undefined) {
    if (first === undefined) throw new UsageProblem('A target is missing: verify --from-journal FILE TARGET.')
    if (second !== undefined)
      throw new UsageProblem(
        `With --from-journal there is only a target: "${second}" is one location too many.`,
      )
    for (const [name, flag, why] of NOT_FROM_JOURNAL)
      if (isGiven(name))
        throw new UsageProblem(`${flag} cannot go with --from-journal: it ${why}; leave it out.`)
    return againstJournal(shell, flags.fromJournal, first, flags)
  }
  if (first === undefined || second === undefined)
    throw new UsageProblem('verify needs a source and a target.')
  return againstSource(shell, first, second, flags)
}

async function againstSource(shell: Shell, from: string, to: string, flags: VerifyFlags): Promise<JobResult> {
  const [plainSource, plainTarget] = [parseLocation(from, 'source'), parseLocation(to, 'target')]
  checkArchiveSourceFlags(flags, [plainSource, plainTarget])
  checkDatadirFlags(flags, [plainSource, plainTarget])
  refuseOverlapInText(plainSource, plainTarget)
  const options = await jobOptions(flags)
  noteStrayIdentity(shell)
  const auth = authFlags(flags)
  const sourceAuth = await identities(auth, 'source', shell)
  const targetAuth = await identities(auth, 'target', shell)
  const sourceAt = await secured(shell, plainSource, auth, 'source')
  const targetAt = await secured(shell, plainTarget, auth, 'target')
  return withMarks(shell, flags.combined, async (context) => {
    const [source, target] = await openBothWith(flags.client, shell, {
      from: sourceAt,
      to: targetAt,
      sourceAuth,
      targetAuth,
      flags,
    })
    announce(context, null, source.name, target.name)
    const { verify } = await import('../verify/verify.ts')
    const result = await verify(source, target, options, context)
    noteUnmatched(shell, options.filter, result)
    return result
  })
}

async function againstJournal(
  shell: Shell,
  file: string,
  to: string,
  flags: VerifyFlags,
): Promise<JobResult> {
  const plain = parseLocation(to, 'target')
  checkArchiveSourceFlags(flags, [plain])
  checkDatadirFlags(flags, [plain])
  const { readJournal } = await import('../journal/index.ts')
  const reader = named('--from-journal', () => readJournal(file))
  shell.onEnd(reader, () => reader.close())
  const finished = reader.latestFinished()
  if (!finished) throw new UsageProblem(`The journal ${file} has no finished copy to compare with.`)
  const auth = await identities(authFlags(flags), 'target', shell, true)
  const targetAt = await secured(shell, plain, authFlags(flags), 'target', true)
  const target = await openTargetWith(flags.client, shell, {
    location: targetAt,
    side: 'target',
    auth,
    flags,
  })
  announce(shell.context, file, finished.source, target.name)
  const { verifyFromJournal } = await import('../verify/from-journal.ts')
  return verifyFromJournal(reader, finished, target, pace(flags), shell.context)
}

async function jobOptions(flags: VerifyFlags) {
  if (flags.aclMap !== undefined && ignores(flags, 'acl'))
    throw new UsageProblem('--acl-map and --ignore acl contradict each other; leave one out.')
  if (flags.strictSequence && ignores(flags, 'sequence'))
    throw new UsageProblem('--strict-sequence and --ignore sequence contradict each other; leave one out.')
  return {
    acl: !ignores(flags, 'acl'),
    aclMap: await readAclMap(flags),
    filter: await makeFilter(flags),
    rounds: flags.rounds,
    settleMs: flags.settle,
    combined: flags.combined !== undefined,
    counters: counterOptions(flags, {
      sequence: !ignores(flags, 'sequence'),
      version: !ignores(flags, 'version'),
      kinds: !ignores(flags, 'kind'),
      strictSequence: flags.strictSequence === true,
    }),
    ...pace(flags),
  }
}

function announce(context: JobContext, journal: string | null, source: string, target: string): void {
  context.emit({
    type: 'run',
    command: 'verify',
    runId: null,
    journal,
    source,
    target,
    resumed: false,
    version: version(),
  })
}

function authFlags(flags: VerifyFlags): Record<string, unknown> {
  return flags as unknown as Record<string, unknown>
}
