/** `zkferry digest LOCATION` */
import type { Command } from 'commander'
import { parseLocation } from '../locations/parse-location.ts'
import type { JobResult } from '../tree/events.ts'
import {
  type ArchiveSourceFlags,
  addArchiveSourceOptions,
  checkArchiveSourceFlags,
} from './archive-options.ts'
import { addDatadirOptions, checkDatadirFlags, type DatadirFlags } from './datadir-options.ts'
import { ExitCode } from './exit-codes.ts'
import { examples, exitCodes, READ_FROM } from './help.ts'
import { addIgnoreOption, DIGEST_PARTS, type IgnoreFlags, ignores } from './ignore.ts'
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
  noteUnmatched,
  type PaceFlags,
  pace,
} from './job-options.ts'
import { openSource } from './open-location.ts'
import { addOutputOptions, type OutputFlags } from './output-options.ts'
import { runJob, type Shell } from './shell.ts'
import { secured } from './tls.ts'
import { count } from './values.ts'
import { version } from './version.ts'

interface DigestFlags
  extends OutputFlags,
    ConnectFlags,
    PaceFlags,
    FilterFlags,
    IgnoreFlags,
    ArchiveSourceFlags,
    DatadirFlags {
  depth: number
}

export function register(command: Command, io: Io): void {
  command
    .argument('<location>', READ_FROM)
    .description(
      'Prints "DIGEST  PATH" on stdout, the path below the location and "." for the location itself. It detects accidents, not an adversary.',
    )
    .option('--depth <n>', 'also for each directory down to there', count('--depth', 0, 1_000_000), 0)
  addIgnoreOption(command, DIGEST_PARTS)
  addFilterOptions(command)
  addArchiveSourceOptions(command)
  addDatadirOptions(command)
  addPaceOptions(command)
  addConnectOptions(command)
  addAuthOptions(command, null)
  addOutputOptions(command)
  const { done, usage, incomplete, source } = ExitCode
  command
    .addHelpText(
      'after',
      examples(
        'zkferry digest zk1:2181,zk2:2181/pegasus',
        'zkferry digest --depth 2 --ignore acl zk1:2181/codis3',
      ),
    )
    .addHelpText('after', AUTH_HELP)
    .addHelpText('after', exitCodes(done, usage, incomplete, source))
    .action((text: string, flags: DigestFlags) =>
      runJob({ command: 'digest', flags, singleLocation: true }, io, (shell) => run(shell, text, flags)),
    )
}

async function run(shell: Shell, text: string, flags: DigestFlags): Promise<JobResult> {
  const at = parseLocation(text, 'location')
  checkArchiveSourceFlags(flags, [at])
  checkDatadirFlags(flags, [at])
  const filter = await makeFilter(flags)
  const auth = await identities(flags as unknown as Record<string, unknown>, null, shell)
  const secure = await secured(shell, at, flags as unknown as Record<string, unknown>, null)
  const location = await openSource(shell, { location: secure, side: 'source', auth, flags })
  const { emit } = shell.context
  emit({
    type: 'run',
    command: 'digest',
    runId: null,
    journal: null,
    source: location.name,
    target: null,
    resumed: false,
    version: version(),
  })
  const { digest } = await import('../verify/digest.ts')
  const result = await digest(
    location,
    { acl: !ignores(flags, 'acl'), filter, depth: flags.depth, ...pace(flags) },
    shell.context,
  )
  noteUnmatched(shell, filter, result)
  return result
}
