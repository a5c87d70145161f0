/** Flags of `archive:FILE#/path`, as a source and as a target. */
import { type Command, Option } from 'commander'
import type { ParsedLocation } from '../locations/parse-location.ts'
import { UsageProblem } from '../tree/errors.ts'
import { readSecret } from './auth.ts'
import type { Shell } from './shell.ts'
import { count } from './values.ts'

const VARIABLE = 'ZKFERRY_ARCHIVE_PASSPHRASE'

export interface PassphraseFlags {
  passphraseFile?: string
  passphraseCommand?: string
}

/** Where an archive is read. */
export interface ArchiveSourceFlags extends PassphraseFlags {
  generation?: number
}

/** Where one is written. */
export interface ArchiveTargetFlags {
  compress?: 'gzip' | 'zstd' | 'none'
  encrypt?: boolean
}

export interface ArchiveFlags extends ArchiveSourceFlags, ArchiveTargetFlags {}

export function addPassphraseOptions(command: Command): Command {
  return command
    .option('--passphrase-file <file>', `opens an encrypted archive (default: ${VARIABLE})`)
    .option('--passphrase-command <command>', 'the same, from the stdout of a command')
}

export function addArchiveSourceOptions(command: Command): Command {
  command.option(
    '--generation <n>',
    'of an archive: this generation, and not the newest',
    count('--generation', 1),
  )
  return addPassphraseOptions(command)
}

export function addArchiveTargetOptions(command: Command): Command {
  return command
    .addOption(
      new Option('--compress <how>', 'into an archive: how (default: gzip)').choices([
        'gzip',
        'zstd',
        'none',
      ]),
    )
    .option('--encrypt', 'into a new archive: encrypt it with the passphrase (AES-256-GCM)')
}

/** Asked only when there is something to encrypt or decrypt; `null` when none is given. @throws UsageProblem */
export function passphraseOf(flags: PassphraseFlags, { io, context }: Shell): () => Promise<Buffer | null> {
  let asked: Promise<Buffer | null> | null = null
  const ask = async () => {
    const { passphraseFile: file, passphraseCommand: command } = flags
    const source = { flag: '--passphrase', file, command, variables: [VARIABLE] }
    const secret = await readSecret(source, io.env, context.signal)
    if (secret === null) return null
    // Editors and echo end a line; a passphrase does not hold its end.
    const text = secret.from === 'variable' ? secret.text : secret.text.replace(/\r?\n$/, '')
    if (text === '') throw new UsageProblem(`${secret.origin} holds no passphrase: it is empty.`)
    return Buffer.from(text)
  }
  return () => {
    asked ??= ask()
    return asked
  }
}

/** @throws UsageProblem for a flag that goes with an archive, where there is none. */
export function checkArchiveSourceFlags(flags: ArchiveSourceFlags, places: readonly ParsedLocation[]): void {
  if (places.some(({ kind }) => kind === 'archive')) return
  if (flags.generation !== undefined) throw stray('--generation')
  if (flags.passphraseFile !== undefined) throw stray('--passphrase-file')
  if (flags.passphraseCommand !== undefined) throw stray('--passphrase-command')
}

/** @throws UsageProblem */
export function checkArchiveTargetFlags(flags: ArchiveTargetFlags, target: ParsedLocation): void {
  if (target.kind === 'archive') return
  const named = flags.compress !== undefined ? '--compress' : flags.encrypt ? '--encrypt' : null
  if (named !== null)
    throw new UsageProblem(`${named} goes with a target of the form archive:FILE#/path, not ${target.text}.`)
}

function stray(flag: string): UsageProblem {
  return new UsageProblem(`${flag} goes with a location of the form archive:FILE#/path, and there is none.`)
}
