/** SQLite's errors as sentences. */
import Database from 'better-sqlite3'
import { JournalProblem } from '../tree/errors.ts'
import { Damage } from './checked.ts'

/**
 * A rollback journal has to be played back, and a reader may not do that. Once a journal of ours is made it has a
 * write-ahead log instead.
 */
const HALF_MADE = /^SQLITE_READONLY_ROLLBACK/

/** Of an error as it is thrown, or of the problem that has become of it. */
export function isHalfMade(error: unknown): boolean {
  const cause = error instanceof JournalProblem ? error.cause : error
  return cause instanceof Database.SqliteError && HALF_MADE.test(cause.code)
}

const SENTENCES: readonly [RegExp, (file: string) => string][] = [
  [
    // The second when the -shm file beside the journal cannot grow.
    /^SQLITE_(FULL|IOERR_SHMSIZE)/,
    (file) =>
      `The disk that holds the journal ${file} is full; free some space and run the same command again.`,
  ],
  [
    /^SQLITE_NOTADB/,
    (file) =>
      `${file} is not a zkferry journal, or it is damaged; it is left as it is, name another file with --journal.`,
  ],
  [
    /^SQLITE_CORRUPT/,
    (file) => `The journal ${file} is damaged; it is left as it is, name another file with --journal.`,
  ],
  [/^SQLITE_BUSY/, (file) => `The journal ${file} is in use by another process.`],
  [
    HALF_MADE,
    (file) =>
      `The journal ${file} is just being made, or whoever made it was killed: no run was ever begun in it.`,
  ],
  [
    /^SQLITE_(READONLY|PERM|CANTOPEN|AUTH)/,
    (file) =>
      `The journal ${file} or its folder may not be written by this user; name another file with --journal.`,
  ],
]

/** The problem that an error of SQLite, or damage, means for this file; anything else comes back as it is. */
export function asJournalProblem(file: string, error: unknown): unknown {
  if (error instanceof Damage)
    return new JournalProblem(
      `The journal ${file} is damaged (${error.message} makes no sense); it is left as it is, name another file with --journal.`,
    )
  if (!(error instanceof Database.SqliteError)) return error
  const known = SENTENCES.find(([code]) => code.test(error.code))
  const sentence = known
    ? known[1](file)
    : `The journal ${file} cannot be read or written (${error.code}: ${error.message}).`
  return new JournalProblem(sentence, { cause: error })
}

/** Runs `work`, so that what SQLite throws, or damage, becomes a `JournalProblem`. */
export function guarded<T>(file: string, work: () => T): T {
  try {
    return work()
  } catch (error) {
    throw asJournalProblem(file, error)
  }
}
