/** What must hold for a file before SQLite may touch it. */
import {
  chmodSync,
  closeSync,
  constants,
  lstatSync,
  openSync,
  type Stats,
  statfsSync,
  statSync,
} from 'node:fs'
import { dirname, resolve } from 'node:path'
import { JournalProblem } from '../tree/errors.ts'

const NETWORK_FILE_SYSTEMS = new Map([
  [0x6969, 'NFS'],
  [0xff534d42, 'SMB'],
  [0xfe534d42, 'SMB'],
])

/** @throws JournalProblem when the folder of `file` is missing or lies on a file system that SQLite's WAL cannot use. */
export function checkFolder(file: string): void {
  const folder = dirname(resolve(file))
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory()) {
    throw new JournalProblem(`The journal ${file} cannot be kept: there is no folder ${folder}.`)
  }
  checkFileSystem(folder, statfsSync(folder).type)
}

/** `type` is statfs(2)'s magic number. */
export function checkFileSystem(folder: string, type: number): void {
  const name = NETWORK_FILE_SYSTEMS.get(type >>> 0)
  if (name === undefined) return
  throw new JournalProblem(
    `The folder ${folder} is on ${name}, where the journal cannot be kept safely (SQLite's WAL needs a local disk); name a file on a local disk with --journal.`,
  )
}

/**
 * Refuses a symlink or anything else that is no plain file; its WAL files too, which SQLite opens by name.
 * Returns what is there, or `null`. Never opens the file: closing it again would drop this process's locks on it.
 */
export function checkPlainFile(file: string): Stats | null {
  for (const beside of [`${file}-wal`, `${file}-shm`, `${file}-journal`]) refuseOddity(beside)
  return refuseOddity(file)
}

/** Makes the file, with mode 0600, when it is missing. */
export function makePrivate(file: string): void {
  if (checkPlainFile(file) !== null) return
  const flags = constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW | constants.O_RDWR
  changing(file, 'made', () => closeSync(openSync(file, flags, 0o600)))
}

/**
 * Takes the rights of others away from a file that is known to be ours, and from its WAL files. Before SQLite opens it:
 * the WAL files that are made then have the rights that it has.
 */
export function keepPrivate(file: string): void {
  for (const each of [file, `${file}-wal`, `${file}-shm`, `${file}-journal`]) {
    const stats = refuseOddity(each)
    if (stats === null || (stats.mode & 0o077) === 0) continue
    changing(each, 'kept private', () => chmodSync(each, 0o600))
  }
}

function changing(file: string, what: string, work: () => void): void {
  try {
    work()
  } catch (error) {
    throw new JournalProblem(
      `The journal ${file} cannot be ${what} (${(error as NodeJS.ErrnoException).code}); name a file in a folder that you may write with --journal.`,
      { cause: error },
    )
  }
}

function refuseOddity(file: string): Stats | null {
  let stats: Stats | undefined
  try {
    stats = lstatSync(file, { throwIfNoEntry: false })
  } catch (error) {
    throw new JournalProblem(
      `The journal ${file} cannot be looked at (${(error as NodeJS.ErrnoException).code}).`,
      {
        cause: error,
      },
    )
  }
  if (stats === undefined || stats.isFile()) return stats ?? null
  const what = stats.isSymbolicLink()
    ? 'a symbolic link'
    : stats.isDirectory()
      ? 'a folder'
      : 'not a plain file'
  throw new JournalProblem(`${file} is ${what}, and a journal must be a plain file of its own.`)
}
