/** What can be wrong with an archive, as one sentence; the side that it plays decides what that means for a job. */
import Database from 'better-sqlite3'
import type { Side } from '../../tree/contracts.ts'
import { LocationProblem, UsageProblem } from '../../tree/errors.ts'

/** `unreadable`: missing, damaged, no archive. `usage`: what the user asked for does not go with this file. */
export type ProblemKind = 'unreadable' | 'usage'

export class ArchiveProblem extends Error {
  override name = 'ArchiveProblem'
  readonly kind: ProblemKind
  constructor(kind: ProblemKind, message: string, options?: ErrorOptions) {
    super(message, options)
    this.kind = kind
  }
}

/** @returns what an archive that is not as it was written is called. */
export function damaged(file: string, what: string, cause?: unknown): ArchiveProblem {
  return new ArchiveProblem('unreadable', `The archive ${file} is damaged: ${what}.`, { cause })
}

/** Runs `work`, so that what SQLite throws becomes an `ArchiveProblem`. */
export function guarded<T>(file: string, work: () => T): T {
  try {
    return work()
  } catch (error) {
    throw asArchiveProblem(file, error)
  }
}

export function asArchiveProblem(file: string, error: unknown): unknown {
  if (error instanceof Database.SqliteError) return fromSqlite(file, error)
  // Of what is decoded.
  return error instanceof RangeError ? damaged(file, error.message, error) : error
}

function fromSqlite(file: string, error: InstanceType<typeof Database.SqliteError>): ArchiveProblem {
  const { code, message } = error
  if (/^SQLITE_(CANTOPEN|PERM|AUTH|IOERR)/.test(code))
    return new ArchiveProblem('unreadable', `The archive ${file} cannot be read (${code}).`, { cause: error })
  if (/^SQLITE_FULL/.test(code))
    return new ArchiveProblem('unreadable', `The disk that holds the archive ${file} is full.`, {
      cause: error,
    })
  if (/^SQLITE_(BUSY|LOCKED)/.test(code))
    return new ArchiveProblem('unreadable', `The archive ${file} is in use by another process.`, {
      cause: error,
    })
  return damaged(file, `SQLite says "${message}"`, error)
}

/** For the job: a file is a place that can, or cannot, be read. */
export function onSide(side: Side, file: string, error: unknown): unknown {
  const problem = asArchiveProblem(file, error)
  if (!(problem instanceof ArchiveProblem)) return problem
  return problem.kind === 'usage'
    ? new UsageProblem(problem.message, { cause: problem })
    : new LocationProblem(side, problem.message, { cause: problem })
}
