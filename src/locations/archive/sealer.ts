/** Staged znodes become a new generation of an archive. */
import { dirname } from 'node:path'
import type { KindSupport, Provenance } from '../../tree/contracts.ts'
import { newestZxid } from '../../tree/znode.ts'
import type { Sealer } from '../stored/staged-target.ts'
import type { StagedZnode, Staging } from '../stored/staging.ts'
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

  async seal(staging: Staging): Promise<StoredTree> {
    const archive = await this.#begun()
    archive.db.exec('BEGIN')
    const id = this.#generation?.id ?? archive.nextGeneration()
    this.#generation = await this.#write(archive, id, staging)
    writeGeneration(archive.db, this.#generation, archive.keys)
    archive.db.exec('COMMIT')
    this.#seals++
    const written = await openArchive(this.#setup.partial.path, noPassphrase(archive))
    return new ChunkedTree(written, this.#generation)
  }

  async publish({ since, ...provenance }: Provenance): Promise<void> {
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
    let [znodes, bytes, zxid] = [0, 0, 0n]
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
    for (const staged of staging.all()) {
      const znode = placed(staged, root, staging)
      znodes++
      bytes += staged.data?.length ?? 0
      const newest = newestZxid(staged.stat)
      if (newest > zxid) zxid = newest
      piece.push(znode)
      const size = RECORD_BYTES + znode.name.length + (staged.data?.length ?? 0)
      if (cutter.endsWith(znode.parent, znode.name, size)) await put()
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
      zxid: String(zxid),
      contents: { id: contents.id.toString('hex'), bytes: contents.bytes },
      rows: null,
      origin: OPEN,
    }
  }
}

function placed(staged: StagedZnode, root: string, staging: Staging): PlacedZnode {
  const { path, stat, acl, mode, sequence, data } = staged
  const below = belowRoot(path, root)
  if (below === null) throw new Error(`${path} was staged, and is not in ${root}`)
  const slash = below.lastIndexOf('/')
  const children = staging.children(path)
  return {
    parent: slash < 0 ? '' : below.slice(0, slash),
    name: below.slice(slash + 1),
    stat,
    acl,
    mode,
    sequence,
    children,
    data,
  }
}

const unasked: Passphrase = async () => null

function noPassphrase({ keys }: ArchiveFile): Passphrase | Keys {
  return keys ?? unasked
}
