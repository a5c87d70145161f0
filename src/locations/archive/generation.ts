/** A generation: one tree as it was at one time. What is known of it, and the sums that make it trustworthy. */
import { createHash } from 'node:crypto'
import type { Database } from 'better-sqlite3'
import type { Keys } from './keys.ts'
import { damaged } from './problems.ts'

/** `chunks`: a whole tree, written at once. `rows`: parts of one, added to while a job runs. */
export type Form = 'chunks' | 'rows'

/** What a copy, or another job, says of what it put here; all but `source`, `status` and `message` may be missing. */
export interface Origin {
  source: string
  /** How the job ended; `open` while it has not. */
  status: string
  message: string
  since?: string
  consistency?: string
  digest?: { source: string | null; target: string | null }
  options?: Record<string, unknown>
  version?: string
}

export interface Generation {
  id: number
  form: Form
  /** The tree's place in the archive: what stands behind the `#`. */
  root: string
  /** Milliseconds since the epoch. */
  made: number
  znodes: number
  /** Of data. */
  bytes: number
  /** Nothing in it is newer; decimal. */
  zxid: string
  /** Form `chunks`: the table of contents, a chunk itself, by its id in hex, and its length. */
  contents: { id: string; bytes: number } | null
  /** Form `rows`: the sum of all rows' sums, modulo 2²⁵⁶. */
  rows: string | null
  origin: Origin
}

/** Whether it holds all of its tree: the job that made it came to a good end, and was asked to leave nothing out. */
export function isComplete(generation: Generation): boolean {
  return isDone(generation) && leftOut(generation).length === 0
}

/** Whether it holds all that its job was asked for. */
export function isDone({ origin }: Generation): boolean {
  return origin.status === 'done'
}

/** The options by which its job left something out on purpose, as they were given. */
export function leftOut({ origin: { options = {} } }: Generation): string[] {
  const { acl, include, exclude } = options
  const globs = (flag: string, values: unknown) =>
    Array.isArray(values) ? values.map((glob) => `${flag} ${glob}`) : []
  return [
    ...globs('--include', include),
    ...globs('--exclude', exclude),
    ...(acl === false ? ['--no-acl'] : []),
  ]
}

interface Stored {
  id: number
  form: string
  about: Buffer
  sum: Buffer
}

/** The generations, oldest first. @throws ArchiveProblem where one is not as it was written. */
export function readGenerations(db: Database, file: string, keys: Keys | null): Generation[] {
  return db
    .prepare<[], Stored>('SELECT id, form, about, sum FROM generation ORDER BY id')
    .all()
    .map(({ id, form, about, sum }) => {
      if (!Buffer.isBuffer(about) || !Buffer.isBuffer(sum) || !sumOf(id, form, about).equals(sum))
        throw damaged(file, `generation ${id} is not as it was written`)
      const json = keys === null ? about : keys.open(about, aad(id))
      if (json === null) throw damaged(file, `generation ${id} cannot be decrypted`)
      return { ...(JSON.parse(json.toString()) as Omit<Generation, 'id' | 'form'>), id, form: form as Form }
    })
}

/** Adds a generation, or puts it in the place of what has its id, and brings the catalog up to date. */
export function writeGeneration(db: Database, generation: Generation, keys: Keys | null): void {
  const { id, form, ...about } = generation
  const json = Buffer.from(JSON.stringify(about))
  const stored = keys === null ? json : keys.seal(json, aad(id))
  db.prepare('INSERT OR REPLACE INTO generation VALUES (?, ?, ?, ?)').run(
    id,
    form,
    stored,
    sumOf(id, form, stored),
  )
  writeCatalog(db)
}

/** The id that the next generation gets. Ids of pruned generations are not given again, but for the newest one's. */
export function nextGeneration(db: Database): number {
  return (db.prepare('SELECT coalesce(max(id), 0) + 1 FROM generation').pluck().get() as number) ?? 1
}

/** SHA-256 over the ids and sums of all generations, so that none goes missing unnoticed. */
export function catalogOf(db: Database): Buffer {
  const hash = createHash('sha256')
  const rows = db.prepare<[], { id: number; sum: Buffer }>('SELECT id, sum FROM generation ORDER BY id')
  for (const { id, sum } of rows.all()) hash.update(`${id} `).update(Buffer.isBuffer(sum) ? sum : String(sum))
  return hash.digest()
}

/** The first row of the archive itself, or its catalog brought up to date. `encryption` stays what it is. */
export function writeCatalog(db: Database): void {
  const encryption = db.prepare('SELECT encryption FROM archive').pluck().get() as string | null
  const catalog = catalogOf(db)
  db.prepare('UPDATE archive SET catalog = ?, sum = ?').run(catalog, headerSum(encryption, catalog))
}

export function writeHeader(db: Database, encryption: string | null): void {
  const catalog = catalogOf(db)
  db.prepare('INSERT INTO archive VALUES (1, ?, ?, ?)').run(
    encryption,
    catalog,
    headerSum(encryption, catalog),
  )
}

/** How the archive is encrypted, `null` when it is not. @throws ArchiveProblem unless the catalog fits. */
export function readHeader(db: Database, file: string): string | null {
  const rows = db
    .prepare<[], { encryption: string | null; catalog: Buffer; sum: Buffer }>('SELECT * FROM archive')
    .all()
  const [header] = rows
  if (rows.length !== 1 || header === undefined) throw damaged(file, 'its first row is missing')
  const { encryption, catalog, sum } = header
  if (!Buffer.isBuffer(catalog) || !Buffer.isBuffer(sum) || !headerSum(encryption, catalog).equals(sum))
    throw damaged(file, 'its first row is not as it was written')
  if (!catalogOf(db).equals(catalog)) throw damaged(file, 'its list of generations is not as it was written')
  return encryption
}

function headerSum(encryption: string | null, catalog: Buffer): Buffer {
  return createHash('sha256')
    .update(`archive ${encryption ?? ''} `)
    .update(catalog)
    .digest()
}

function sumOf(id: number, form: string, about: Buffer): Buffer {
  return createHash('sha256').update(`generation ${id} ${form} `).update(about).digest()
}

function aad(id: number): Buffer {
  return Buffer.from(`generation ${id}`)
}
