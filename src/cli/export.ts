/** `zkferry export LOCATION` */
import { randomBytes } from 'node:crypto'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { type Command, Option } from 'commander'
import type { OwnFormat } from '../locations/export/records.ts'
import type { Sink } from '../locations/export/write.ts'
import { parseLocation } from '../locations/parse-location.ts'
import type { TreeSource } from '../tree/contracts.ts'
import { Interrupted, MissingRoot, UsageProblem } from '../tree/errors.ts'
import type { JobResult } from '../tree/events.ts'
import { plural } from '../tree/plural.ts'
import {
  type ArchiveSourceFlags,
  addArchiveSourceOptions,
  checkArchiveSourceFlags,
} from './archive-options.ts'
import { addDatadirOptions, checkDatadirFlags, type DatadirFlags } from './datadir-options.ts'
import { ExitCode } from './exit-codes.ts'
import { examples, exitCodes, READ_FROM } from './help.ts'
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
import { version } from './version.ts'

interface ExportCommandFlags
  extends OutputFlags,
    ConnectFlags,
    PaceFlags,
    FilterFlags,
    ArchiveSourceFlags,
    DatadirFlags {
  /** Of what is written. */
  format: OwnFormat
  output?: string
  acl: boolean
  stat?: boolean
}

export function register(command: Command, io: Io): void {
  command
    .argument('<location>', READ_FROM)
    .description(
      'Writes the subtree as text that people and Git can read, a znode a line, sorted; import brings it back. Ephemerals are skipped and named.',
    )
    .addOption(
      new Option('--format <format>', 'what is written')
        .choices(['ndjson', 'json', 'yaml'])
        .default('ndjson'),
    )
    .option('--output <file>', 'write there, whole or not at all (default: stdout)')
    .option('--stat', 'zxids, times and all versions, too: every change shows then')
    .option('--no-acl', 'leave ACLs out')
  addFilterOptions(command)
  addArchiveSourceOptions(command)
  addDatadirOptions(command)
  addPaceOptions(command)
  addConnectOptions(command)
  addAuthOptions(command, null)
  addOutputOptions(command)
  const { done, usage, incomplete, source, refused } = ExitCode
  command
    .addHelpText(
      'after',
      examples(
        'zkferry export zk1:2181,zk2:2181/app > app.ndjson',
        'zkferry export --format yaml --output app.yaml archive:backup.zkferry#/app',
        "zkferry export --include 'config/**' zk1:2181/kafka | jq -c 'select(.path)'",
      ),
    )
    .addHelpText('after', AUTH_HELP)
    .addHelpText('after', exitCodes(done, usage, incomplete, source, refused))
    .action((text: string, flags: ExportCommandFlags) =>
      runJob({ command: 'export', flags, singleLocation: true }, io, (shell) => run(shell, text, flags)),
    )
}

async function run(shell: Shell, text: string, flags: ExportCommandFlags): Promise<JobResult> {
  if (flags.json && flags.output === undefined)
    throw new UsageProblem('--json writes to stdout, where the export goes: name a file with --output.')
  const at = parseLocation(text, 'location')
  checkArchiveSourceFlags(flags, [at])
  checkDatadirFlags(flags, [at])
  const filter = await makeFilter(flags)
  const auth = await identities(flags as unknown as Record<string, unknown>, null, shell)
  const secure = await secured(shell, at, flags as unknown as Record<string, unknown>, null)
  // The format of what is written says nothing of what is read.
  const opening = { location: secure, side: 'source' as const, auth, flags: { ...flags, format: undefined } }
  const location = await openSource(shell, opening)
  shell.context.emit({
    type: 'run',
    command: 'export',
    runId: null,
    journal: null,
    source: location.name,
    target: null,
    resumed: false,
    version: version(),
  })
  const result = await exportTree(shell, location, filter.on(location.holds), flags).catch((error: unknown) =>
    unwritten(shell, error, flags),
  )
  noteUnmatched(shell, filter, result)
  return result
}

