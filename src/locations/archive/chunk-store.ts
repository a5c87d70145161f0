/** Chunks by what is in them: the same content is stored once, whoever holds it. */
import { hash } from 'node:crypto'
import type { Statement } from 'better-sqlite3'
import type { ArchiveFile } from './archive-file.ts'
import { idOf } from './keys.ts'
import { type Compression, pack, unpack } from './packing.ts'

/** A chunk's id, and the length of its content. */
export interface ChunkRef {
  id: Buffer
  bytes: number
}

interface Stored {
  stored: Buffer
  sum: Buffer
}

/** Chunks that are being compressed, each in a thread. */
const AT_ONCE = 4

export class ChunkReader {
  readonly #archive: ArchiveFile
  readonly #get: Statement<[Buffer], Stored>

  constructor(archive: ArchiveFile) {
    this.#archive = archive
    this.#get = archive.db.prepare('SELECT stored, sum FROM chunk WHERE id = ?')
  }

  /** The content; `null` when the chunk is missing, or not what was stored. */
  read({ id, bytes }: ChunkRef): Buffer | null {
    const { keys } = this.#archive
    const row = this.#get.get(id)
    if (row === undefined || !Buffer.isBuffer(row.stored)) return null
    const packed = keys === null ? row.stored : keys.open(row.stored, id)
    const plain = packed === null ? null : unpack(packed, bytes)
    return plain !== null && plain.length === bytes && idOf(plain, keys).equals(id) ? plain : null
  }

  /** Whether what is stored is what was stored, without looking into it. */
  isSound(id: Buffer): boolean {
    const row = this.#get.get(id)
    if (row === undefined || !Buffer.isBuffer(row.stored) || !Buffer.isBuffer(row.sum)) return false
    return hash('sha256', row.stored, 'buffer').equals(row.sum)
  }
}

export class ChunkWriter {
  readonly #archive: ArchiveFile
  readonly #compression: Compression
  readonly #has: Statement<[Buffer], number>
  readonly #put: Statement<[Buffer, Buffer, Buffer]>
  readonly #busy = new Map<string, Promise<void>>()
  /** Bytes that were stored anew. */
  written = 0

  constructor(archive: ArchiveFile, compression: Compression) {
    this.#archive = archive
    this.#compression = compression
    this.#has = archive.db.prepare<[Buffer], number>('SELECT 1 FROM chunk WHERE id = ?').pluck()
    this.#put = archive.db.prepare('INSERT INTO chunk VALUES (?, ?, ?)')
  }

  /** Resolves when there is room for more; what was put is there after `settled`. Rejects when an earlier one failed. */
  async put(content: Buffer): Promise<ChunkRef> {
    const id = idOf(content, this.#archive.keys)
    const key = id.toString('latin1')
    if (!this.#busy.has(key) && this.#has.get(id) === undefined) {
      const storing = this.#store(id, content).then(() => void this.#busy.delete(key))
      // A rejection stays in the map, and is met below.
      storing.catch(() => {})
      this.#busy.set(key, storing)
    }
    while (this.#busy.size >= AT_ONCE) await Promise.race(this.#busy.values())
    return { id, bytes: content.length }
  }

  async settled(): Promise<void> {
    await Promise.all(this.#busy.values())
  }

  async #store(id: Buffer, content: Buffer): Promise<void> {
    const packed = await pack(content, this.#compression)
    const { keys } = this.#archive
    const stored = keys === null ? packed : keys.seal(packed, id)
    this.#put.run(id, stored, hash('sha256', stored, 'buffer'))
    this.written += stored.length
  }
}
