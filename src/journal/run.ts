/** One run of a job, while it is being written down. */
import type { Database, Statement } from 'better-sqlite3'
import type { RootIdentity, TemporaryIdentity } from '../tree/contracts.ts'
import { DigestSum } from '../tree/digest.ts'
import type { Status } from '../tree/events.ts'
import { addCounts } from './add-counts.ts'
import { guarded } from './problems.ts'
import {
  loadDirectory,
  loadTemporaryIdentity,
  type StoredDirectory,
  storeDirectory,
  storeIdentity,
  storeRanges,
} from './rows.ts'
import type {
  DirectoryRow,
  Intent,
  JournalReader,
  RecordBatch,
  RunEnd,
  RunInfo,
  TemporaryAcl,
} from './types.ts'

export class Run {
  readonly id: string
  readonly #file: string
  readonly #db: Database
  readonly #journal: JournalReader
  readonly #number: number
  /** Of the processes before this one. */
  readonly #earlier: Record<string, unknown>
  readonly #earlierUnlike: number
  readonly #statements: Statements

  constructor(file: string, db: Database, journal: JournalReader, id: string) {
    this.id = id
    this.#file = file
    this.#db = db
    this.#journal = journal
    this.#number = guarded(
      file,
      () => db.prepare('SELECT number FROM runs WHERE id = ?').pluck().get(id) as number,
    )
    const { counts, unlike } = this.info
    this.#earlier = counts
    this.#earlierUnlike = unlike
    this.#statements = guarded(file, () => prepare(db))
  }

  /** As the journal has it now. */
  get info(): RunInfo {
    return this.#journal.run(this.id) as RunInfo
  }

  /** Writes a batch down in one transaction. Only what the target has acknowledged may be in it. */
  record(batch: RecordBatch): void {
    const { upsert, discover, issue, progress } = this.#statements
    this.#atOnce(() => {
      for (const row of batch.directories ?? []) upsert.run(storeDirectory(this.#number, row))
      for (const row of batch.discovered ?? []) {
        discover.run(this.#number, row.path, row.watermark, row.children, row.emptyTarget ? 1 : 0)
      }
      for (const row of batch.issues ?? []) {
        issue.run(this.#number, row.kind, row.path, row.side, row.code, row.reason)
      }
      const { counts, lastWrite, unlike } = batch
      if (counts !== undefined || lastWrite !== undefined || unlike !== undefined) {
        progress.run(
          this.#storeCounts(counts),
          lastWrite?.toString() ?? null,
          unlike === undefined ? null : this.#earlierUnlike + unlike,
          this.#number,
        )
      }
    })
  }

  /** Directories that are not done, in path order, at most `limit`; those after the path `after`, when it is given. */
  pending(limit: number, after?: string): DirectoryRow[] {
    const { pendingFirst, pendingAfter } = this.#statements
    return guarded(this.#file, () => {
      const rows =
        after === undefined
          ? pendingFirst.all(this.#number, limit)
          : pendingAfter.all(this.#number, after, limit)
      return (rows as StoredDirectory[]).map(loadDirectory)
    })
  }

  directories(): Iterable<DirectoryRow> {
    return this.#journal.directories(this.id)
  }

  directory(path: string): DirectoryRow | null {
    return this.#journal.directory(this.id, path)
  }

  /** The root znode's own digest, 32 bytes; `null` when it is not known. */
  setRoot(digest: Uint8Array | null): void {
    this.#set('root_digest', digest)
  }

  /** The root's digest and all child hashes, summed modulo 2^256: the digest of the whole tree once all is done. */
  total(): Uint8Array {
    const root = this.info.rootDigest
    if (root === null) throw new Error(`run ${this.id} has no root digest yet`)
    const sum = DigestSum.from(root)
    for (const directory of this.directories()) sum.add(directory.childHash)
    return sum.bytes()
  }

  /** Before anything is in the file. */
  setUndo(file: string): void {
    this.#set('undo', file)
  }

  setTargetIdentity(identity: RootIdentity): void {
    this.#set('target_identity', storeIdentity(identity))
  }

  /** On disk when this returns: only then may anything be written to the target. */
  setWrote(): void {
    this.#durably(() => this.#db.prepare('UPDATE runs SET wrote = 1 WHERE number = ?').run(this.#number))
  }

  /** Before it is sent: what is found there after a crash is then known to be ours. */
  intend(intents: readonly Intent[]): void {
    this.#atOnce(() => {
      for (const { path, digest } of intents) this.#statements.intend.run(path, this.#number, digest)
    })
  }

  /** Somebody else was there first. */
  disown(path: string): void {
    guarded(this.#file, () => this.#statements.disown.run(path))
  }

  /** On disk when this returns: only then may the target get the temporary entries. */
  addTemporaryAcls(acls: readonly TemporaryAcl[]): void {
    this.#durably(() => {
      const insert = this.#db.prepare('INSERT OR REPLACE INTO temporary_acls VALUES (?, ?, ?)')
      for (const { path, finalAcl } of acls) insert.run(this.#number, path, finalAcl)
    })
  }

  /** When the znodes have their final ACLs, or are gone. */
  removeTemporaryAcls(paths: readonly string[]): void {
    this.#atOnce(() => {
      const remove = this.#db.prepare('DELETE FROM temporary_acls WHERE run = ? AND path = ?')
      for (const path of paths) remove.run(this.#number, path)
    })
  }

  temporaryAcls(): TemporaryAcl[] {
    return this.#journal.temporaryAcls(this.id)
  }

  /** On disk when this returns. Wiped by `finish`, unless entries of this identity are still on the target. */
  setIdentitySecret(secret: Buffer): void {
    this.#durably(() =>
      this.#db.prepare('INSERT OR REPLACE INTO secrets VALUES (?, ?)').run(this.#number, secret),
    )
  }

  /** What the secret says. @throws JournalProblem */
  temporaryIdentity(): TemporaryIdentity | null {
    return guarded(this.#file, () => {
      const secret = this.#secret()
      return secret === undefined ? null : loadTemporaryIdentity(secret)
    })
  }

  /** Takes the secret off the disk, for good. */
  wipeIdentitySecret(): void {
    if (guarded(this.#file, () => this.#secret()) === undefined) return
    this.#durably(() => this.#db.prepare('DELETE FROM secrets WHERE run = ?').run(this.#number))
    // secure_delete has zeroed it in the database; the WAL still has the page that held it.
    guarded(this.#file, () => this.#db.pragma('wal_checkpoint(TRUNCATE)'))
  }

  /** Both sides were equal, with this digest, and what is left to do changes neither. On disk when this returns. */
  setProof({
    digest,
    consistency,
    lastWrite,
    lateWrites,
  }: { digest: string } & Pick<RunEnd, 'consistency' | 'lastWrite' | 'lateWrites'>): void {
    this.#durably(() =>
      this.#db
        .prepare(
          `UPDATE runs SET verified = 1, source_digest = ?, target_digest = ?, consistency = ?, last_write = ?,
             late_writes = ? WHERE number = ?`,
        )
        .run(
          digest,
          digest,
          consistency,
          lastWrite?.toString() ?? null,
          lateWrites && storeRanges(lateWrites),
          this.#number,
        ),
    )
  }

  /** What was proved may be written to again. */
  clearProof(): void {
    this.#write(
      `UPDATE runs SET verified = 0, source_digest = NULL, target_digest = NULL, consistency = NULL
       WHERE number = ?`,
      this.#number,
    )
  }

  /** Directories that are none any more. */
  forgetDirectories(paths: readonly string[]): void {
    this.#atOnce(() => {
      const forget = this.#db.prepare('DELETE FROM directories WHERE run = ? AND path = ?')
      for (const path of paths) forget.run(this.#number, path)
    })
  }

  /** What failed is tried again by a resumed run; ephemerals in directories that are done are not seen again. */
  forgetRetried(): void {
    this.#write(
      "DELETE FROM issues WHERE run = ? AND NOT (kind = 'skipped' AND reason = 'ephemeral')",
      this.#number,
    )
  }

  /**
   * The run is over, well or not. Directories of earlier runs go, but for those of the latest verified one, the latest
   * that was done, and the latest that wrote with each filter, with ACLs and without: they tell what the target was.
   */
  finish(status: Status, end: RunEnd): void {
    this.#atOnce(() => {
      this.#db
        .prepare(
          `UPDATE runs SET state = 'finished', status = ?, verified = ?, message = ?, source_digest = ?,
             target_digest = ?, last_write = coalesce(?, last_write), late_writes = coalesce(?, late_writes), counts = ?, consistency = ?,
             ended = ?
           WHERE number = ?`,
        )
        .run(
          status,
          end.verified ? 1 : 0,
          end.message,
          end.sourceDigest,
          end.targetDigest,
          end.lastWrite?.toString() ?? null,
          end.lateWrites && storeRanges(end.lateWrites),
          this.#storeCounts(end.counts),
          end.consistency,
          Date.now(),
          this.#number,
        )
      this.#db
        .prepare(
          `WITH finished AS (SELECT * FROM runs WHERE state = 'finished'), kept (run) AS (
             SELECT ? UNION SELECT max(number) FROM finished WHERE verified
             UNION SELECT max(number) FROM finished WHERE status = 'done'
             UNION SELECT max(number) FROM finished WHERE coalesce(last_write, '0') <> '0'
               GROUP BY json_extract(options, '$.include'), json_extract(options, '$.exclude'),
                 json_extract(options, '$.acl'))
           DELETE FROM directories WHERE run IN
             (SELECT number FROM finished WHERE number NOT IN (SELECT run FROM kept WHERE run IS NOT NULL))`,
        )
        .run(this.#number)
      // What did not come to a good end may have left what it made unfinished.
      if (status === 'done') this.#db.exec('DELETE FROM intents')
    })
    if (this.#journal.temporaryAcls(this.id).length === 0) this.wipeIdentitySecret()
  }

  /** The run stops here and can be resumed. */
  interrupt(counts: object): void {
    this.#write(
      `UPDATE runs SET state = 'interrupted', counts = ?, ended = ? WHERE number = ?`,
      this.#storeCounts(counts),
      Date.now(),
      this.#number,
    )
  }

  /** The run will not be resumed. What it left on the target (temporary ACL entries) stays known. */
  abandon(): void {
    this.#atOnce(() => {
      this.#db
        .prepare(`UPDATE runs SET state = 'abandoned', ended = ? WHERE number = ?`)
        .run(Date.now(), this.#number)
      this.#db.prepare('DELETE FROM directories WHERE run = ?').run(this.#number)
    })
    if (this.#journal.temporaryAcls(this.id).length === 0) this.wipeIdentitySecret()
  }

  /** JSON, 64-bit numbers as decimal strings. */
  #storeCounts(counts: object | undefined): string | null {
    if (counts === undefined) return null
    return JSON.stringify(addCounts(this.#earlier, counts), (_key, value: unknown) =>
      typeof value === 'bigint' ? value.toString() : value,
    )
  }

  #secret(): unknown {
    return this.#db.prepare('SELECT secret FROM secrets WHERE run = ?').pluck().get(this.#number)
  }

  #set(column: 'root_digest' | 'target_identity' | 'undo', value: Uint8Array | string | null): void {
    this.#write(`UPDATE runs SET ${column} = ? WHERE number = ?`, value, this.#number)
  }

  #write(sql: string, ...bindings: unknown[]): void {
    guarded(this.#file, () => this.#db.prepare(sql).run(...bindings))
  }

  #durably(work: () => void): void {
    guarded(this.#file, () => {
      this.#db.pragma('synchronous = FULL')
      try {
        this.#db.transaction(work).immediate()
      } finally {
        this.#db.pragma('synchronous = NORMAL')
      }
    })
  }

  #atOnce(work: () => void): void {
    guarded(this.#file, () => this.#db.transaction(work).immediate())
  }
}