async function exportTree(
  shell: Shell,
  location: TreeSource,
  filter: Awaited<ReturnType<typeof makeFilter>>,
  flags: ExportCommandFlags,
): Promise<JobResult> {
  const { counts, emit, signal } = shell.context
  const { acl, format } = flags
  const { requireAcls } = await import('../tree/losses.ts')
  const { march } = await import('../tree/march.ts')
  const { verifyMarch } = await import('../verify/verify.ts')
  const { standing, stoodStill } = await import('../verify/stillness.ts')
  const { GatherHand } = await import('../locations/export/gather.ts')
  const { Staging } = await import('../locations/stored/staging.ts')
  const { writeExport } = await import('../locations/export/write.ts')
  // What cannot be written is told before anything is read.
  const output = flags.output === undefined ? null : await openOutput(shell, resolve(flags.output))
  if ((await location.identity()) === null) throw new MissingRoot('The root', location.name)
  const folder = stagingFolder(flags)
  const [staging, aside] = [0, 1].map(() => {
    const one = new Staging(join(folder, `.zkferry-${randomBytes(6).toString('hex')}.staging`))
    return shell.onEnd(one, () => one.close())
  }) as [InstanceType<typeof Staging>, InstanceType<typeof Staging>]
  if (acl) requireAcls(location, '--no-acl')
  emit({ type: 'phase', phase: 'copy' })
  const before = await standing(location)
  const hand = new GatherHand({ staging, aside, acl, since: before.since, context: shell.context })
  const marchOptions = verifyMarch({ acl, filter, ...pace(flags) }, signal)
  const whole = await march(location, location, hand, marchOptions, { from: 'root', target: false })
  if (!whole || signal.aborted) throw new Interrupted('Interrupted: nothing was exported.')
  const still = await stoodStill(location, before)
  const { failed } = counts
  const result = {
    counts,
    digest: { source: failed > 0 ? null : hand.sum.hex(), target: null },
    sourceMoved: hand.moved,
    consistency: still ? ('quiet' as const) : hand.moved > 0 ? ('moving' as const) : ('unknown' as const),
  }
  if (staging.get('/') === null)
    return {
      ...result,
      status: 'incomplete',
      message: 'The root could not be read, so there is nothing to export.',
    }
  const partial = !filter.everything
  const { leads } = hand
  const written = {
    staging,
    format,
    options: { acl, stat: flags.stat === true },
    partial,
    failed,
    leads,
    signal,
  }
  await writeExport(written, output === null ? stdoutOf(shell) : (text) => output.write(text))
  output?.publish()
  const message = `${plural(failed, 'znode')} could not be read: the export lacks them, and says so.`
  return failed > 0
    ? { ...result, status: 'incomplete', message }
    : { ...result, status: 'done', message: '' }
}

function stagingFolder({ output }: ExportCommandFlags): string {
  return output === undefined ? tmpdir() : dirname(resolve(output))
}

/** @throws what has nothing to do with the output */
function unwritten({ context: { counts } }: Shell, error: unknown, flags: ExportCommandFlags): JobResult {
  const { name, code, message: said } = error as NodeJS.ErrnoException
  const staging = typeof code === 'string' && code.startsWith('SQLITE')
  if (!staging && name !== 'OutputProblem') throw error
  const why = code === 'SQLITE_FULL' ? 'its disk is full' : code
  const by = flags.output === undefined ? 'in TMPDIR' : 'with --output'
  const message = staging
    ? `What was read could not be kept in ${stagingFolder(flags)} until it is written (${why}), so nothing was exported; make room there, or name another folder ${by}.`
    : said
  const digest = { source: null, target: null }
  return { status: 'incomplete', message, counts, digest, sourceMoved: 0, consistency: 'unknown' }
}

async function openOutput(shell: Shell, file: string) {
  const { OutputFile } = await import('../locations/export/output-file.ts')
  const output = new OutputFile(file)
  return shell.onEnd(output, () => output.discard())
}

/** As fast as it is read, so that nothing piles up. */
function stdoutOf(shell: Shell): Sink {
  return async (text) => {
    // The end of a line is not ours to write.
    shell.data({ type: 'export' }, [text.slice(0, -1)])
    await shell.io.stdout.drained()
  }
}
