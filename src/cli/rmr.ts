/** `zkferry rmr LOCATION` */
import type { Command } from 'commander'
import { parseLocation } from '../locations/parse-location.ts'
import { formatBytes } from '../report/units.ts'
import { SafetyRefusal, UsageProblem } from '../tree/errors.ts'
import type { JobResult } from '../tree/events.ts'
import { isWithin } from '../tree/path.ts'
import { formatCount, plural } from '../tree/plural.ts'
import { addPassphraseOptions, type PassphraseFlags } from './archive-options.ts'
import { ExitCode } from './exit-codes.ts'
import { examples, exitCodes } from './help.ts'
import { proveCopied } from './if-verified.ts'
import { type Io, isInteractive } from './io.ts'
import {
  AUTH_HELP,
  addAuthOptions,
  addConnectOptions,
  addPaceOptions,
  type ConnectFlags,
  identities,
  type PaceFlags,
  pace,
} from './job-options.ts'
import { openTarget, requireEnsemble } from './open-location.ts'
import { addOutputOptions, type OutputFlags } from './output-options.ts'
import { runJob, type Shell } from './shell.ts'
import { secured } from './tls.ts'
import { addUndoOptions, type UndoFlags, undoOfRmr } from './undo.ts'
import { count } from './values.ts'
import { version } from './version.ts'

interface RmrFlags extends OutputFlags, UndoFlags, ConnectFlags, PaceFlags, PassphraseFlags {
  dryRun?: boolean
  yes?: boolean
  maxDelete?: number
  keepRoot?: boolean
  withEphemerals?: boolean
  ifVerified?: string
}

interface Found {
  znodes: number
  bytes: number | null
  ephemerals: number
}

export function register(command: Command, io: Io): void {
  command
    .argument('<location>', 'host:port[,host:port…]/path')
    .description(
      'Counts the subtree at LOCATION, asks on a terminal, and removes it, children first. / and /zookeeper are always refused.',
    )
    .option('--dry-run', 'list what would be removed, with totals; remove nothing')
    .option('--yes', 'do not ask; needed where there is no terminal')
    .option('--max-delete <n>', 'remove nothing when it would be more than so many', count('--max-delete'))
    .option('--keep-root', "remove what is below LOCATION and leave LOCATION's own znode")
    .option('--with-ephemerals', 'remove a subtree although it has ephemerals: somebody lives there')
    .option(
      '--if-verified <journal>',
      'only if that journal has a verified copy of this very subtree, whole, and both sides are identical now',
    )
  addPassphraseOptions(command)
  addUndoOptions(command, 'a file in the state folder')
  addPaceOptions(command)
  addConnectOptions(command)
  addAuthOptions(command, null)
  addAuthOptions(command, 'target')
  addOutputOptions(command)
  const { done, usage, incomplete, source, journal, refused } = ExitCode
  command
    .addHelpText(
      'after',
      examples(
        'zkferry rmr --dry-run old1:2181/pegasus',
        'zkferry rmr --yes --max-delete 20000 old1:2181/pegasus',
        'zkferry rmr --if-verified pegasus.journal old1:2181/pegasus',
      ),
    )
    .addHelpText('after', AUTH_HELP)
    .addHelpText('after', exitCodes(done, usage, incomplete, source, journal, refused))
    .action((text: string, flags: RmrFlags) =>
      runJob(
        { command: 'rmr', flags, singleLocation: true, compares: flags.ifVerified !== undefined },
        io,
        (shell) => run(shell, text, flags),
      ),
    )
}

async function run(shell: Shell, text: string, flags: RmrFlags): Promise<JobResult> {
  const at = requireEnsemble(parseLocation(text, 'location'), 'rmr')
  if (at.path === '/' || isWithin(at.path, '/zookeeper')) {
    throw new SafetyRefusal(`rmr never removes ${at.path}: it is the ensemble's own.`)
  }
  if (!flags.yes && !flags.dryRun && !isInteractive(shell.io)) {
    throw new UsageProblem('rmr needs --yes when there is no terminal to ask on.')
  }
  const authFlags = flags as unknown as Record<string, unknown>
  const auth = await identities(authFlags, null, shell)
  const targetAuth = await identities(authFlags, 'target', shell)
  // Where it is compared with its copy it is the source, also in what is said of it.
  const side = flags.ifVerified === undefined ? 'target' : 'source'
  const secure = await secured(shell, at, authFlags, null)
  const location = await openTarget(shell, { location: secure, side, auth, flags })
  const { emit } = shell.context
  emit({
    type: 'run',
    command: 'rmr',
    runId: null,
    journal: null,
    source: location.name,
    target: null,
    resumed: false,
    version: version(),
  })
  const copiedUpTo =
    flags.ifVerified === undefined
      ? null
      : await proveCopied(shell, {
          journal: flags.ifVerified,
          at: secure,
          location,
          auth,
          targetAuth,
          secureTarget: (to) => secured(shell, to, authFlags, 'target'),
          flags,
        })
  const undo = flags.dryRun ? null : await undoOfRmr(shell, flags, at)
  const { rmr } = await import('../remove/rmr.ts')
  const { concurrency, rate } = pace(flags)
  return rmr(
    location,
    {
      dryRun: flags.dryRun === true,
      maxDelete: flags.maxDelete ?? null,
      keepRoot: flags.keepRoot === true,
      withEphemerals: flags.withEphemerals === true,
      copiedUpTo,
      concurrency,
      rate,
      asks: !flags.yes,
      undo,
      confirm: (found: Found) => (flags.yes ? Promise.resolve(true) : shell.ask(question(at.text, found))),
    },
    shell.context,
  )
}

function question(place: string, { znodes, bytes, ephemerals }: Found): string {
  const size = bytes === null ? '' : `, ${formatBytes(bytes)}`
  const living = ephemerals > 0 ? `, ${formatCount(ephemerals)} of them ephemeral` : ''
  return `Remove ${place}: ${plural(znodes, 'znode')}${living}${size}?`
}
