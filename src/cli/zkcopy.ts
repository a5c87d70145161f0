/** `zkferry zkcopy …`: ksprojects/zkcopy's command line. What it cannot honour safely it refuses, and says why. */
import { type Command, Help, Option } from 'commander'
import { parseLocation } from '../locations/parse-location.ts'
import { UsageProblem } from '../tree/errors.ts'
import { type CopyFlags, MAX_STEPS, OVERWRITE_NEWER } from './copy.ts'
import { type CopyRequest, runCopy } from './copy-job.ts'
import { ExitCode } from './exit-codes.ts'
import { examples, exitCodes } from './help.ts'
import { type Io, isInteractive } from './io.ts'
import { AUTH_HELP, addAuthOptions } from './job-options.ts'
import { requireEnsemble } from './open-location.ts'
import { addOutputOptions, type OutputFlags } from './output-options.ts'
import { refuseOverlapInText, refuseReserved } from './places.ts'
import { runJob } from './shell.ts'
import { addUndoOptions, type UndoFlags } from './undo.ts'
import { count, duration, durationOption, wrong } from './values.ts'

interface ZkcopyFlags extends OutputFlags, UndoFlags {
  source: string
  target: string
  workers: number
  copyOnly: boolean
  ignoreEphemeralNodes: boolean
  mtime?: number
  batchSize: number
  timeout: number
  retryFor: number
  dryRun?: boolean
  overwriteNewer?: boolean
  yes?: boolean
}

export function register(command: Command, io: Io): void {
  command
    // Its own words for presets and defaults say less than the descriptions.
    .configureHelp({
      optionDescription: (option) =>
        option.presetArg === undefined
          ? Help.prototype.optionDescription.call(new Help(), option)
          : option.description,
    })
    .description(
      "Takes ksprojects/zkcopy's options and means what they mean there: a copy onto what is there, with deletes unless -c. Unlike zkcopy it keeps ACLs, resumes, and verifies.",
    )
    .requiredOption('-s, --source <location>', 'server:port/path to copy')
    .requiredOption('-t, --target <location>', 'server:port/path to copy to')
    .option(
      '-w, --workers <n>',
      'directories in flight, and sessions for reading',
      count('--workers', 1, 60),
      10,
    )
    // picocli's rule for such an option: without a value it turns the default around.
    .addOption(
      new Option(
        '-c, --copyOnly [bool]',
        'do not delete what only the target has; -c alone means true (default: false)',
      )
        .argParser(flag('--copyOnly'))
        .preset('true')
        .default(false),
    )
    .addOption(
      new Option(
        '-i, --ignoreEphemeralNodes [bool]',
        'always true here: false is refused, and so is -i alone, which means false',
      )
        .argParser(ignoreEphemerals)
        .preset('false')
        .default(true),
    )
    .option('-m, --mtime <ms>', 'only -1 here: older znodes are not left out', mtime)
    .option('-b, --batchSize <n>', 'at most so many operations in one write: 1000 or more', batchSize, 1000)
    .option('--timeout <ms>', 'session timeout in milliseconds', milliseconds, 40_000)
    .addOption(
      durationOption('--retry-for', 'how long to wait for an ensemble that cannot be reached', '15m'),
    )
    .option('--dry-run', 'list what would be done; write nothing')
    .option('--overwrite-newer', OVERWRITE_NEWER)
    .option('--yes', 'do not ask before deleting; needed without -c where there is no terminal')
    // Else -ci would read as -c with the value "i".
    .combineFlagAndOptionalValue(false)
  addUndoOptions(command, 'a file beside the journal')
  addAuthOptions(command, 'source')
  addAuthOptions(command, 'target')
  addOutputOptions(command)
  const { done, different, usage, incomplete, source, target, journal, refused } = ExitCode
  command
    .addHelpText('after', examples('zkferry zkcopy -s old1:2181/pegasus -t new1:2181/pegasus -w 10 -c'))
    .addHelpText('after', AUTH_HELP)
    .addHelpText('after', exitCodes(done, different, usage, incomplete, source, target, journal, refused))
    .action((flags: ZkcopyFlags) =>
      runJob({ command: 'zkcopy', flags, singleLocation: false }, io, (shell) =>
        runCopy(shell, request(flags, io), flags as unknown as Record<string, unknown>),
      ),
    )
}

/** zkcopy also takes `-b=500`; here that is `-b 500`. */
export function prepare(args: string[]): string[] {
  return args.flatMap((arg) => {
    const match = /^(-[a-z])=(.*)$/s.exec(arg)
    return match ? [match[1] as string, match[2] as string] : [arg]
  })
}

function request(flags: ZkcopyFlags, io: Io): CopyRequest {
  const source = requireEnsemble(parseLocation(flags.source, 'source'), 'zkcopy')
  const target = requireEnsemble(parseLocation(flags.target, 'target'), 'zkcopy')
  refuseOverlapInText(source, target)
  refuseReserved(target)
  if (!flags.copyOnly && !flags.yes && !flags.dryRun && !isInteractive(io)) {
    throw new UsageProblem(
      'zkcopy without -c deletes what only the target has: it needs --yes (or -c) when there is no terminal to ask on.',
    )
  }
  return { command: 'zkcopy', source, target, flags: asCopyFlags(flags) }
}

function asCopyFlags(flags: ZkcopyFlags): CopyFlags {
  return {
    ...flags,
    acl: true,
    sequence: true,
    ephemeral: 'skip',
    maxSteps: MAX_STEPS,
    verify: true,
    merge: true,
    delete: !flags.copyOnly,
    rounds: 3,
    settle: 2_000,
    concurrency: flags.workers,
    sessions: flags.workers,
  }
}

function flag(name: string): (text: string) => boolean {
  return (text) => {
    if (/^true$/i.test(text)) return true
    if (/^false$/i.test(text)) return false
    throw wrong(name, text, 'is neither true nor false')
  }
}

function ignoreEphemerals(text: string): boolean {
  if (flag('--ignoreEphemeralNodes')(text)) return true
  throw new UsageProblem(
    '-i false (which a bare -i means) cannot be honoured safely: an ephemeral that becomes persistent outlives its owner and keeps services from starting.',
  )
}

function mtime(text: string): number {
  if (!/^-?\d{1,18}$/.test(text)) throw wrong('--mtime', text, 'is not a number of milliseconds')
  if (text.startsWith('-')) return Number(text)
  throw new UsageProblem(
    `-m ${text} cannot be honoured: zkferry compares every znode with the target and writes only what differs; leave -m out.`,
  )
}

/** Writes hold at most 1000 operations here, and at most 512 KiB: any larger limit is kept as well. */
function batchSize(text: string): number {
  const size = count('--batchSize', 1)(text)
  if (size >= 1000) return size
  throw new UsageProblem(
    `-b ${size} cannot be honoured: zkferry writes up to 1000 operations at once, and never more than 512 KiB, so that no server's limit is met; leave -b out.`,
  )
}

function milliseconds(text: string): number {
  return /^\d+$/.test(text)
    ? count('--timeout', 1, 2_147_483_647)(text)
    : duration('--timeout', 'positive')(text)
}
