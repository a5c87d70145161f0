/**
 * What a job overwrites or deletes, kept in an archive while it runs: a generation of rows, made with the first znode,
 * in its final place from the start. What `keep` has resolved for is synced, and stays readable whatever happens to
 * the job. Calls that come together share one sync.
 */
import { closeSync, constants, fsyncSync, openSync, rmSync } from 'node:fs'
import { dirname } from 'node:path'
import Database, { type Statement } from 'better-sqlite3'
import { type AclList, aclList, Perms } from '../../tree/acl.ts'
import type { Former, UndoRecord } from '../../tree/contracts.ts'
import { DigestSum } from '../../tree/digest.ts'
import { JournalProblem } from '../../tree/errors.ts'
import { parentPath } from '../../tree/path.ts'
import { newestZxid, nextSequence, type Stat } from '../../tree/znode.ts'
import { rawAcl } from '../acl-cache.ts'
import { packStat } from '../stored/stored-stat.ts'
import { modeToTtl } from '../stored/ttl.ts'
import { type ArchiveFile, createArchive, openArchive, statOf } from './archive-file.ts'
import { type Generation, type Origin, writeGeneration } from './generation.ts'
import { ArchiveProblem } from './problems.ts'
import { type Row, rowSum } from './rows.ts'

export interface UndoSetup {
  file: string
  /** The job whose undo this is, with the location's name as its source. */
  origin: Omit<Origin, 'status' | 'message'>
  /** Called before the file is made. */
  made: (file: string) => void
}

/** Directories that are known to have their rows: asking SQLite again would only cost. */
const MOST_WAYS = 50_000

interface Kept {
  path: string
  former: Former
}

interface Waiting {
  znodes: readonly Kept[]
  resolve: (fresh: boolean[]) => void
  reject: (error: unknown) => void
}

export class UndoFile implements UndoRecord {
  readonly #setup: UndoSetup
  #rows: UndoRows | null
  #waiting: Waiting[] = []
  #released: string[] = []
  #failure: unknown = null

  /** `rows`: of the part that was broken off. */
  private constructor(setup: UndoSetup, rows: UndoRows | null) {
    this.#setup = setup
    this.#rows = rows
  }

  /** Nothing is made before something is kept. */
  static anew(setup: UndoSetup): UndoFile {
    return new UndoFile(setup, null)
  }

  /**
   * Goes on with what an earlier part of the job kept; where that is nothing, `made` is not called again.
   * @throws JournalProblem when the file is there and is not such an archive any more.
   */
  static async resume(setup: UndoSetup): Promise<UndoFile> {
    const { file } = setup
    if ((statOf(file)?.size ?? 0) === 0) return new UndoFile(setup, null)
    try {
      const archive = await openArchive(file, async () => null, 'write')
      return new UndoFile(setup, UndoRows.of(archive))
    } catch (error) {
      if (!(error instanceof ArchiveProblem)) throw error
      const why = error.message.replace(/\.$/, '')
      throw new JournalProblem(
        `What this run overwrote so far cannot be read (${why}); name another file with --undo.`,
        { cause: error },
      )
    }
  }

  /** `null` while there is nothing to bring back. */
  get file(): string | null {
    return this.held > 0 ? this.#setup.file : null
  }

  /** Znodes that could be brought back. */
  get held(): number {
    return this.#rows?.held ?? 0
  }

