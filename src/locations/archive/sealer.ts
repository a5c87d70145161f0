/** Staged znodes become a new generation of an archive. */
import { dirname } from 'node:path'
import type { KindSupport, Provenance } from '../../tree/contracts.ts'
import { newestZxid } from '../../tree/znode.ts'
import type { Sealer } from '../stored/staged-target.ts'
import type { StagedRow, Staging } from '../stored/staging.ts'
import { unpackStat } from '../stored/stored-stat.ts'
import type { StoredTree } from '../stored/stored-tree.ts'
import { type ArchiveFile, openArchive, type Passphrase } from './archive-file.ts'
import { ChunkWriter } from './chunk-store.ts'
import { ChunkedTree } from './chunked-tree.ts'
import { encodeContents, type PieceRef } from './contents.ts'
import { Cutter } from './cut.ts'
import { type Generation, type Origin, writeGeneration } from './generation.ts'
import type { Keys, MadeKeys } from './keys.ts'
import type { Compression } from './packing.ts'
import type { Partial } from './partial.ts'
import { belowRoot } from './paths.ts'
import { encodePiece, type PlacedZnode } from './piece.ts'
import { onSide } from './problems.ts'
import { dropUnused } from './unused.ts'

export interface SealerSetup {
  partial: Partial
  /** The tree's place in the archive. */
  root: string
  compression: Compression
  /** Of the present archive, where it is encrypted. */
  keys: Keys | null
  /** For a new archive; `null` for one without encryption. */
  made: MadeKeys | null
}

/** What a znode takes besides its name and data. */
const RECORD_BYTES = 24

const OPEN: Origin = { source: '', status: 'open', message: '' }

export class ArchiveSealer implements Sealer {
  readonly folder: string
  readonly keepsAncestors = false
  readonly #setup: SealerSetup
  #archive: ArchiveFile | null = null
  #generation: Generation | null = null
  #seals = 0

  constructor(setup: SealerSetup) {
    this.#setup = setup
    this.folder = dirname(setup.partial.file)
  }

  seal(staging: Staging): Promise<StoredTree> {
    return this.#told(() => this.#seal(staging))
  }

  publish(provenance: Provenance): Promise<void> {
    return this.#told(() => this.#publish(provenance))
  }

  async #seal(staging: Staging): Promise<StoredTree> {
    const archive = await this.#begun()
    archive.db.exec('BEGIN')
    const id = this.#generation?.id ?? archive.nextGeneration()
    this.#generation = await this.#write(archive, id, staging)
    writeGeneration(archive.db, this.#generation, archive.keys)
    archive.db.exec('COMMIT')
    this.#seals++
    const written = await openArchive(this.#setup.partial.path, noPassphrase(archive))
    return ChunkedTree.open(written, this.#generation)
  }

  async #publish({ since, ...provenance }: Provenance): Promise<void> {
    const archive = await this.#begun()
    if (this.#generation === null) throw new Error('nothing was sealed')
    this.#generation.made = Date.now()
    this.#generation.origin = { ...provenance, since: String(since) }
    archive.db.exec('BEGIN')
    writeGeneration(archive.db, this.#generation, archive.keys)
    // What was sealed and then changed has left chunks behind.
    if (this.#seals > 1) dropUnused(archive)
    archive.db.exec('COMMIT')
    archive.close()
    this.#archive = null
    const written = await openArchive(this.#setup.partial.path, noPassphrase(archive))
    written.close()
    this.#setup.partial.publish()
  }

  discard(): void {
    this.#archive?.close()
    this.#archive = null
    this.#setup.partial.release()
  }

  supports(): KindSupport {
    return 'yes'
  }

  async #told<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      throw onSide('target', this.#setup.partial.file, error)
    }
  }

  async #begun(): Promise<ArchiveFile> {
    const { partial, keys, made } = this.#setup
    this.#archive ??= await partial.begin(keys ?? unasked, made)
    return this.#archive
  }

  async #write(archive: ArchiveFile, id: number, staging: Staging): Promise<Generation> {
    const { root, compression } = this.#setup
    const chunks = new ChunkWriter(archive, compression)
    const pieces: PieceRef[] = []
    const cutter = new Cutter()
    let [znodes, bytes] = [0, 0]
    const zxid = new NewestZxid()
    let piece: PlacedZnode[] = []
    const put = async () => {
      const [first] = piece
      if (first === undefined) return
      const { head, body } = encodePiece(piece)
      pieces.push({
        parent: first.parent,
        name: first.name,
        znodes: piece.length,
        head: await chunks.put(head),
        body: body.length === 0 ? null : await chunks.put(body),
      })
      piece = []
    }
    const place = placer(root)
    for (const row of staging.rows()) {
      const length = row.data?.length ?? 0
      const znode = place(row)
      znodes++
      bytes += length
      zxid.see(row.stat)
      piece.push(znode)
      if (cutter.endsWith(znode.parent, znode.name, RECORD_BYTES + znode.name.length + length)) await put()
    }
    await put()
    const contents = await chunks.put(encodeContents(pieces))
    await chunks.settled()
    return {
      id,
      form: 'chunks',
      root,
      made: Date.now(),
      znodes,
      bytes,
      zxid: String(zxid.value),
      contents: { id: contents.id.toString('hex'), bytes: contents.bytes },
      rows: null,
      origin: OPEN,
    }
  }
}

/** Puts a row where it is below the root. The tree's root is a child of nothing; siblings come together. */
function placer(root: string): (row: StagedRow) => PlacedZnode {
  let [known, below] = ['', '']
  return (row) => {
    const { parent, name } = row
    const path = parent === '' ? '/' : parent === '/' ? `/${name}` : `${parent}/${name}`
    if (path === root) return { ...row, parent: '', name: '' }
    if (parent !== known) {
      const place = belowRoot(parent, root)
      if (place === null) throw new Error(`${path} was staged, and is not in ${root}`)
      ;[known, below] = [parent, place]
    }
    return { ...row, parent: below }
  }
}

/** Of all packed Stats seen. Most are told apart by their upper halves and lower halves as plain numbers. */
class NewestZxid {
  value = 0n
  #high = 0
  #low = 0

  see(stat: Buffer): void {
    for (let at = 0; at < 24; at += 8) {
      const [high, low] = [stat.readInt32BE(at), stat.readUInt32BE(at + 4)]
      if (high < this.#high || (high === this.#high && low <= this.#low)) continue
      ;[this.#high, this.#low] = [high, low]
      this.value = newestZxid(unpackStat(stat))
    }
  }
}

const unasked: Passphrase = async () => null

function noPassphrase({ keys }: ArchiveFile): Passphrase | Keys {
  return keys ?? unasked
}
