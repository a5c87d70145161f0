/**
 * A generation of the form "rows": single znodes, put on disk step by step while a job runs, with those that lead to
 * them. What was committed is synced, and stays readable whatever happens to the job.
 */
import { createHash, hash } from 'node:crypto'
import { closeSync, constants, fsync, fsyncSync, openSync, rmSync } from 'node:fs'
import { dirname } from 'node:path'
import { promisify } from 'node:util'
import type { Statement } from 'better-sqlite3'
import { type AclList, aclList, Perms } from '../../tree/acl.ts'
import type { Former } from '../../tree/contracts.ts'
import { DigestSum } from '../../tree/digest.ts'
import { parentPath } from '../../tree/path.ts'
import { newestZxid, nextSequence } from '../../tree/znode.ts'
import { rawAcl } from '../acl-cache.ts'
import { packStat, STAT_BYTES } from '../stored/stored-stat.ts'
import { modeToTtl } from '../stored/ttl.ts'
import { type ArchiveFile, createArchive, statOf } from './archive-file.ts'
import { type Generation, type Origin, writeGeneration } from './generation.ts'
import { ArchiveProblem } from './problems.ts'

export interface Row {
  generation: number
  parent: string
  name: string
  /** 0 for a znode that only leads to what is held. */
  held: number
  stat: Buffer
  acl: Buffer
  ttl: number
  sequence: number
  data: Buffer | null
  sum: Buffer
}

/** Directories that are known to have their rows: asking SQLite again would only cost. */
const MOST_WAYS = 50_000
/** A checkpoint makes the job wait for the disk: one for so many pages of the WAL, of 4 KiB each. */
const CHECKPOINT_PAGES = 16_384
const EMPTY = Buffer.alloc(0)
const NO_STAT = Buffer.alloc(STAT_BYTES)
/** In the place of an ACL that is not known whole. */
const NOBODY = aclList([{ perms: Perms.read, scheme: 'world', id: Buffer.from('anyone') }])

export class RowsWriter {
  readonly #archive: ArchiveFile
  readonly #generation: Generation
  readonly #sum: DigestSum
  readonly #insert: Statement<unknown[]>
  readonly #find: Statement<[number, string, string], Pick<Row, 'held' | 'acl' | 'data' | 'sum'>>
  readonly #remove: Statement<[number, string, string]>
  /** Paths whose rows, and those of everything above, are there. */
  readonly #ways = new Set<string>()
  #zxid: bigint
  #synced: number
  #wal: number | null = null

