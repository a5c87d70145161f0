/** Opens what a location names, for a job to read or to write; the job's end closes it. */
import type { ParsedEnsemble, ParsedFile, ParsedLocation } from '../locations/parse-location.ts'
import { escapeText } from '../report/escape.ts'
import type { Side, TreeSource, TreeTarget } from '../tree/contracts.ts'
import { Interrupted, UsageProblem } from '../tree/errors.ts'
import { passphraseOf } from './archive-options.ts'
import type { FileFlags } from './file-options.ts'
import { type ConnectFlags, type identities, note } from './job-options.ts'
import { refuseSwallowedPath, whatIsThere } from './missing-root.ts'
import type { Shell } from './shell.ts'

export interface Opening<L = ParsedLocation> {
  location: L
  side: Side
  auth: Awaited<ReturnType<typeof identities>>
  flags: ConnectFlags & FileFlags
}

/** What can be read: also where a verification calls it the target. */
export async function openSource(shell: Shell, opening: Opening): Promise<TreeSource> {
  const { location } = opening
  if (location.kind === 'ensemble') return openEnsembleAt(shell, { ...opening, location })
  return shell.own(await openFile(shell, location, opening))
}

export async function openTarget(shell: Shell, opening: Opening): Promise<TreeTarget> {
  const { location } = opening
  if (location.kind === 'ensemble') return openEnsembleAt(shell, { ...opening, location })
  return shell.own(await openStaging(shell, location, opening))
}

/** @throws UsageProblem for a file, where only an ensemble will do. `does` is what cannot be done to a file. */
export function requireEnsemble(location: ParsedLocation, does: string): ParsedEnsemble {
  if (location.kind === 'ensemble') return location
  throw new UsageProblem(`${does} needs an ensemble (host:port/path), and ${location.text} is a file.`)
}

async function openFile(shell: Shell, location: ParsedFile, { side, flags }: Opening): Promise<TreeSource> {
  refuseSwallowedPath(location)
  switch (location.kind) {
    case 'archive':
      return openArchiveAt(shell, location, side, flags)
    case 'datadir':
      return openDatadirAt(shell, location, side, flags)
    case 'export':
      return openExportAt(shell, location, side, flags)
    case 'snapshot':
      throw new UsageProblem(
        `${location.text} can only be written; to read it, call it datadir:${location.file}#${location.path}.`,
      )
  }
}

async function openStaging(shell: Shell, location: ParsedFile, { flags }: Opening): Promise<TreeTarget> {
  switch (location.kind) {
    case 'archive':
      return openArchiveToWrite(shell, location, flags)
    case 'snapshot':
      return openSnapshotTarget(shell, location, flags)
    case 'export':
      throw new UsageProblem(
        `${location.text} can only be read; to write an export: zkferry export LOCATION --output FILE.`,
      )
    case 'datadir':
      throw new UsageProblem(
        `${location.text} can only be read; to write a data directory, call it snapshot:${location.file}#${location.path}.`,
      )
  }
}

async function openArchiveAt(
  shell: Shell,
  { file, path, text: name }: ParsedFile,
  side: Side,
  flags: FileFlags,
): Promise<TreeSource> {
  const { openArchiveSource } = await import('../locations/archive/open.ts')
  const passphrase = passphraseOf(flags, shell)
  const generation = flags.generation ?? null
  const tell = (message: string) => note(shell, message)
  return openArchiveSource({ file, path, side, name, generation, passphrase, note: tell })
}

async function openDatadirAt(
  shell: Shell,
  { file: directory, path: rootPath, text: name }: ParsedFile,
  side: Side,
  { logDir, atZxid, atTime, salvage }: FileFlags,
): Promise<TreeSource> {
  const { openDatadir } = await import('../locations/datadir/open-datadir.ts')
  return openDatadir({
    side,
    name,
    directory,
    rootPath,
    logDirectory: logDir ?? null,
    atZxid: atZxid ?? null,
    atTime: atTime ?? null,
    salvage: salvage === true,
    note: (message) => note(shell, message),
  })
}

async function openExportAt(
  shell: Shell,
  { file, path, text: name }: ParsedFile,
  side: Side,
  { format = 'auto' }: FileFlags,
): Promise<TreeSource> {
  const { openExportSource } = await import('../locations/export/open-export.ts')
  return openExportSource({
    file,
    stdin: shell.io.stdin,
    path,
    side,
    name,
    format,
    signal: shell.context.signal,
    note: (message) => note(shell, message),
  })
}

async function openArchiveToWrite(
  shell: Shell,
  { file, path, text: name }: ParsedFile,
  flags: FileFlags,
): Promise<TreeTarget> {
  const { openArchiveTarget } = await import('../locations/archive/open.ts')
  const passphrase = passphraseOf(flags, shell)
  const { compress: compression = 'gzip', encrypt = false } = flags
  return openArchiveTarget({ file, path, name, compression, encrypt, passphrase })
}

async function openSnapshotTarget(shell: Shell, location: ParsedFile, flags: FileFlags): Promise<TreeTarget> {
  const { openSnapshot } = await import('../locations/snapshot/open-snapshot.ts')
  return openSnapshot({
    directory: location.file,
    rootPath: location.path,
    name: location.text,
    members: flags.members ?? null,
    force: flags.force === true,
    version: flags.forVersion ?? null,
    published: ({ aside, notes, ...booting }) => {
      for (const folder of aside) note(shell, `What was there before is in ${folder} now.`)
      for (const message of notes) note(shell, message)
      shell.data({ type: 'boot', ...booting }, booting.zooCfg.map(escapeText))
    },
  })
}

async function openEnsembleAt(
  shell: Shell,
  { location, side, auth, flags }: Opening<ParsedEnsemble>,
): Promise<TreeTarget> {
  shell.words.onMissingRoot(location.text, () => whatIsThere(location, auth))
  const { openEnsemble } = await import('../locations/ensemble.ts')
  const opening = openEnsemble({
    location,
    side,
    auth,
    sessionTimeoutMs: flags.timeout,
    retryForMs: flags.retryFor,
    sessions: flags.sessions,
    gentle: flags.gentle === true,
    avoidLeader: flags.avoidLeader === true,
    emit: shell.context.emit,
  })
  return shell.own(await unlessAborted(opening, shell.context.signal))
}

/** Nobody waits fifteen minutes for an ensemble after Ctrl-C. */
function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = () => reject(new Interrupted('Interrupted while connecting; nothing was changed.'))
    if (signal.aborted) stop()
    signal.addEventListener('abort', stop, { once: true })
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop))
  })
}