  keep(znodes: readonly Kept[]): Promise<boolean[]> {
    if (this.#failure !== null) return Promise.reject(this.#failure)
    if (znodes.length === 0) return Promise.resolve([])
    return new Promise((resolve, reject) => {
      this.#waiting.push({ znodes, resolve, reject })
      if (this.#waiting.length === 1) setImmediate(() => this.#flush())
    })
  }

  release(paths: readonly string[]): void {
    this.#released.push(...paths)
  }

  forget(): void {
    this.#rows?.discard()
    this.#rows = null
    this.#released = []
  }

  /** The archive becomes a single file again, or goes when there is nothing in it. */
  close(status: string, message: string): void {
    const rows = this.#rows
    if (rows === null || this.#failure !== null) return rows?.close()
    rows.put([], this.#released)
    if (rows.held === 0) return this.forget()
    rows.finish(status, message)
  }

  #flush(): void {
    const waiting = this.#waiting
    this.#waiting = []
    try {
      this.#rows ??= this.#make()
      const released = this.#released
      this.#released = []
      const fresh = this.#rows.put(
        waiting.map(({ znodes }) => znodes),
        released,
      )
      for (const [at, { resolve }] of waiting.entries()) resolve(fresh[at] as boolean[])
    } catch (error) {
      this.#failure = asProblem(this.#setup.file, error)
      for (const { reject } of waiting) reject(this.#failure)
    }
  }

  #make(): UndoRows {
    const { file, origin, made } = this.#setup
    made(file)
    return UndoRows.make(file, { ...origin, status: 'open', message: '' })
  }
}

class UndoRows {
  readonly #archive: ArchiveFile
  readonly #generation: Generation
  readonly #sum: DigestSum
  readonly #insert: Statement<unknown[]>
  readonly #find: Statement<[number, string, string], Pick<Row, 'held' | 'acl' | 'data' | 'sum'>>
  readonly #remove: Statement<[number, string, string]>
  /** Paths whose rows, and those of everything above, are there. */
  readonly #ways = new Set<string>()

  private constructor(archive: ArchiveFile, generation: Generation) {
    this.#archive = archive
    this.#generation = generation
    this.#sum = DigestSum.from(Buffer.from(generation.rows ?? '', 'hex'))
    const { db } = archive
    db.pragma('journal_mode = WAL')
    db.pragma('synchronous = FULL')
    this.#insert = db.prepare('INSERT INTO row VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING')
    this.#find = db.prepare(
      'SELECT held, acl, data, sum FROM row WHERE generation = ? AND parent = ? AND name = ?',
    )
    this.#remove = db.prepare('DELETE FROM row WHERE generation = ? AND parent = ? AND name = ?')
  }

  /** @throws the file system's error, or SQLite's. */
  static make(file: string, origin: Origin): UndoRows {
    const { O_CREAT, O_EXCL, O_NOFOLLOW, O_RDWR } = constants
    // What a killed process had not got further than making.
    const left = statOf(file)?.size === 0
    closeSync(openSync(file, (left ? 0 : O_CREAT | O_EXCL) | O_NOFOLLOW | O_RDWR, 0o600))
    const archive = createArchive(file, null)
    try {
      const generation: Generation = {
        id: archive.nextGeneration(),
        form: 'rows',
        root: '/',
        made: Date.now(),
        znodes: 0,
        bytes: 0,
        zxid: '0',
        contents: null,
        rows: new DigestSum().hex(),
        origin,
      }
      writeGeneration(archive.db, generation, null)
      syncFolder(dirname(file))
      return new UndoRows(archive, generation)
    } catch (error) {
      archive.close()
      throw error
    }
  }

  /** @throws ArchiveProblem */
  static of(archive: ArchiveFile): UndoRows {
    const generations = archive.generations()
    const [generation] = generations
    if (generations.length === 1 && generation?.form === 'rows' && archive.keys === null)
      return new UndoRows(archive, generation)
    archive.close()
    throw new ArchiveProblem(
      'unreadable',
      `${archive.file} is an archive, but not of what one run overwrote.`,
    )
  }

  get held(): number {
    return this.#generation.znodes
  }

  /** One transaction, synced when it returns. For each znode, whether it was not kept before. */
  put(groups: readonly (readonly Kept[])[], released: readonly string[]): boolean[][] {
    const { db } = this.#archive
    const before = { ...this.#generation }
    const sum = this.#sum.bytes()
    try {
      return db
        .transaction(() => {
          for (const path of released) this.#release(path)
          const fresh = groups.map((znodes) => znodes.map((znode) => this.#one(znode)))
          this.#generation.rows = this.#sum.hex()
          writeGeneration(db, this.#generation, null)
          return fresh
        })
        .immediate()
    } catch (error) {
      Object.assign(this.#generation, before)
      this.#sum.subtract(this.#sum.bytes()).add(sum)
      throw error
    }
  }

  finish(status: string, message: string): void {
    const { db } = this.#archive
    this.#generation.origin = { ...this.#generation.origin, status, message }
    writeGeneration(db, this.#generation, null)
    db.pragma('journal_mode = DELETE')
    this.close()
  }

  discard(): void {
    this.close()
    const { file } = this.#archive
    for (const end of ['-wal', '-shm', '-journal', '']) rmSync(file + end, { force: true })
  }

  close(): void {
    if (this.#archive.db.open) this.#archive.close()
  }

  #one({ path, former: { stat, acl, data, mode = 'persistent' } }: Kept): boolean {
    const row: Omit<Row, 'sum'> = {
      ...this.#keyOf(path),
      held: 1,
      stat: packStat(stat),
      acl: rawAcl(acl),
      ttl: modeToTtl(mode),
      sequence: nextSequence(stat),
      data,
    }
    if (!this.#put(row)) {
      const there = this.#there(path)
      if (there === undefined || there.held === 1) return false
      this.#take(path, there.sum)
      this.#put(row)
    }
    const generation = this.#generation
    const newest = newestZxid(stat)
    if (newest > BigInt(generation.zxid)) generation.zxid = String(newest)
    generation.znodes++
    generation.bytes += data?.length ?? 0
    this.#wayTo(path, acl)
    return true
  }

  /** What only leads there. Should such a znode be gone when it is needed, it gets the ACL of what it led to first. */
  #wayTo(path: string, acl: AclList): void {
    for (let parent = parentPath(path); parent !== null; parent = parentPath(parent)) {
      if (this.#ways.has(parent)) return
      if (this.#ways.size === MOST_WAYS) this.#ways.clear()
      this.#ways.add(parent)
      this.#put(this.#way(parent, rawAcl(acl.masked ? NOBODY : acl)))
    }
  }

  #way(path: string, acl: Buffer): Omit<Row, 'sum'> {
    const empty = Buffer.alloc(0)
    return {
      ...this.#keyOf(path),
      held: 0,
      stat: packStat(NO_STAT),
      acl,
      ttl: 0,
      sequence: 0,
      data: empty,
    }
  }

  /** Something may be kept below it, so it still leads there. */
  #release(path: string): void {
    const there = this.#there(path)
    if (there === undefined || there.held === 0) return
    this.#take(path, there.sum)
    this.#put(this.#way(path, there.acl))
    this.#generation.znodes--
    this.#generation.bytes -= there.data?.length ?? 0
  }

  #there(path: string) {
    const { generation, parent, name } = this.#keyOf(path)
    return this.#find.get(generation, parent, name)
  }

  #take(path: string, sum: Buffer): void {
    const { generation, parent, name } = this.#keyOf(path)
    this.#remove.run(generation, parent, name)
    this.#sum.subtract(sum)
  }

  /** False when there is such a row. */
  #put(row: Omit<Row, 'sum'>): boolean {
    const { generation, parent, name, held, stat, acl, ttl, sequence, data } = row
    const sum = rowSum(row)
    const put = this.#insert.run(generation, parent, name, held, stat, acl, ttl, sequence, data, sum)
    if (put.changes === 0) return false
    this.#sum.add(sum)
    return true
  }

  #keyOf(path: string): Pick<Row, 'generation' | 'parent' | 'name'> {
    return {
      generation: this.#generation.id,
      parent: parentPath(path) ?? '',
      name: path.slice(path.lastIndexOf('/') + 1),
    }
  }
}

const NO_STAT: Stat = {
  czxid: 0n,
  mzxid: 0n,
  ctime: 0n,
  mtime: 0n,
  version: 0,
  cversion: 0,
  aversion: 0,
  ephemeralOwner: 0n,
  dataLength: 0,
  numChildren: 0,
  pzxid: 0n,
}

/** In the place of an ACL that is not known whole. */
const NOBODY = aclList([{ perms: Perms.read, scheme: 'world', id: Buffer.from('anyone') }])

function syncFolder(folder: string): void {
  const fd = openSync(folder, 'r')
  try {
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}

function asProblem(file: string, error: unknown): unknown {
  if (error instanceof JournalProblem) return error
  const code = error instanceof Database.SqliteError ? error.code : (error as NodeJS.ErrnoException).code
  if (code === undefined) return error
  const why = /FULL|ENOSPC|EDQUOT/.test(code) ? 'its disk is full' : code
  return new JournalProblem(
    `The undo file ${file} cannot be written (${why}), so nothing more is overwritten or deleted; make room and run the same command again, name another file with --undo, or keep nothing with --no-undo.`,
    { cause: error },
  )
}
