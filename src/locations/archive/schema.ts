/**
 * The layout of an archive: one SQLite file. What is in it is said by docs/archive.md.
 *
 * Nothing in it is believed because SQLite hands it out: every row carries a SHA-256 of its own, the catalog one over
 * all generations, a generation one over all that belongs to it.
 */
import type { Database } from 'better-sqlite3'
import { ArchiveProblem, damaged } from './problems.ts'

/** "zkfa": marks the database as an archive, for `file(1)` and for us. */
export const APPLICATION_ID = 0x7a6b6661
/** Raised when an older program would read the file wrongly. */
export const FORMAT = 1

/**
 * `archive`: one row. `encryption` is NULL, or how the keys are got from the passphrase; `catalog` is over the
 *   generations, `sum` over both.
 * `generation`: `about` is a JSON object (`generation.ts`), `sum` is over the whole row.
 * `chunk`: `id` is of the plain content, `sum` of what is stored.
 * `row`: a generation of the form "rows" only, one znode each. `parent` and `name` are below the generation's root,
 *   which is itself ('', ''). `held` is 0 for a znode that only leads to what is held. `ttl` is 0 for a plain znode,
 *   -1 for a container, else milliseconds. `sum` is over the whole row.
 */
const TABLES = [
  'CREATE TABLE archive (one INTEGER PRIMARY KEY CHECK (one = 1), encryption TEXT, catalog BLOB NOT NULL, sum BLOB NOT NULL)',
  'CREATE TABLE generation (id INTEGER PRIMARY KEY, form TEXT NOT NULL, about BLOB NOT NULL, sum BLOB NOT NULL)',
  'CREATE TABLE chunk (id BLOB PRIMARY KEY, stored BLOB NOT NULL, sum BLOB NOT NULL)',
  'CREATE TABLE row (generation INTEGER, parent TEXT, name TEXT, held INTEGER NOT NULL, stat BLOB NOT NULL, acl BLOB NOT NULL, ttl INTEGER NOT NULL, sequence INTEGER NOT NULL, data BLOB, sum BLOB NOT NULL, PRIMARY KEY (generation, parent, name)) WITHOUT ROWID',
] as const

export function createSchema(db: Database): void {
  for (const table of TABLES) db.exec(table)
  db.pragma(`application_id = ${APPLICATION_ID}`)
  db.pragma(`user_version = ${FORMAT}`)
}

/** @throws ArchiveProblem when this is no archive, one of a newer format, or not laid out as one. */
export function checkSchema(db: Database, file: string): void {
  if (db.pragma('application_id', { simple: true }) !== APPLICATION_ID) {
    throw new ArchiveProblem('unreadable', `${file} is a SQLite database, but no zkferry archive.`)
  }
  const format = db.pragma('user_version', { simple: true })
  if (format !== FORMAT) {
    throw new ArchiveProblem(
      'unreadable',
      `The archive ${file} has format ${format}, and this zkferry reads ${FORMAT}: it was written by a newer one, or is damaged.`,
    )
  }
  // Whatever else were in there (a trigger, a view) would run with our statements.
  const found = db.prepare('SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL').pluck().all()
  if (found.length !== TABLES.length || TABLES.some((sql) => !found.includes(sql))) {
    throw damaged(file, 'its tables are not those of an archive')
  }
}
