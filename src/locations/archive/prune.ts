/** Drops generations of an archive: what stays is written into a new file, which takes the old one's name. */
import { statSync } from 'node:fs'
import { type ArchiveFile, openArchive, type Passphrase } from './archive-file.ts'
import { ChunkReader } from './chunk-store.ts'
import { type Generation, isComplete, isDone, readHeader, writeCatalog } from './generation.ts'
import { Partial, realFile } from './partial.ts'
import { ArchiveProblem, damaged, onSide } from './problems.ts'
import { usedBy } from './unused.ts'

export interface KeepRules {
  /** The newest so many of each tree. */
  last: number
  /** The newest of each of the latest so many days on which there is one, in local time. */
  daily: number
  /** The latest complete generation of a tree may go, too. */
  dropComplete: boolean
  /** Only this tree's; `null` for all. */
  tree: string | null
}

/** Which generations go. */
export function chooseDropped(generations: readonly Generation[], rules: KeepRules): Generation[] {
  const roots = new Set(generations.map(({ root }) => root))
  return [...roots]
    .filter((root) => rules.tree === null || root === rules.tree)
    .flatMap((root) => {
      const newestFirst = generations.filter((one) => one.root === root).reverse()
      const kept = new Set([...newestFirst.slice(0, rules.last), ...ofDays(newestFirst, rules.daily)])
      // A filtered one is complete in its way, and stands in for no whole one.
      for (const good of rules.dropComplete ? [] : [isDone, isComplete]) {
        const newest = newestFirst.find(good)
        if (newest !== undefined) kept.add(newest)
      }
      return newestFirst.filter((one) => !kept.has(one))
    })
    .sort((a, b) => a.id - b.id)
}

/** Of each day its newest, a complete one before a filtered one, and that before others. */
function ofDays(newestFirst: readonly Generation[], days: number): Generation[] {
  const chosen = new Map<string, Generation>()
  for (const generation of newestFirst) {
    const day = new Date(generation.made).toDateString()
    const known = chosen.get(day)
    if (known === undefined && chosen.size === days) break
    if (known === undefined || worth(generation) > worth(known)) chosen.set(day, generation)
  }
  return [...chosen.values()]
}

function worth(generation: Generation): number {
  return isComplete(generation) ? 2 : isDone(generation) ? 1 : 0
}

export interface Pruned {
  dropped: Generation[]
  /** Bytes of the file. */
  before: number
  after: number
}

export class Pruning {
  readonly dropped: readonly Generation[]
  /** Would go, were they not the last good ones of their trees. */
  readonly spared: readonly Generation[]
  readonly #partial: Partial | null
  readonly #archive: ArchiveFile

  private constructor(
    partial: Partial | null,
    archive: ArchiveFile,
    generations: readonly Generation[],
    rules: KeepRules,
  ) {
    this.#partial = partial
    this.#archive = archive
    this.dropped = chooseDropped(generations, rules)
    const dropped = new Set(this.dropped)
    this.spared = chooseDropped(generations, { ...rules, dropComplete: true }).filter(
      (one) => !dropped.has(one),
    )
  }

  /** Looks what would go. With `dryRun` nothing can come of it, and nothing is locked. @throws LocationProblem, UsageProblem */
  static async plan(
    file: string,
    passphrase: Passphrase,
    rules: KeepRules,
    dryRun: boolean,
  ): Promise<Pruning> {
    let partial: Partial | null = null
    try {
      const real = realFile(file)
      if (!dryRun) partial = Partial.take(real)
      const archive = await openArchive(real, passphrase)
      const generations = archive.generations()
      if (rules.tree !== null && !generations.some(({ root }) => root === rules.tree)) {
        archive.close()
        throw new ArchiveProblem('usage', `The archive ${file} holds no tree ${rules.tree}.`)
      }
      return new Pruning(partial, archive, generations, rules)
    } catch (error) {
      partial?.release()
      throw onSide('source', file, error)
    }
  }

  /** @throws LocationProblem when what stays is damaged, or cannot be written; the file is as it was then. */
  async carryOut(): Promise<Pruned> {
    const { file } = this.#archive
    const partial = this.#partial as Partial
    try {
      const before = statSync(file).size
      this.#rewrite(partial)
      const written = await openArchive(partial.path, this.#archive.keys ?? (async () => null))
      written.generations()
      written.close()
      partial.publish()
      return { dropped: [...this.dropped], before, after: statSync(file).size }
    } catch (error) {
      throw onSide('source', file, error)
    }
  }

  close(): void {
    this.#archive.close()
    this.#partial?.release()
  }

  #rewrite(partial: Partial): void {
    const { db, file, keys } = this.#archive
    const gone = new Set(this.dropped.map(({ id }) => id))
    const kept = this.#archive.generations().filter(({ id }) => !gone.has(id))
    const header = readHeader(db, file)
    const next = partial.beginAnew(header === null || keys === null ? null : { header, keys })
    try {
      const chunks = new ChunkReader(this.#archive)
      const read = db.prepare('SELECT * FROM chunk WHERE id = ?').raw()
      const putChunk = next.db.prepare('INSERT INTO chunk VALUES (?, ?, ?)')
      next.db.exec('BEGIN')
      for (const key of usedBy(this.#archive, kept)) {
        const id = Buffer.from(key, 'latin1')
        if (!chunks.isSound(id)) throw damaged(file, 'a chunk that stays is not as it was written')
        putChunk.run(read.get(id))
      }
      for (const { id } of kept) {
        const about = db.prepare('SELECT * FROM generation WHERE id = ?').raw().get(id)
        next.db.prepare('INSERT INTO generation VALUES (?, ?, ?, ?)').run(about)
        const putRow = next.db.prepare('INSERT INTO row VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)')
        for (const row of db.prepare('SELECT * FROM row WHERE generation = ?').raw().iterate(id))
          putRow.run(row)
      }
      writeCatalog(next.db)
      next.db.exec('COMMIT')
    } finally {
      next.close()
    }
  }
}
