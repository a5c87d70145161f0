/**
 * A generation of the form "rows": single znodes, put on disk step by step while a job runs, with those that lead to
 * them. What a step has returned from is synced.
 */
import { createHash } from 'node:crypto'
import { closeSync, constants, openSync } from 'node:fs'
import type { Database, Statement } from 'better-sqlite3'
import type { AclList } from '../../tree/acl.ts'
import type { CreateMode } from '../../tree/create-mode.ts'
import { DigestSum } from '../../tree/digest.ts'
import { parentPath } from '../../tree/path.ts'
import { type Data, newestZxid, nextSequence, type Stat } from '../../tree/znode.ts'
import { rawAcl } from '../acl-cache.ts'
import { packStat } from '../stored/stored-stat.ts'
import { modeToTtl } from '../stored/ttl.ts'
import { type ArchiveFile, createArchive } from './archive-file.ts'
import { type Generation, type Origin, writeGeneration } from './generation.ts'

export interface HeldZnode {
  /** Below the generation's root, `''` for the root itself. */
  path: string
  /** False: it only leads to what is held. Everything that is held needs such rows, up to the root. */
  held: boolean
  stat: Stat
  acl: AclList
  mode: CreateMode
  data: Data
}

export interface Row {
  generation: number
  parent: string
  name: string
  held: number
  stat: Buffer
  acl: Buffer
  ttl: number
  sequence: number
  data: Buffer | null
  sum: Buffer
}

export class RowsWriter {
  readonly file: string
  readonly #archive: ArchiveFile
  readonly #db: Database
  readonly #generation: Generation
  readonly #sum = new DigestSum()
  readonly #find: Statement<[number, string, string], { held: number; sum: Buffer }>
  readonly #put: Statement<unknown[]>

  /**
   * Makes the archive `file`, which must not be there, with one generation in it. While it is written it has files
   * beside it (SQLite's WAL), which belong to it until `finish` has folded them in.
   * @throws the file system's error, or SQLite's.
   */
  constructor(file: string, root: string, origin: Origin) {
    closeSync(openSync(file, constants.O_CREAT | constants.O_EXCL | constants.O_RDWR, 0o600))
    this.file = file
    this.#archive = createArchive(file, null)
    this.#db = this.#archive.db
    this.#db.pragma('journal_mode = WAL')
    this.#db.pragma('synchronous = FULL')
    this.#generation = {
      id: this.#archive.nextGeneration(),
      form: 'rows',
      root,
      made: Date.now(),
      znodes: 0,
      bytes: 0,
      zxid: '0',
      contents: null,
      rows: this.#sum.hex(),
      origin,
    }
    writeGeneration(this.#db, this.#generation, null)
    this.#find = this.#db.prepare(
      'SELECT held, sum FROM row WHERE generation = ? AND parent = ? AND name = ?',
    )
    this.#put = this.#db.prepare('INSERT OR REPLACE INTO row VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)')
  }

  /** Znodes held so far. */
  get held(): number {
    return this.#generation.znodes
  }

  /** One transaction, synced when it returns. What is held already stays as it was put first. */
  put(znodes: readonly HeldZnode[]): void {
    this.#db.transaction(() => {
      for (const znode of znodes) this.#one(znode)
      this.#generation.rows = this.#sum.hex()
      writeGeneration(this.#db, this.#generation, null)
    })()
  }

  /** The archive becomes a single file; `origin` says how the job ended. */
  finish(origin: Origin): void {
    this.#generation.origin = origin
    writeGeneration(this.#db, this.#generation, null)
    this.#db.pragma('journal_mode = DELETE')
    this.close()
  }

  /** Leaves it as it is: readable, and `open`. */
  close(): void {
    this.#archive.close()
  }

  #one({ path, held, stat, acl, mode, data }: HeldZnode): void {
    const { id } = this.#generation
    const parent = parentPath(path) ?? ''
    const name = path.slice(path.lastIndexOf('/') + 1)
    const there = this.#find.get(id, parent, name)
    if (there !== undefined && (there.held === 1 || !held)) return
    if (there !== undefined) this.#sum.subtract(there.sum)
    const row: Omit<Row, 'sum'> = {
      generation: id,
      parent,
      name,
      held: held ? 1 : 0,
      stat: packStat(stat),
      acl: rawAcl(acl),
      ttl: modeToTtl(mode),
      sequence: nextSequence(stat),
      data,
    }
    const sum = rowSum(row)
    this.#sum.add(sum)
    this.#put.run(id, parent, name, row.held, row.stat, row.acl, row.ttl, row.sequence, data, sum)
    const newest = newestZxid(stat)
    if (newest > BigInt(this.#generation.zxid)) this.#generation.zxid = String(newest)
    if (!held) return
    this.#generation.znodes++
    this.#generation.bytes += data?.length ?? 0
  }
}

/** SHA-256 over everything in a row. */
export function rowSum({
  generation,
  parent,
  name,
  held,
  stat,
  acl,
  ttl,
  sequence,
  data,
}: Omit<Row, 'sum'>): Buffer {
  const rest = [generation, parent, name, held, ttl, sequence, acl.length, data === null ? -1 : data.length]
  const hash = createHash('sha256').update(JSON.stringify(rest)).update(stat).update(acl)
  if (data !== null) hash.update(data)
  return hash.digest()
}
