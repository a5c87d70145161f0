/** `--undo FILE`, `--no-undo`: what a job overwrites or deletes is in an archive before it is touched. */
import { randomBytes } from 'node:crypto'
import { existsSync, statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import type { Command } from 'commander'
import type { UndoneRun } from '../copy/begin.ts'
import type { ParsedLocation } from '../locations/parse-location.ts'
import type { UndoRecord } from '../tree/contracts.ts'
import { UsageProblem } from '../tree/errors.ts'
import { note } from './job-options.ts'
import type { Shell } from './shell.ts'
import { version } from './version.ts'

export interface UndoFlags {
  /** `false` for `--no-undo`; not there: a file of our own choice. */
  undo?: string | false
}

/** `where` is said of the file that is used when none is named. */
export function addUndoOptions(command: Command, where: string): Command {
  return command
    .option('--undo <file>', `keep what is overwritten or deleted in this archive (default: ${where})`)
    .option('--no-undo', 'do not keep it')
}

/** For one run of a copy. `journal` is `null` for a dry run. */
export function undoOfCopy(
  shell: Shell,
  { undo }: UndoFlags,
  target: ParsedLocation,
  journal: { file: string; latest(): { state: string; undo: string | null } | null } | null,
): ((run: UndoneRun) => Promise<UndoRecord>) | null {
  if (target.kind !== 'ensemble') {
    if (typeof undo !== 'string') return null
    throw new UsageProblem(
      `--undo goes with an ensemble as the target: nothing in ${target.text} is overwritten.`,
    )
  }
  if (undo === false || journal === null) return null
  const named = undo === undefined ? null : resolve(undo)
  const latest = journal.latest()
  if (named !== null) checkNew(named, latest?.state === 'finished' ? null : (latest?.undo ?? null))
  return async ({ id, file, made }) => {
    const { undoFileBeside } = await import('../journal/index.ts')
    const chosen = named ?? file ?? resolve(undoFileBeside(journal.file, id))
    if (file !== null && file !== chosen)
      note(
        shell,
        `what this run overwrote before it was broken off is in ${file}, the rest will be in ${chosen}`,
      )
    return open(shell, target, chosen, file === chosen, made)
  }
}

export async function undoOfRmr(
  shell: Shell,
  { undo }: UndoFlags,
  at: ParsedLocation,
): Promise<UndoRecord | null> {
  if (undo === false) return null
  if (undo !== undefined) checkNew(resolve(undo), null)
  const { stateDirectory, undoFileIn } = await import('../journal/index.ts')
  const file =
    undo ?? undoFileIn(stateDirectory(shell.io.env), at.text, new Date(), randomBytes(2).toString('hex'))
  return open(shell, at, resolve(file), false, () => {})
}

async function open(
  shell: Shell,
  at: ParsedLocation,
  file: string,
  goesOn: boolean,
  made: (file: string) => void,
): Promise<UndoRecord> {
  const { UndoFile } = await import('../locations/archive/undo-file.ts')
  const setup = {
    file,
    origin: { source: at.text, version: version() },
    made: (name: string) => {
      if (goesOn)
        note(
          shell,
          `the undo file of the part that was broken off is not there; a new ${name} has what is overwritten from now on`,
        )
      made(name)
    },
    // Not as soon as it is made: a refusal takes it away again.
    holds: (name: string) => shell.say(`undo: ${name}`),
  }
  return shell.keepsUndo(goesOn ? await UndoFile.resume(setup) : UndoFile.anew(setup))
}

/** Before anything has begun. `own` is the run's, which goes on with it. */
function checkNew(file: string, own: string | null): void {
  if (!statSync(dirname(file), { throwIfNoEntry: false })?.isDirectory())
    throw new UsageProblem(`--undo ${file} cannot be made: there is no folder ${dirname(file)}.`)
  if (file !== own && existsSync(file))
    throw new UsageProblem(`--undo ${file} is there already; name a file that is not.`)
}
