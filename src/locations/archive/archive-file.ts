/** An archive, opened: what it is, and which generations it has, have been checked; what they hold has not. */
import { closeSync, openSync, readSync, type Stats, statSync } from 'node:fs'
import Database from 'better-sqlite3'
import { type Generation, nextGeneration, readGenerations, readHeader, writeHeader } from './generation.ts'
import { Keys, type MadeKeys, unwrapKeys } from './keys.ts'
import { ArchiveProblem, asArchiveProblem, guarded } from './problems.ts'
import { checkSchema, createSchema } from './schema.ts'

/** Asked only when there is something to decrypt; `null` when the user gave none. */
export type Passphrase = () => Promise<Buffer | null>

const MAGIC = 'SQLite format 3\0'

export class ArchiveFile {
  readonly file: string
  readonly db: Database.Database
  readonly keys: Keys | null

  constructor(file: string, db: Database.Database, keys: Keys | null) {
    this.file = file
    this.db = db
    this.keys = keys
  }

  /** Oldest first. */
  generations(): Generation[] {
    return guarded(this.file, () => readGenerations(this.db, this.file, this.keys))
  }

  nextGeneration(): number {
    return nextGeneration(this.db)
  }

  close(): void {
    this.db.close()
  }
}

/** @throws ArchiveProblem for what is missing, no archive, damaged, or encrypted with another passphrase. */
export async function openArchive(
  file: string,
  passphrase: Passphrase | Keys,
  access: 'read' | 'write' = 'read',
): Promise<ArchiveFile> {
  checkFile(file)
  let db: Database.Database | null = null
  try {
    db = new Database(file, { readonly: access === 'read', fileMustExist: true })
    // A forged file is none of SQLite's business, and nothing in it may act.
    db.pragma('trusted_schema = OFF')
    db.pragma('cell_size_check = ON')
    checkSchema(db, file)
    const header = readHeader(db, file)
    const keys = header === null ? null : await keysFor(file, header, passphrase)
    return new ArchiveFile(file, db, keys)
  } catch (error) {
    db?.close()
    throw asArchiveProblem(file, error)
  }
}

/** Lays out a new archive in a file that is there and empty. `made`: how it is encrypted, `null` when it is not. */
export function createArchive(file: string, made: MadeKeys | null, pageBytes = 4096): ArchiveFile {
  const db = new Database(file)
  try {
    db.pragma(`page_size = ${pageBytes}`)
    db.transaction(() => {
      createSchema(db)
      writeHeader(db, made?.header ?? null)
    })()
    return new ArchiveFile(file, db, made?.keys ?? null)
  } catch (error) {
    db.close()
    throw asArchiveProblem(file, error)
  }
}

/** What is at `file`, `null` for nothing. @throws ArchiveProblem when that cannot be found out. */
export function statOf(file: string): Stats | null {
  try {
    return statSync(file, { throwIfNoEntry: false }) ?? null
  } catch (error) {
    throw unreadable(file, `cannot be looked at (${(error as NodeJS.ErrnoException).code})`)
  }
}

function checkFile(file: string): void {
  const stats = statOf(file)
  if (stats === null) throw unreadable(file, 'does not exist')
  if (stats.isDirectory()) throw unreadable(file, 'is a folder, and an archive is one file')
  if (!stats.isFile()) throw unreadable(file, 'is no plain file, and so no archive')
  if (stats.size === 0) throw unreadable(file, 'is empty, and so no archive')
  if (firstBytes(file) !== MAGIC) throw unreadable(file, 'is no zkferry archive')
}

function firstBytes(file: string): string {
  const bytes = Buffer.alloc(MAGIC.length)
  try {
    const fd = openSync(file, 'r')
    try {
      readSync(fd, bytes, 0, bytes.length, 0)
    } finally {
      closeSync(fd)
    }
  } catch (error) {
    throw unreadable(file, `cannot be read (${(error as NodeJS.ErrnoException).code})`)
  }
  return bytes.toString('latin1')
}

async function keysFor(file: string, header: string, passphrase: Passphrase | Keys): Promise<Keys> {
  if (passphrase instanceof Keys) return passphrase
  return unwrapKeys(file, header, await given(file, passphrase))
}

async function given(file: string, passphrase: Passphrase): Promise<Buffer> {
  const bytes = await passphrase()
  if (bytes !== null) return bytes
  throw new ArchiveProblem(
    'usage',
    `The archive ${file} is encrypted: give its passphrase in ZKFERRY_ARCHIVE_PASSPHRASE, or by --passphrase-file or --passphrase-command.`,
  )
}

function unreadable(file: string, what: string): ArchiveProblem {
  return new ArchiveProblem('unreadable', `The file ${file} ${what}.`)
}
