/** An archive that is being written: a copy of the present one, or a new one, which takes its name in one step. */
import { randomBytes } from 'node:crypto'
import {
  chmodSync,
  closeSync,
  constants,
  fsyncSync,
  lstatSync,
  openSync,
  realpathSync,
  renameSync,
  rmSync,
  type Stats,
} from 'node:fs'
import { copyFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { type ArchiveFile, createArchive, openArchive, type Passphrase, statOf } from './archive-file.ts'
import type { Keys, MadeKeys } from './keys.ts'
import { ArchiveProblem } from './problems.ts'
import { removeLeftovers, takeWriteLock, type WriteLock } from './write-lock.ts'

const PRIVATE = 0o600
/** A chunk begins a page where it does not fit into one: small pages waste less. */
const PAGE_BYTES = 1024

/** Where an archive is, or will be: a link's target, so that the link stays. @throws ArchiveProblem */
export function realFile(file: string): string {
  try {
    if (statOf(file) !== null) return realpathSync(file)
    if (lstatSync(file, { throwIfNoEntry: false }) !== undefined)
      throw new ArchiveProblem('unreadable', `${file} is a symbolic link to nothing.`)
    return join(realpathSync(dirname(file)), basename(file))
  } catch (error) {
    if (error instanceof ArchiveProblem) throw error
    throw new ArchiveProblem(
      'unreadable',
      `There is no folder ${dirname(file)} for the archive ${basename(file)}.`,
      {
        cause: error,
      },
    )
  }
}

export class Partial {
  /** The archive's final name. */
  readonly file: string
  /** Where it is written. */
  readonly path: string
  readonly #before: Stats | null
  readonly #lock: WriteLock
  #published = false

  private constructor(file: string, before: Stats | null, lock: WriteLock) {
    this.file = file
    this.path = `${file}.${randomBytes(6).toString('hex')}.partial`
    this.#before = before
    this.#lock = lock
  }

  /** Locks the archive; writes nothing yet. @throws ArchiveProblem when somebody else writes it, or it cannot be written. */
  static take(file: string): Partial {
    refuseUnfinished(file)
    let lock: WriteLock | null
    try {
      lock = takeWriteLock(file)
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      throw new ArchiveProblem('unreadable', `No archive can be written in ${dirname(file)} (${code}).`, {
        cause: error,
      })
    }
    if (lock === null)
      throw new ArchiveProblem('unreadable', `The archive ${file} is being written by another process.`)
    removeLeftovers(file)
    return new Partial(file, presentAt(file), lock)
  }

  /** False when there is no archive yet. */
  get extends(): boolean {
    return this.#before !== null
  }

  /** Copies the present archive, or lays out a new one, and opens it to be written. */
  async begin(passphrase: Passphrase | Keys, made: MadeKeys | null): Promise<ArchiveFile> {
    if (this.#before === null) return this.beginAnew(made)
    await copyFile(this.file, this.path, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE)
    chmodSync(this.path, PRIVATE)
    return unsynced(await openArchive(this.path, passphrase, 'write'))
  }

  /** Lays out a new archive, whatever there is at present. */
  beginAnew(made: MadeKeys | null): ArchiveFile {
    closeSync(openSync(this.path, constants.O_CREAT | constants.O_EXCL | constants.O_RDWR, PRIVATE))
    return unsynced(createArchive(this.path, made, PAGE_BYTES))
  }

  /** It takes its name, synced; nobody must have it open for writing any more. @throws ArchiveProblem, SafetyRefusal */
  publish(): void {
    if (!isSame(presentAt(this.file), this.#before)) {
      throw new ArchiveProblem(
        'unreadable',
        `${this.file} was changed by somebody else meanwhile; it is left as it is.`,
      )
    }
    chmodSync(this.path, this.#before === null ? PRIVATE : this.#before.mode & 0o777)
    synced(this.path)
    renameSync(this.path, this.file)
    this.#published = true
    synced(dirname(this.file))
  }

  /** What was not published goes, and the lock with it. */
  release(): void {
    if (!this.#published) for (const end of ['', '-journal']) rmSync(this.path + end, { force: true })
    this.#lock.release()
  }
}

/**
 * What SQLite keeps beside a database belongs to it: an undo that is being written, or was left by a killed job, is no
 * single file, and what stands there would be taken for a part of the file that takes its place.
 */
function refuseUnfinished(file: string): void {
  const beside = ['-wal', '-journal'].map((end) => file + end).find((path) => statOf(path) !== null)
  if (beside === undefined) return
  throw new ArchiveProblem(
    'unreadable',
    `${beside} belongs to ${file}, which a job is writing, or was when it was killed; it can be read, and not be written to.`,
  )
}

/** `null` where a new archive may be made: nothing is there, or an empty file. */
function presentAt(file: string): Stats | null {
  const stats = statOf(file)
  return stats === null || (stats.isFile() && stats.size === 0) ? null : stats
}

function isSame(a: Stats | null, b: Stats | null): boolean {
  if (a === null || b === null) return a === b
  return a.ino === b.ino && a.dev === b.dev && a.size === b.size && a.mtimeMs === b.mtimeMs
}

/** A process that is killed leaves a partial file that nobody reads, so nothing has to be safe before it is whole. */
function unsynced(archive: ArchiveFile): ArchiveFile {
  archive.db.pragma('journal_mode = MEMORY')
  archive.db.pragma('synchronous = OFF')
  return archive
}

function synced(path: string): void {
  const fd = openSync(path, 'r')
  try {
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}
