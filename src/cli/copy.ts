/** `zkferry copy SOURCE TARGET` */
import { type Command, Option } from 'commander'
import { type ParsedLocation, parseLocation, parseTarget } from '../locations/parse-location.ts'
import { UsageProblem } from '../tree/errors.ts'
import { type AclMapFlags, addAclMapOption } from './acl-map.ts'
import {
  addArchiveSourceOptions,
  addArchiveTargetOptions,
  checkArchiveSourceFlags,
} from './archive-options.ts'
import { type CopyRequest, runCopy } from './copy-job.ts'
import { addVersionsOption } from './counter-options.ts'
import { addDatadirOptions, checkDatadirFlags } from './datadir-options.ts'
import { ExitCode } from './exit-codes.ts'
import { addSnapshotOptions, checkFileFlags, type FileFlags } from './file-options.ts'
import { refuseOnFile } from './file-target.ts'
import { examples, exitCodes, READ_FROM } from './help.ts'
import { type Io, isInteractive } from './io.ts'
import {
  AUTH_HELP,
  addAuthOptions,
  addConnectOptions,
  addFilterOptions,
  addPaceOptions,
  type ConnectFlags,
  type FilterFlags,
  type PaceFlags,
} from './job-options.ts'
import { addKindOptions, type KindFlags } from './kind-options.ts'
import { addOutputOptions, type OutputFlags } from './output-options.ts'
import { refuseOverlapInText, refuseReserved } from './places.ts'
import { runJob } from './shell.ts'
import { addUndoOptions, type UndoFlags } from './undo.ts'
import { count, duration, durationOption } from './values.ts'

export interface CopyFlags
  extends OutputFlags,
    UndoFlags,
    ConnectFlags,
    PaceFlags,
    FilterFlags,
    AclMapFlags,
    KindFlags,
    FileFlags {
  acl: boolean
  sequence: boolean
  ephemeral: 'skip' | 'fail' | 'hold'
  versions?: string[]
  quota?: boolean
  maxSteps: number
  verify: boolean
  dryRun?: boolean
  merge?: boolean
  keepExisting?: boolean
  overwriteNewer?: boolean
  includeRoot?: boolean
  delete?: boolean
  maxDelete?: number
  yes?: boolean
  rounds: number
  settle: number
  expectQuiet?: number
  journal?: string
  restart?: boolean
}

/** A copy that would take longer than a coffee to advance counters says so first. */
export const MAX_STEPS = 10_000_000

export const OVERWRITE_NEWER = 'overwrite what someone changed on the target after the last run'

export function register(command: Command, io: Io): void {
  command
    .argument('<source>', READ_FROM)
    .argument('<target>', 'host:port[,host:port…]/path, archive:FILE#/path, or snapshot:DIR#/path')
    .description(
      'Copies the subtree at SOURCE to TARGET and verifies it by reading both again. The same command again resumes an unfinished run; to a file it begins anew each time.',
    )
  addWritingOptions(command)
  command
    .addOption(
      new Option(
        '--ephemeral <how>',
        "the source's ephemerals: skip and name them; fail, each a failed znode; hold them on the target in the tool's own session, once the copy is done, until SIGTERM or Ctrl-C (a bridge for registrations such as /jodis; not for locks)",
      )
        .choices(['skip', 'fail', 'hold'])
        .default('skip'),
    )
    .option(
      '--expect-quiet <duration>',
      'first watch that nothing in the source changes for so long, and check again at the end',
      duration('--expect-quiet', 'positive'),
    )
  command.option('--quota', "copy the quotas of the subtree's znodes, too, onto their paths on the target")
  addArchiveSourceOptions(command)
  addDatadirOptions(command)
  addAuthOptions(command, 'source')
  addAuthOptions(command, 'target')
  addOutputOptions(command)
  const { done, different, usage, incomplete, source, target, journal, refused } = ExitCode
  command
    .addHelpText(
      'after',
      examples(
        'zkferry copy --dry-run old1:2181,old2:2181/pegasus new1:2181/pegasus',
        'zkferry copy old1:2181,old2:2181/pegasus new1:2181/pegasus',
        "zkferry copy --merge --exclude '*/topom' old1:2181/codis3 new1:2181/codis3",
        'zkferry copy old1:2181/pegasus archive:pegasus.zkferry#/pegasus',
        'zkferry copy archive:pegasus.zkferry#/pegasus new1:2181/pegasus',
        'zkferry copy --members 3 old1:2181/ snapshot:/var/tmp/clone#/',
        'ZKFERRY_TARGET_AUTH="digest admin:secret" zkferry copy old1:2181/app new1:2181/app',
      ),
    )
    .addHelpText('after', AUTH_HELP)
    .addHelpText('after', exitCodes(done, different, usage, incomplete, source, target, journal, refused))
    .action((from: string, to: string, flags: CopyFlags) =>
      runJob({ command: 'copy', flags, singleLocation: false }, io, (shell) =>
        runCopy(shell, checkedRequest(from, to, flags, io), flags as unknown as Record<string, unknown>),
      ),
    )
}