  private constructor(archive: ArchiveFile, generation: Generation) {
    this.#archive = archive
    this.#generation = generation
    this.#sum = DigestSum.from(Buffer.from(generation.rows ?? '', 'hex'))
    this.#zxid = BigInt(generation.zxid)
    this.#synced = generation.znodes
    const { db } = archive
    db.pragma('journal_mode = WAL')
    // The WAL is synced by ourselves, without stopping everything else for so long; see `sync`.
    db.pragma('synchronous = NORMAL')
    db.pragma(`wal_autocheckpoint = ${CHECKPOINT_PAGES}`)
    this.#insert = db.prepare('INSERT INTO row VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING')
    this.#find = db.prepare(
      'SELECT held, acl, data, sum FROM row WHERE generation = ? AND parent = ? AND name = ?',
    )
    this.#remove = db.prepare('DELETE FROM row WHERE generation = ? AND parent = ? AND name = ?')
  }

  /**
   * Makes the archive, which must not be there, with one generation in it. While it is written it has files beside it
   * (SQLite's WAL), which belong to it until `finish` has folded them in.
   * @throws the file system's error, or SQLite's.
   */
  static make(file: string, origin: Origin): RowsWriter {
    const { O_CREAT, O_EXCL, O_NOFOLLOW, O_RDWR } = constants
    // A process that was killed may have made it, and got no further.
    const left = statOf(file)?.size === 0
    closeSync(openSync(file, (left ? 0 : O_CREAT | O_EXCL) | O_NOFOLLOW | O_RDWR, 0o600))
    let archive: ArchiveFile | null = null
    try {
      archive = createArchive(file, null)
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
      return new RowsWriter(archive, generation)
    } catch (error) {
      archive?.close()
      // What is half made holds nothing, and would be in the way of the same command.
      removeFiles(file)
      throw error
    }
  }

  /** Goes on with what `make` has made. @throws ArchiveProblem */
  static of(archive: ArchiveFile): RowsWriter {
    const generations = archive.generations()
    const [generation] = generations
    if (generations.length === 1 && generation?.form === 'rows' && archive.keys === null)
      return new RowsWriter(archive, generation)
    archive.close()
    throw new ArchiveProblem(
      'unreadable',
      `${archive.file} is an archive, but not of what one run overwrote.`,
    )
  }

  /** Znodes that are held, synced. */
  get held(): number {
    return this.#synced
  }

  /** False when the path is held already, and stays as it is. On disk only once it is synced. */
  put(path: string, { stat, acl, data, mode = 'persistent' }: Former): boolean {
    this.#begin()
    const [bytes, access, ttl, sequence] = [packStat(stat), rawAcl(acl), modeToTtl(mode), nextSequence(stat)]
    if (!this.#row(path, 1, bytes, access, ttl, sequence, data)) {
      const there = this.#there(path)
      if (there === undefined || there.held === 1) return false
      this.#take(path, there.sum)
      this.#row(path, 1, bytes, access, ttl, sequence, data)
    }
    const newest = newestZxid(stat)
    if (newest > this.#zxid) this.#zxid = newest
    this.#generation.znodes++
    this.#generation.bytes += data === null ? 0 : data.length
    this.#wayTo(path, acl)
    return true
  }

  /** The path is not held any more; something may be held below it, so it still leads there. */
  release(path: string): void {
    this.#begin()
    const there = this.#there(path)
    if (there === undefined || there.held === 0) return
    this.#take(path, there.sum)
    this.#row(path, 0, NO_STAT, there.acl, 0, 0, EMPTY)
    this.#generation.znodes--
    this.#generation.bytes -= there.data?.length ?? 0
  }

  /** Everything so far is on disk, synced, when it resolves. One at a time. */
  async sync(): Promise<void> {
    if (!this.#archive.db.inTransaction) return
    const held = this.#commit()
    this.#wal ??= openSync(`${this.#archive.file}-wal`, 'r')
    await promisify(fsync)(this.#wal)
    this.#synced = held
  }

  /** The archive becomes a single file. */
  finish(status: string, message: string): void {
    const { db } = this.#archive
    this.#generation.origin = { ...this.#generation.origin, status, message }
    this.#begin()
    this.#synced = this.#commit()
    db.pragma('journal_mode = DELETE')
    this.close()
  }

  /** Nothing of it stays. */
  discard(): void {
    this.close()
    removeFiles(this.#archive.file)
  }

  /** What was not committed goes; the rest is readable, and `open`. */
  close(): void {
    const { db } = this.#archive
    if (!db.open) return
    if (db.inTransaction) db.exec('ROLLBACK')
    this.#archive.close()
    if (this.#wal !== null) closeSync(this.#wal)
  }

  #commit(): number {
    const { db } = this.#archive
    const generation = this.#generation
    generation.rows = this.#sum.hex()
    generation.zxid = this.#zxid.toString()
    writeGeneration(db, generation, null)
    db.exec('COMMIT')
    return generation.znodes
  }

  #begin(): void {
    const { db } = this.#archive
    if (!db.inTransaction) db.exec('BEGIN IMMEDIATE')
  }

  /** What only leads there. Should such a znode be gone when it is needed, it gets the ACL of what it led to first. */
  #wayTo(path: string, acl: AclList): void {
    for (let parent = parentPath(path); parent !== null; parent = parentPath(parent)) {
      if (this.#ways.has(parent)) return
      if (this.#ways.size === MOST_WAYS) this.#ways.clear()
      this.#ways.add(parent)
      this.#row(parent, 0, NO_STAT, rawAcl(acl.masked ? NOBODY : acl), 0, 0, EMPTY)
    }
  }

  #there(path: string) {
    return this.#find.get(this.#generation.id, parentPath(path) ?? '', nameOf(path))
  }

  #take(path: string, sum: Buffer): void {
    this.#remove.run(this.#generation.id, parentPath(path) ?? '', nameOf(path))
    this.#sum.subtract(sum)
  }

  /** False when there is one. */
  #row(
    path: string,
    held: number,
    stat: Buffer,
    acl: Buffer,
    ttl: number,
    sequence: number,
    data: Buffer | null,
  ): boolean {
    const [generation, parent, name] = [this.#generation.id, parentPath(path) ?? '', nameOf(path)]
    const sum = rowSum({ generation, parent, name, held, stat, acl, ttl, sequence, data })
    const { changes } = this.#insert.run(generation, parent, name, held, stat, acl, ttl, sequence, data, sum)
    if (changes === 0) return false
    this.#sum.add(sum)
    return true
  }
}

const SCRATCH_BYTES = 16 * 1024
const scratch = Buffer.allocUnsafe(SCRATCH_BYTES)

/** SHA-256 over everything in a row. */
export function rowSum(row: Omit<Row, 'sum'>): Buffer {
  const { generation, parent, name, held, stat, acl, ttl, sequence, data } = row
  const rest = JSON.stringify([
    generation,
    parent,
    name,
    held,
    ttl,
    sequence,
    acl.length,
    data === null ? -1 : data.length,
  ])
  // A UTF-16 unit is three bytes of UTF-8 at most; one copy is cheaper than four updates.
  if (rest.length * 3 + stat.length + acl.length + (data?.length ?? 0) <= SCRATCH_BYTES) {
    let at = scratch.write(rest)
    at += stat.copy(scratch, at)
    at += acl.copy(scratch, at)
    if (data !== null) at += data.copy(scratch, at)
    return hash('sha256', scratch.subarray(0, at), 'buffer')
  }
  const sha = createHash('sha256').update(rest).update(stat).update(acl)
  if (data !== null) sha.update(data)
  return sha.digest()
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}

/** With SQLite's beside it. */
function removeFiles(file: string): void {
  for (const end of ['-wal', '-shm', '-journal', '']) rmSync(file + end, { force: true })
}

function syncFolder(folder: string): void {
  const fd = openSync(folder, 'r')
  try {
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}
