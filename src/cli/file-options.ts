/** Flags of locations that are files, each with the kind of file that it goes with. */
import type { Command } from 'commander'
import type { ReadFormat } from '../locations/export/read.ts'
import type { ParsedLocation } from '../locations/parse-location.ts'
import { parseServerVersion, type ServerVersion } from '../locations/snapshot/server-version.ts'
import { UsageProblem } from '../tree/errors.ts'
import { type ArchiveFlags, checkArchiveTargetFlags } from './archive-options.ts'
import type { DatadirFlags } from './datadir-options.ts'
import { count, wrong } from './values.ts'

/** Of `snapshot:` as a target. */
export interface SnapshotFlags {
  members?: number
  forVersion?: ServerVersion
  force?: boolean
}

/** Of an export as a source. */
export interface ExportFlags {
  format?: ReadFormat
}

export interface FileFlags extends SnapshotFlags, ArchiveFlags, DatadirFlags, ExportFlags {}

/** More voting members only make an ensemble slower; myid may be up to 255. */
const MOST_MEMBERS = 255

export function addSnapshotOptions(command: Command): Command {
  return command
    .option(
      '--members <n>',
      'to a snapshot: a folder for each of so many members, DIR/1 to DIR/N, with its myid',
      count('--members', 1, MOST_MEMBERS),
    )
    .option(
      '--for-version <version>',
      'to a snapshot: the oldest version that shall boot from it, such as 3.4 or 3.5.10 (default: 3.5.5 or newer)',
      serverVersion,
    )
    .option('--force', 'to a snapshot: set aside the data that its folder has already')
}

/** @throws UsageProblem for flags of a file that is not written here. */
export function checkFileFlags(flags: FileFlags, target: ParsedLocation): void {
  checkArchiveTargetFlags(flags, target)
  if (target.kind === 'snapshot') return
  const stray = (
    [
      ['--members', flags.members],
      ['--for-version', flags.forVersion],
      ['--force', flags.force],
    ] as const
  ).find(([, value]) => value !== undefined)
  if (stray !== undefined)
    throw new UsageProblem(
      `${stray[0]} goes with a target of the form snapshot:DIR#/path, not ${target.text}.`,
    )
}

function serverVersion(text: string): ServerVersion {
  const version = parseServerVersion(text)
  if (version === null)
    throw wrong(
      '--for-version',
      text,
      'is no version of ZooKeeper from 3.4 on: write one such as 3.4 or 3.9.5',
    )
  return version
}
