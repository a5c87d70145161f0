/** A list of paths that may be longer than memory: kept on disk, in the order of appending. */
import Database from 'better-sqlite3'
import { JournalProblem } from '../tree/errors.ts'

const PAGE = 1000

export interface SpooledPath {
  path: string
  value: number
  /** Which znode it was: `mzxid`, say. 64-bit numbers are exact. */
  zxid: bigint
  /** Bytes of its data. */
  size: number
}

interface StoredPath {
  number: number
  path: string
  value: number
  zxid: string
  size: number
}

/**
 * Append-only, on a private database that SQLite keeps in the temporary folder and removes by itself, also after a
 * crash. Made for deleting children first: append parents before children, read backward.
 * Every call may throw `JournalProblem`, when the temporary folder is full.
 */
export class PathSpool {
  readonly #db: Database.Database
  readonly #insert: Database.Statement
  #buffer: SpooledPath[] = []
  #stored = 0

  constructor() {
    // The empty name is a temporary database: a file without a name, written only once it outgrows the cache.
    this.#db = new Database('')
    this.#db.pragma('journal_mode = OFF')
    this.#db.pragma('synchronous = OFF')
    this.#db.pragma('cache_size = -4096')
    this.#db.exec(
      'CREATE TABLE paths (number INTEGER PRIMARY KEY, path TEXT NOT NULL, value NUMERIC NOT NULL, zxid TEXT NOT NULL, size INTEGER NOT NULL)',
    )
    this.#insert = this.#db.prepare('INSERT INTO paths VALUES (?, ?, ?, ?, ?)')
  }

  get size(): number {
    return this.#stored + this.#buffer.length
  }

  append(path: string, value = 0, zxid = 0n, size = 0): void {
    this.#buffer.push({ path, value, zxid, size })
    if (this.#buffer.length >= PAGE) this.#flush()
  }

  forward(): Generator<SpooledPath> {
    return this.#pages('SELECT * FROM paths WHERE number > ? ORDER BY number LIMIT ?', 0)
  }

  backward(): Generator<SpooledPath> {
    return this.#pages(
      'SELECT * FROM paths WHERE number < ? ORDER BY number DESC LIMIT ?',
      Number.MAX_SAFE_INTEGER,
    )
  }

  close(): void {
    this.#db.close()
  }

  *#pages(sql: string, start: number): Generator<SpooledPath> {
    this.#flush()
    const page = this.#db.prepare<[number, number], StoredPath>(sql)
    let from = start
    for (;;) {
      const rows = spooling(() => page.all(from, PAGE))
      for (const { path, value, zxid, size } of rows) yield { path, value, zxid: BigInt(zxid), size }
      const last = rows.at(-1)
      if (last === undefined || rows.length < PAGE) return
      from = last.number
    }
  }

  #flush(): void {
    const rows = this.#buffer
    if (rows.length === 0) return
    spooling(() =>
      this.#db.transaction(() => {
        for (const { path, value, zxid, size } of rows)
          this.#insert.run(++this.#stored, path, value, zxid.toString(), size)
      })(),
    )
    this.#buffer = []
  }
}

function spooling<T>(work: () => T): T {
  try {
    return work()
  } catch (error) {
    if (!(error instanceof Database.SqliteError)) throw error
    const sentence = `The temporary list of paths cannot be kept on disk (${error.code}); set TMPDIR to a folder with more space.`
    throw new JournalProblem(sentence, { cause: error })
  }
}