type Statements = Record<
  'upsert' | 'discover' | 'issue' | 'progress' | 'intend' | 'disown' | 'pendingFirst' | 'pendingAfter',
  Statement
>

function prepare(db: Database): Statements {
  // `state < 2` is written out so that SQLite uses the frontier's partial index.
  const pending = 'SELECT * FROM directories INDEXED BY frontier WHERE run = ? AND state < 2'
  return {
    upsert: db.prepare('INSERT OR REPLACE INTO directories VALUES (?, ?, ?, ?, ?, ?, ?)'),
    discover: db.prepare('INSERT OR IGNORE INTO directories VALUES (?, ?, 0, ?, NULL, ?, ?)'),
    issue: db.prepare('INSERT OR REPLACE INTO issues VALUES (?, ?, ?, ?, ?, ?)'),
    progress: db.prepare(
      `UPDATE runs SET counts = coalesce(?, counts), last_write = coalesce(?, last_write),
         unlike = coalesce(?, unlike) WHERE number = ?`,
    ),
    intend: db.prepare('INSERT OR IGNORE INTO intents VALUES (?, ?, ?)'),
    disown: db.prepare('DELETE FROM intents WHERE path = ?'),
    pendingFirst: db.prepare(`${pending} ORDER BY path LIMIT ?`),
    pendingAfter: db.prepare(`${pending} AND path > ? ORDER BY path LIMIT ?`),
  }
}
