/**
 * One process at a time writes an archive. The lock is an exclusive transaction on an empty SQLite database beside it:
 * the kernel frees it however the process ends. It is gone when nobody writes.
 */
import { closeSync, constants, openSync, readdirSync, rmSync, statSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import Database from 'better-sqlite3'

/** How often the lock may vanish before our eyes, because its holder has finished. */
const TRIES = 100

export interface WriteLock {
  release(): void
}

/** `null` when another process writes this archive. @throws the file system's error. */
export function takeWriteLock(archive: string): WriteLock | null {
  const file = `${archive}.lock`
  for (let tries = 0; tries < TRIES; tries++) {
    closeSync(openSync(file, constants.O_CREAT | constants.O_RDWR | constants.O_NOFOLLOW, 0o600))
    const before = inode(file)
    const db = new Database(file, { timeout: 0 })
    try {
      db.exec('BEGIN EXCLUSIVE')
    } catch (error) {
      db.close()
      if (error instanceof Database.SqliteError && error.code.startsWith('SQLITE_BUSY')) return null
      throw error
    }
    // Only who holds the lock removes the file. One that was removed meanwhile locks nobody out.
    if (before !== null && inode(file) === before) return held(file, db)
    db.close()
  }
  return null
}

/** What a process that was killed has left of its writing. Only for who holds the lock. */
export function removeLeftovers(archive: string): void {
  const own = `${basename(archive)}.`
  for (const name of readdirSync(dirname(archive))) {
    if (name.startsWith(own) && /^[0-9a-f]{12}\.partial(-journal|-wal|-shm)?$/.test(name.slice(own.length)))
      rmSync(join(dirname(archive), name), { force: true })
  }
}

function held(file: string, db: Database.Database): WriteLock {
  return {
    release: () => {
      if (!db.open) return
      rmSync(file, { force: true })
      db.close()
    },
  }
}

function inode(file: string): bigint | null {
  return statSync(file, { bigint: true, throwIfNoEntry: false })?.ino ?? null
}
