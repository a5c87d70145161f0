/** `zkferry import FILE TARGET` */
import { type Command, Option } from 'commander'
import { READ_FORMATS, type ReadFormat } from '../locations/export/read.ts'
import { parseLocation, parseTarget } from '../locations/parse-location.ts'
import { addPassphraseOptions } from './archive-options.ts'
import { addWritingOptions, type CopyFlags, checkCopy } from './copy.ts'
import { type CopyRequest, runCopy } from './copy-job.ts'
import { ExitCode } from './exit-codes.ts'
import { examples, exitCodes } from './help.ts'
import type { Io } from './io.ts'
import { AUTH_HELP, addAuthOptions } from './job-options.ts'
import { addOutputOptions } from './output-options.ts'
import { runJob } from './shell.ts'

interface ImportFlags extends Omit<CopyFlags, 'ephemeral'> {
  format: ReadFormat
  root: string
}

export function register(command: Command, io: Io): void {
  command
    .argument('<file>', 'what zkferry export, zoocreeper or zk_shell has written, also as gzip; - for stdin')
    .argument('<target>', 'host:port[,host:port…]/path, archive:FILE#/path, or snapshot:DIR#/path')
    .description(
      'Copies the tree in FILE to TARGET by the rules of copy, and verifies it. The file is read to its end before anything is written.',
    )
    .addOption(
      new Option('--format <format>', 'what the file is (default: as it begins)')
        .choices(READ_FORMATS)
        .default('auto', 'auto'),
    )
    .option('--root <path>', 'the subtree of the file that goes to TARGET', '/')
  addWritingOptions(command)
  addPassphraseOptions(command)
  addAuthOptions(command, 'target')
  addOutputOptions(command)
  const { done, different, usage, incomplete, source, target, journal, refused } = ExitCode
  command
    .addHelpText(
      'after',
      examples(
        'zkferry import --dry-run --merge app.ndjson new1:2181/app',
        'zkferry import app.ndjson new1:2181/app',
        'zkferry import --root /kafka zoocreeper.json.gz new1:2181/kafka',
        'ssh old-site cat app.ndjson.gz | zkferry import - new1:2181/app',
      ),
    )
    .addHelpText('after', AUTH_HELP)
    .addHelpText('after', exitCodes(done, different, usage, incomplete, source, target, journal, refused))
    .action((file: string, to: string, flags: ImportFlags) =>
      runJob({ command: 'import', flags, singleLocation: false }, io, (shell) =>
        runCopy(shell, checkedRequest(file, to, flags, io), flags as unknown as Record<string, unknown>),
      ),
    )
}

function checkedRequest(file: string, to: string, flags: ImportFlags, io: Io): CopyRequest {
  const source = parseLocation(`export:${file}#${flags.root}`, 'source')
  const target = parseTarget(to, source.path)
  // No session lives in a file.
  const copyFlags: CopyFlags = { ...flags, ephemeral: 'skip' }
  checkCopy(source, target, copyFlags, io)
  return { command: 'import', source, target, flags: copyFlags }
}
