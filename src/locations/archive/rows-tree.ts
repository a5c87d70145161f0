/** A generation of the form "rows", as a tree that holds some paths, and what leads to them. */
import type { Database, Statement } from 'better-sqlite3'
import { ZnodeError } from '../../tree/contracts.ts'
import { DigestSum } from '../../tree/digest.ts'
import type { Verdict } from '../../tree/filter.ts'
import { parentPath } from '../../tree/path.ts'
import type { Data } from '../../tree/znode.ts'
import { AclCache } from '../acl-cache.ts'
import { clientStat } from '../stored/staged-tree.ts'
import { STAT_BYTES, unpackStat } from '../stored/stored-stat.ts'
import type { StoredTree, StoredZnode } from '../stored/stored-tree.ts'
import { ttlToMode } from '../stored/ttl.ts'
import type { ArchiveFile } from './archive-file.ts'
import type { Generation } from './generation.ts'
import { belowRoot } from './paths.ts'
import { damaged } from './problems.ts'
import { type Row, rowSum } from './rows.ts'

export class RowsTree implements StoredTree {
  readonly zxid: bigint
  readonly #archive: ArchiveFile
  readonly #generation: Generation
  readonly #row: Statement<[number, string, string], Row>
  readonly #names: Statement<[number, string], { name: string }>
  readonly #acls = new AclCache()

  /** Every row has been read and is as it was written. @throws ArchiveProblem */
  constructor(archive: ArchiveFile, generation: Generation) {
    this.#archive = archive
    this.#generation = generation
    this.zxid = BigInt(generation.zxid)
    const db: Database = archive.db
    this.#row = db.prepare('SELECT * FROM row WHERE generation = ? AND parent = ? AND name = ?')
    this.#names = db.prepare("SELECT name FROM row WHERE generation = ? AND parent = ? AND name <> ''")
    checkRows(archive, generation)
  }

  /** What `path`, absolute in the archive, is to the tree. */
  holds(path: string): Verdict {
    const row = this.#find(path)
    if (row === null) return 'out'
    return row instanceof ZnodeError || row.held === 1 ? 'in' : 'on-the-way'
  }

  names(paths: readonly string[]): (readonly string[] | null | ZnodeError)[] {
    return paths.map((path) => {
      const row = this.#find(path)
      return row === null || row instanceof ZnodeError ? row : this.#children(path)
    })
  }

  znodes(paths: readonly string[]): (StoredZnode | null | ZnodeError)[] {
    return paths.map((path) => {
      const row = this.#find(path)
      if (row === null || row instanceof ZnodeError) return row
      const stat = clientStat(
        unpackStat(row.stat),
        row.sequence,
        this.#children(path).length,
        row.data?.length ?? 0,
      )
      return { stat, acl: this.#acls.list(row.acl), mode: ttlToMode(row.ttl) }
    })
  }

  data(paths: readonly string[]): (Data | undefined | ZnodeError)[] {
    return paths.map((path) => {
      const row = this.#find(path)
      if (row === null) return undefined
      return row instanceof ZnodeError ? row : row.data
    })
  }

  close(): void {
    this.#archive.close()
  }

  #find(path: string): Row | null | ZnodeError {
    const below = belowRoot(path, this.#generation.root)
    if (below === null) return null
    const name = below.slice(below.lastIndexOf('/') + 1)
    const row = this.#row.get(this.#generation.id, parentPath(below) ?? '', name)
    if (row === undefined) return null
    return isSound(row)
      ? row
      : new ZnodeError('DAMAGED', 'what the archive holds of it is not what was written')
  }

  #children(path: string): string[] {
    const below = belowRoot(path, this.#generation.root)
    return below === null ? [] : this.#names.all(this.#generation.id, below).map(({ name }) => name)
  }
}

function isSound(row: Row): boolean {
  const { stat, acl, data, sum } = row
  if (!Buffer.isBuffer(stat) || stat.length !== STAT_BYTES || !Buffer.isBuffer(acl)) return false
  if ((data !== null && !Buffer.isBuffer(data)) || !Buffer.isBuffer(sum)) return false
  return rowSum(row).equals(sum)
}

/** The rows' sums add up to the one that the generation has, so that none is missing or too many. @throws ArchiveProblem */
function checkRows({ db, file }: ArchiveFile, { id, rows }: Generation): void {
  const sum = new DigestSum()
  for (const row of db.prepare<[number], Row>('SELECT * FROM row WHERE generation = ?').iterate(id)) {
    if (!isSound(row)) throw damaged(file, `generation ${id} holds a znode that is not as it was written`)
    sum.add(row.sum)
  }
  if (sum.hex() !== rows) throw damaged(file, `generation ${id} does not hold what it should`)
}
