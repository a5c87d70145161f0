/**
 * One process at a time works with a journal. The lock is an exclusive transaction on an empty SQLite database
 * beside it: the kernel frees it however the process ends, and readers of the journal itself are not locked out.
 */
import Database from 'better-sqlite3'
import { guarded } from './problems.ts'
import { checkPlainFile, keepPrivate, makePrivate } from './safe-file.ts'

/** Long enough for a reader's `isLocked` to pass, in milliseconds. */
const PATIENCE = 500

export interface Lock {
  release(): void
}

/** Takes the lock for as long as this process lives; `null` when another process has it. */
export function takeLock(journalFile: string): Lock | null {
  const file = lockFile(journalFile)
  makePrivate(file)
  keepPrivate(file)
  return guarded(file, () => {
    const db = new Database(file, { timeout: PATIENCE })
    try {
      db.exec('BEGIN EXCLUSIVE')
    } catch (error) {
      db.close()
      if (isBusy(error)) return null
      throw error
    }
    return { release: () => void db.close() }
  })
}

export function isLocked(journalFile: string): boolean {
  const file = lockFile(journalFile)
  if (checkPlainFile(file) === null) return false
  return guarded(file, () => {
    const db = new Database(file, { readonly: true, timeout: 0 })
    try {
      db.prepare('SELECT count(*) FROM sqlite_master').get()
      return false
    } catch (error) {
      if (isBusy(error)) return true
      throw error
    } finally {
      db.close()
    }
  })
}

function lockFile(journalFile: string): string {
  return `${journalFile}.lock`
}

function isBusy(error: unknown): boolean {
  return error instanceof Database.SqliteError && error.code.startsWith('SQLITE_BUSY')
}
