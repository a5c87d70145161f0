/** Groups of options that several commands share, and what they mean to the jobs. */
import type { Command } from 'commander'
import type { Side } from '../tree/contracts.ts'
import { UsageProblem } from '../tree/errors.ts'
import type { JobResult } from '../tree/events.ts'
import type { Filter } from '../tree/filter.ts'
import { readIdentities } from './auth.ts'
import type { Shell } from './shell.ts'
import { addTlsOptions, TLS_HELP } from './tls.ts'
import { byteSize, count, durationOption, glob } from './values.ts'

export interface ConnectFlags {
  timeout: number
  retryFor: number
  sessions: number
  gentle?: boolean
  avoidLeader?: boolean
}

export interface PaceFlags {
  concurrency: number
  rate?: number
  byteRate?: number
}

export interface FilterFlags {
  include?: string[]
  exclude?: string[]
}

export function addConnectOptions(command: Command): Command {
  const waiting = 'how long to wait for an ensemble that cannot be reached'
  return command
    .addOption(durationOption('--timeout', 'session timeout to ask for', '30s', 'positive'))
    .addOption(durationOption('--retry-for', waiting, '15m'))
    .option('--gentle', 'ask less at once, and less still when the servers take longer to answer')
    .option('--avoid-leader', 'open sessions on followers and observers, where there are any')
}

export function addPaceOptions(command: Command): Command {
  return command
    .option('--concurrency <n>', 'directories in flight', count('--concurrency', 1, 4096), 1024)
    .option('--sessions <n>', 'sessions for reading, to each ensemble', count('--sessions', 1, 60), 8)
    .option('--rate <n>', 'at most so many znodes a second', count('--rate', 1))
    .option('--byte-rate <n>', 'at most so many bytes a second, such as 5MB', byteSize('--byte-rate'))
}

const GLOBS_HELP = `
GLOBS
  On the path below the location's root, without a slash in front, as picomatch reads them: * is one name
  (also one that begins with a dot), ** any depth. "topom" is a child of the root, "*/topom" a grandchild,
  "**/topom" is at any depth. What is excluded takes all below it along; an exclude beats an include.
`

export function addFilterOptions(command: Command): Command {
  return command
    .addHelpText('after', GLOBS_HELP)
    .option(
      '--include <glob>',
      "only what matches, on the path below the location's root (repeatable)",
      glob('--include'),
    )
    .option(
      '--exclude <glob>',
      'leave out what matches, and all below it (repeatable; beats --include)',
      glob('--exclude'),
    )
}

export interface Pace {
  concurrency: number
  rate: number | null
  byteRate: number | null
}

export function pace(flags: PaceFlags): Pace {
  return { concurrency: flags.concurrency, rate: flags.rate ?? null, byteRate: flags.byteRate ?? null }
}

/** Globs that let nothing in or out, and are mistakes all the same when they match nothing. */
interface OtherGlobs {
  versions?: string[]
  container?: string[]
  ttl?: { glob: string }[]
}

/** @throws UsageProblem when picomatch cannot read a glob. */
export async function makeFilter(flags: FilterFlags & OtherGlobs): Promise<Filter> {
  const { Filter } = await import('../tree/filter.ts')
  try {
    return new Filter(flags.include ?? [], flags.exclude ?? [], undefined, otherGlobs(flags))
  } catch (error) {
    throw new UsageProblem(`A glob of --include or --exclude cannot be read: ${(error as Error).message}.`, {
      cause: error,
    })
  }
}

function otherGlobs({ versions = [], container = [], ttl = [] }: OtherGlobs) {
  return [
    ...versions.map((glob) => ({ option: '--versions', glob })),
    ...container.map((glob) => ({ option: '--container', glob })),
    ...ttl.map(({ glob }) => ({ option: '--ttl', glob })),
  ]
}

/** Says which globs matched nothing: most likely mistakes, and else what they were to leave out is there without a word. */
export function noteUnmatched(shell: Shell, filter: Filter, { status, counts }: JobResult): void {
  // What an earlier run has seen, or what could not be read, may well match.
  if (status === 'interrupted' || counts.failed > 0 || shell.begun?.resumed) return
  for (const { option, glob } of filter.unmatched) {
    const anywhere = glob.includes('/') || /^\**$/.test(glob) ? '' : `, and **/${glob} matches at any depth`
    const message = `${option} ${glob} matched nothing: globs are on the path below the root${anywhere}`
    // What was to be looked at was not: a check that nobody watches must not pass in silence.
    if (option === '--include') shell.context.emit({ type: 'note', message, loud: true })
    else note(shell, message)
  }
}

export const AUTH_HELP = `
ENSEMBLES
  A port that is left out is 2181, also after zks://. All hosts are of one ensemble; the path follows the last.

IDENTITIES
  Lines of "scheme credentials", such as "digest user:password", never on the command line:
  from the environment (ZKFERRY_SOURCE_AUTH, ZKFERRY_TARGET_AUTH; ZKFERRY_AUTH where there is one location),
  from a file, or from the stdout of a command. Several "digest user:password" may go with one of SASL:
  "sasl user:password" (DIGEST-MD5), or "sasl-gssapi" (Kerberos, by the tickets of kinit).
${TLS_HELP}`

/** `--source-auth-file` and `--source-auth-command`, or without a side `--auth-file` and `--auth-command`; the same for TLS. */
export function addAuthOptions(command: Command, side: Side | null): Command {
  const flag = authFlag(side)
  const whose = side === null ? 'the location' : `the ${side}`
  return addTlsOptions(
    command
      .option(`${flag}-file <file>`, `identities at ${whose}`)
      .option(`${flag}-command <command>`, `the same, from the stdout of a command`),
    side,
  )
}

export function authFlag(side: Side | null): string {
  return side === null ? '--auth' : `--${side}-auth`
}

/** Reads one side's identities; `side` is `null` where the only location is called neither source nor target. */
export async function identities(
  flags: Record<string, unknown>,
  side: Side | null,
  { io, context }: Shell,
  only = side === null,
) {
  const stem = side === null ? 'auth' : `${side}Auth`
  const variables = side === null ? [] : [`ZKFERRY_${side.toUpperCase()}_AUTH`]
  return readIdentities(
    {
      flag: authFlag(side),
      file: flags[`${stem}File`] as string | undefined,
      command: flags[`${stem}Command`] as string | undefined,
      variables: only ? [...variables, 'ZKFERRY_AUTH'] : variables,
    },
    io.env,
    context.signal,
  )
}

/** A variable that this command does not read, and that someone may think it does. */
export function noteStrayIdentity(shell: Shell): void {
  if (!shell.io.env.ZKFERRY_AUTH) return
  note(
    shell,
    'ZKFERRY_AUTH is not used here; with two locations set ZKFERRY_SOURCE_AUTH and ZKFERRY_TARGET_AUTH',
  )
}

/** Something that belongs to the summary without being a problem. */
export function note(shell: Shell, message: string): void {
  shell.context.emit({ type: 'note', message })
}
