/** Questions to a journal. Needs no lock: WAL lets it read while a run writes. */
import Database from 'better-sqlite3'
import { JournalProblem } from '../tree/errors.ts'
import { isLocked } from './lock.ts'
import { guarded } from './problems.ts'
import {
  loadDirectory,
  loadHolder,
  loadIssue,
  loadRun,
  loadTemporaryAcl,
  type StoredDirectory,
  type StoredHolder,
  type StoredRun,
} from './rows.ts'
import { checkFolder, checkPlainFile } from './safe-file.ts'
import { checkLayout } from './schema.ts'
import type { DirectoryRow, Holder, IssueRow, JournalReader, RunInfo, TemporaryAcl } from './types.ts'

const PAGE = 1000

const RUNS = `SELECT runs.*, secrets.run IS NOT NULL AS has_secret FROM runs LEFT JOIN secrets ON secrets.run = runs.number`
const NUMBER = '(SELECT number FROM runs WHERE id = ?)'

/** Opens a journal for reading. @throws JournalProblem when there is none, or it cannot be read. */
export function readJournal(file: string): JournalReader {
  checkFolder(file)
  if (checkPlainFile(file) === null) throw new JournalProblem(`There is no journal ${file}.`)
  return guarded(file, () => {
    const db = new Database(file, { readonly: true, fileMustExist: true })
    try {
      checkLayout(db, file)
      return new StoredJournal(file, db)
    } catch (error) {
      db.close()
      throw error
    }
  })
}

export class StoredJournal implements JournalReader {
  readonly file: string
  protected readonly db: Database.Database
  /** Asked for each directory of a resumed run. */
  #one: Database.Statement<[string, string], StoredDirectory> | null = null
  #intended: Database.Statement<[object]> | null = null

  constructor(file: string, db: Database.Database) {
    this.file = file
    this.db = db
  }

  runs(): RunInfo[] {
    return guarded(this.file, () => {
      const rows = this.db.prepare<[], StoredRun>(`${RUNS} ORDER BY number`).all()
      return rows.map((row) => this.#truthful(loadRun(row)))
    })
  }

  run(id: string): RunInfo | null {
    return this.#oneRun('WHERE id = ?', id)
  }

  latest(): RunInfo | null {
    return this.#oneRun('ORDER BY number DESC LIMIT 1')
  }

  latestFinished(): RunInfo | null {
    const asIfItHadNotBeen = `status = 'refused' AND wrote = 0`
    return this.#oneRun(`WHERE state = 'finished' AND NOT (${asIfItHadNotBeen}) ORDER BY number DESC LIMIT 1`)
  }

  // In pages, because SQLite lets nothing be written through a connection that is still iterating.
  *directories(id: string): Generator<DirectoryRow> {
    const columns = 'path, state, watermark, child_hash, children, empty_target'
    const next = guarded(this.file, () =>
      this.db.prepare<[string, string, number], StoredDirectory>(
        `SELECT ${columns} FROM directories WHERE run = ${NUMBER} AND path > ? ORDER BY path LIMIT ?`,
      ),
    )
    // The root, "", is above every string that a page could begin after.
    const root = this.directory(id, '')
    if (root !== null) yield root
    let after = ''
    for (;;) {
      const rows = guarded(this.file, () => next.all(id, after, PAGE).map(loadDirectory))
      yield* rows
      const last = rows.at(-1)
      if (last === undefined || rows.length < PAGE) return
      after = last.path
    }
  }

  directory(id: string, path: string): DirectoryRow | null {
    return guarded(this.file, () => {
      this.#one ??= this.db.prepare(`SELECT * FROM directories WHERE run = ${NUMBER} AND path = ?`)
      const row = this.#one.get(id, path)
      return row === undefined ? null : loadDirectory(row)
    })
  }

  *issues(id: string, options: { limit?: number } = {}): Generator<IssueRow> {
    let left = options.limit ?? Number.POSITIVE_INFINITY
    for (const kind of ['skipped', 'failed'] as const) {
      let after: string | null = null
      while (left > 0) {
        const size = Math.min(PAGE, left)
        const rows = this.#issuePage(id, kind, after, size)
        yield* rows
        left -= rows.length
        if (rows.length < size) break
        after = rows.at(-1)?.path ?? null
      }
    }
  }

  temporaryAcls(id: string): TemporaryAcl[] {
    return guarded(this.file, () =>
      this.db
        .prepare<[string], TemporaryAcl>(
          `SELECT path, final_acl AS finalAcl FROM temporary_acls WHERE run = ${NUMBER} ORDER BY path`,
        )
        .all(id)
        .map(loadTemporaryAcl),
    )
  }

  intended(path: string, digest?: Uint8Array, run?: string): boolean {
    return guarded(this.file, () => {
      this.#intended ??= this.db.prepare(
        `SELECT 1 FROM intents WHERE path = @path AND (@digest IS NULL OR digest = @digest)
           AND (@run IS NULL OR run = (SELECT number FROM runs WHERE id = @run)) LIMIT 1`,
      )
      return this.#intended.get({ path, digest: digest ?? null, run: run ?? null }) !== undefined
    })
  }

  holder(): Holder | null {
    if (!this.isHeld()) return null
    return guarded(this.file, () => {
      const row = this.db.prepare<[], StoredHolder>('SELECT * FROM holder').get()
      return row === undefined ? null : loadHolder(row)
    })
  }

  close(): void {
    guarded(this.file, () => this.db.close())
  }

  /** Some process works with the journal now. */
  protected isHeld(): boolean {
    return isLocked(this.file)
  }

  #oneRun(where: string, ...bindings: string[]): RunInfo | null {
    return guarded(this.file, () => {
      const row = this.db.prepare<string[], StoredRun>(`${RUNS} ${where}`).get(...bindings)
      return row === undefined ? null : this.#truthful(loadRun(row))
    })
  }

  /** A run that was killed could not say so itself: it runs only while somebody holds the journal. */
  #truthful(info: RunInfo): RunInfo {
    if (info.state === 'running' && !this.isHeld()) info.state = 'interrupted'
    return info
  }

  #issuePage(id: string, kind: string, after: string | null, limit: number): IssueRow[] {
    return guarded(this.file, () =>
      this.db
        .prepare<[string, string, string | null, string | null, number], IssueRow>(
          `SELECT kind, path, side, code, reason FROM issues
           WHERE run = ${NUMBER} AND kind = ? AND (? IS NULL OR path > ?) ORDER BY path LIMIT ?`,
        )
        .all(id, kind, after, after, limit)
        .map(loadIssue),
    )
  }
}
