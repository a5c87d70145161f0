/** The journal's layout, and how an older one becomes the present one. */
import type { Database } from 'better-sqlite3'
import { JournalProblem } from '../tree/errors.ts'

/** "zkfr": marks the database as ours, for `file(1)` and for us. */
const APPLICATION_ID = 0x7a6b6672

/** Step n brings layout n to n + 1. Steps are never changed once released, only added. */
const STEPS: readonly string[] = [
  `
  CREATE TABLE runs (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    command TEXT NOT NULL,
    version TEXT NOT NULL,
    source TEXT NOT NULL,
    target TEXT NOT NULL,
    source_identity TEXT NOT NULL,
    target_identity TEXT,
    options TEXT NOT NULL,
    state TEXT NOT NULL,
    status TEXT,
    verified INTEGER NOT NULL DEFAULT 0,
    counts TEXT NOT NULL DEFAULT '{}',
    started INTEGER NOT NULL,
    ended INTEGER,
    last_write TEXT,
    source_digest TEXT,
    target_digest TEXT,
    consistency TEXT,
    message TEXT NOT NULL DEFAULT '',
    root_digest BLOB
  );
  CREATE TABLE directories (
    run INTEGER NOT NULL,
    path TEXT NOT NULL,
    state INTEGER NOT NULL,
    watermark TEXT,
    child_hash BLOB,
    children INTEGER NOT NULL,
    empty_target INTEGER NOT NULL,
    PRIMARY KEY (run, path)
  ) WITHOUT ROWID;
  -- The frontier: what a resume begins with. Done directories leave it.
  CREATE INDEX frontier ON directories (run, path) WHERE state < 2;
  CREATE TABLE issues (
    run INTEGER NOT NULL,
    kind TEXT NOT NULL,
    path TEXT NOT NULL,
    side TEXT,
    code TEXT,
    reason TEXT NOT NULL,
    PRIMARY KEY (run, kind, path)
  ) WITHOUT ROWID;
  CREATE TABLE temporary_acls (
    run INTEGER NOT NULL,
    path TEXT NOT NULL,
    final_acl BLOB NOT NULL,
    PRIMARY KEY (run, path)
  ) WITHOUT ROWID;
  -- Apart from the runs, whose rows are rewritten often: a secret must lie in one place to be wiped.
  CREATE TABLE secrets (run INTEGER PRIMARY KEY, secret BLOB NOT NULL);
  CREATE TABLE holder (one INTEGER PRIMARY KEY CHECK (one = 1), pid INTEGER, host TEXT, command TEXT, since INTEGER);
  `,
  'ALTER TABLE runs ADD COLUMN undo TEXT',
  // Of earlier runs nobody knows.
  `
  ALTER TABLE runs ADD COLUMN wrote INTEGER NOT NULL DEFAULT 1;
  ALTER TABLE runs ADD COLUMN unlike INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE runs ADD COLUMN late_writes TEXT;
  CREATE TABLE intents (
    path TEXT NOT NULL,
    run INTEGER NOT NULL,
    digest BLOB NOT NULL,
    PRIMARY KEY (path, run, digest)
  ) WITHOUT ROWID;
  `,
]

export const LAYOUT = STEPS.length

/** Brings the database to the present layout. @throws JournalProblem when it is not ours, or newer than this program. */
export function migrate(db: Database, file: string): void {
  const upgrade = db.transaction(() => {
    const layout = checkKind(db, file)
    for (const step of STEPS.slice(layout)) db.exec(step)
    if (layout < LAYOUT) {
      db.pragma(`application_id = ${APPLICATION_ID}`)
      db.pragma(`user_version = ${LAYOUT}`)
    }
  })
  upgrade.immediate()
}

/** For readers, who change nothing. @throws JournalProblem when the layout is not the present one. */
export function checkLayout(db: Database, file: string): void {
  const layout = checkKind(db, file)
  if (layout === LAYOUT) return
  throw new JournalProblem(
    layout === 0
      ? `The journal ${file} is empty: no run was ever begun in it.`
      : `The journal ${file} has the older layout ${layout}; the next copy that uses it brings it to ${LAYOUT}.`,
  )
}

/** The layout of a database that is ours; 0 when it is still empty. @throws JournalProblem for any other, or a newer layout. */
export function checkKind(db: Database, file: string): number {
  const layout = number(db, 'user_version')
  const id = number(db, 'application_id')
  const empty = db.prepare('SELECT count(*) FROM sqlite_master').pluck().get() === 0
  if (empty && id === 0 && layout === 0) return 0
  if (id !== APPLICATION_ID) {
    throw new JournalProblem(
      `${file} is a SQLite database, but not a zkferry journal; name another file with --journal.`,
    )
  }
  if (layout > LAYOUT) {
    throw new JournalProblem(
      `The journal ${file} was written by a newer zkferry (layout ${layout}; this one knows ${LAYOUT}); use that version, or name another file with --journal.`,
    )
  }
  return layout
}

function number(db: Database, pragma: string): number {
  return db.pragma(pragma, { simple: true }) as number
}