/** What every command that writes a tree has, wherever the tree is from. */
export function addWritingOptions(command: Command): void {
  command
    .option('--dry-run', 'list what would be done, with totals and bytes; write nothing')
    .option('--merge', 'allow a target root that has children already; the source wins')
    .option('--keep-existing', 'with --merge: leave what is there')
    .option('--overwrite-newer', OVERWRITE_NEWER)
    .option('--delete', 'delete what only the target has; asks on a terminal')
    .option('--max-delete <n>', 'delete nothing when it would be more than so many', count('--max-delete'))
    .option('--yes', 'do not ask')
    .option('--no-acl', 'leave ACLs out')
    .option('--no-sequence', 'leave sequence counters as they are')
    .option(
      '--max-steps <n>',
      'advance sequence counters and data versions by so many steps at most, all znodes together',
      count('--max-steps', 0),
      MAX_STEPS,
    )
    .option('--no-verify', 'do not verify afterwards')
    .option('--include-root', 'with / as the target: set its own data and ACL, too')
    .option(
      '--journal <file>',
      "the file that remembers the run (default: one for these two locations in the user's state folder)",
    )
    .option('--restart', 'forget an unfinished run and begin anew')
    .option('--rounds <n>', 'read again what differed, up to so many times', count('--rounds', 0, 1000), 3)
    .addOption(durationOption('--settle', 'how long to wait between rounds', '2s'))
  addAclMapOption(command)
  addVersionsOption(command)
  addKindOptions(command)
  addSnapshotOptions(command)
  addArchiveTargetOptions(command)
  addFilterOptions(command)
  addUndoOptions(command, 'a file beside the journal')
  addPaceOptions(command)
  addConnectOptions(command)
}

function checkedRequest(from: string, to: string, flags: CopyFlags, io: Io): CopyRequest {
  const source = parseLocation(from, 'source')
  const target = parseTarget(to, source.path)
  checkCopy(source, target, flags, io)
  return { command: 'copy', source, target, flags }
}

/** @throws UsageProblem */
export function checkCopy(source: ParsedLocation, target: ParsedLocation, flags: CopyFlags, io: Io): void {
  refuseOverlapInText(source, target)
  refuseReserved(target)
  checkArchiveSourceFlags(flags, [source, target])
  checkDatadirFlags(flags, [source, target])
  checkFileFlags(flags, target)
  refuseOnFile(flags, target)
  if (flags.keepExisting && flags.overwriteNewer) {
    throw new UsageProblem('--keep-existing and --overwrite-newer contradict each other; leave one out.')
  }
  if (flags.aclMap !== undefined && !flags.acl)
    throw new UsageProblem('--acl-map and --no-acl contradict each other; leave one out.')
  if (flags.keepExisting && !flags.merge) throw new UsageProblem('--keep-existing goes with --merge.')
  if (flags.maxDelete !== undefined && !flags.delete)
    throw new UsageProblem('--max-delete goes with --delete.')
  if (flags.delete && !flags.dryRun && !flags.yes && flags.maxDelete === undefined && !isInteractive(io)) {
    throw new UsageProblem('--delete needs --max-delete or --yes when there is no terminal to ask on.')
  }
}
