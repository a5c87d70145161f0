/** A generation of the form "chunks", as a tree. Everything that is read has been checked against its hash. */
import Database from 'better-sqlite3'
import { ZnodeError } from '../../tree/contracts.ts'
import { absolutePath, parentPath } from '../../tree/path.ts'
import type { Data } from '../../tree/znode.ts'
import { AclCache } from '../acl-cache.ts'
import type { StoredTree, StoredZnode } from '../stored/stored-tree.ts'
import type { ArchiveFile } from './archive-file.ts'
import { ChunkReader, type ChunkRef } from './chunk-store.ts'
import { compareKeys, decodeContents, type PieceRef } from './contents.ts'
import type { Generation } from './generation.ts'
import { Lru } from './lru.ts'
import { belowRoot } from './paths.ts'
import { type Group, Piece } from './piece.ts'
import { ArchiveProblem, damaged } from './problems.ts'

/** Of heads before they are decoded; what is made of them takes about three times as much. */
const HEAD_BYTES = 8 * 1024 * 1024
const BODY_BYTES = 16 * 1024 * 1024

const DAMAGED = new ZnodeError('DAMAGED', 'what the archive holds of it is not what was written')

export class ChunkedTree implements StoredTree {
  readonly zxid: bigint
  readonly #archive: ArchiveFile
  readonly #root: string
  readonly #chunks: ChunkReader
  readonly #pieces: readonly PieceRef[]
  readonly #heads = new Lru<Piece>(HEAD_BYTES)
  readonly #bodies = new Lru<Buffer>(BODY_BYTES)
  readonly #acls = new AclCache()
  /** What is said of znodes that cannot be read. */
  #flaw = DAMAGED
  /** Where something was found last: siblings are asked for together, and lie together. */
  #near: Near | null = null

  private constructor(archive: ArchiveFile, generation: Generation) {
    this.#archive = archive
    this.#root = generation.root
    this.zxid = BigInt(generation.zxid)
    this.#chunks = new ChunkReader(archive)
    this.#pieces = piecesOf(archive, generation, this.#chunks)
  }

  /** All chunks are there, and as they were stored. @throws ArchiveProblem */
  static open(archive: ArchiveFile, generation: Generation): ChunkedTree {
    const tree = new ChunkedTree(archive, generation)
    for (const { head, body } of tree.#pieces) {
      if (tree.#chunks.isSound(head.id) && (body === null || tree.#chunks.isSound(body.id))) continue
      throw damaged(
        archive.file,
        `generation ${generation.id} lacks a chunk, or has one that is not as it was written`,
      )
    }
    return tree
  }

  /** False only when `path` is not in it for sure. Nothing else is read, or checked. @throws ArchiveProblem */
  static mayHold(archive: ArchiveFile, generation: Generation, path: string): boolean {
    const [znode] = new ChunkedTree(archive, generation).znodes([path])
    return znode !== null
  }

  names(paths: readonly string[]): (readonly string[] | null | ZnodeError)[] {
    return paths.map((path) => {
      const below = belowRoot(path, this.#root)
      return below === null ? null : this.#names(below)
    })
  }

  znodes(paths: readonly string[]): (StoredZnode | null | ZnodeError)[] {
    return paths.map((path) => {
      const at = this.#find(path)
      if (at === LOST) return this.#flaw
      return at < 0 ? null : (this.#near as Near).piece.znode(at)
    })
  }

  data(paths: readonly string[]): (Data | undefined | ZnodeError)[] {
    return paths.map((path) => {
      const at = this.#find(path)
      if (at === LOST) return this.#flaw
      if (at < 0) return undefined
      const near = this.#near as Near
      near.body ??= this.#body(near.ref, near.piece)
      return near.body === null ? this.#flaw : near.piece.data(at, near.body)
    })
  }

  close(): void {
    this.#archive.close()
  }

  #names(below: string): readonly string[] | null | ZnodeError {
    const names: string[] = []
    for (let at = Math.max(0, this.#locate(below, '')); at < this.#pieces.length; at++) {
      const ref = this.#pieces[at] as PieceRef
      if (ref.parent !== below && compareKeys(ref.parent, ref.name, below, '') > 0) break
      const piece = this.#piece(ref)
      if (piece === null) return this.#flaw
      for (const name of piece.namesIn(below)) names.push(name)
    }
    // The root is a child of nothing, and its name none.
    if (below === '') return names.filter((name) => name !== '')
    if (names.length > 0) return names
    const at = this.#find(absolutePath(this.#root, below))
    return at === LOST ? this.#flaw : at < 0 ? null : names
  }

  /** Where in `#near` a znode is; NOWHERE when there is none, LOST when what would hold it is damaged. */
  #find(path: string): number {
    const near = this.#near
    if (near !== null && path.startsWith(near.prefix) && path.indexOf('/', near.prefix.length) < 0) {
      const at = near.piece.findIn(near.group, path.slice(near.prefix.length))
      if (at >= 0) return at
    }
    const below = belowRoot(path, this.#root)
    if (below === null) return NOWHERE
    const parent = parentPath(below) ?? ''
    const name = below.slice(below.lastIndexOf('/') + 1)
    const ref = this.#pieces[this.#locate(parent, name)]
    if (ref === undefined) return NOWHERE
    const piece = this.#piece(ref)
    if (piece === null) return LOST
    const group = piece.groupOf(parent)
    const at = group === null ? NOWHERE : piece.findIn(group, name)
    if (group === null || at < 0) return NOWHERE
    const prefix = absolutePath(this.#root, parent)
    this.#near = { piece, ref, group, body: null, prefix: prefix === '/' ? prefix : `${prefix}/` }
    return at
  }

  /** The piece that would hold it: the last that does not begin after it. */
  #locate(parent: string, name: string): number {
    let [low, high] = [0, this.#pieces.length]
    while (low < high) {
      const middle = (low + high) >>> 1
      const piece = this.#pieces[middle] as PieceRef
      if (compareKeys(piece.parent, piece.name, parent, name) <= 0) low = middle + 1
      else high = middle
    }
    return low - 1
  }

  #read(ref: ChunkRef): Buffer | null {
    try {
      return this.#chunks.read(ref)
    } catch (error) {
      if (error instanceof ArchiveProblem) this.#flaw = new ZnodeError('UNSUPPORTED', error.message)
      else if (!(error instanceof Database.SqliteError)) throw error
      return null
    }
  }

  #piece(ref: PieceRef): Piece | null {
    const key = keyOf(ref.head)
    const known = this.#heads.get(key)
    if (known !== undefined) return known
    const bytes = this.#read(ref.head)
    if (bytes === null) return null
    const piece = decoded(bytes, this.#acls)
    if (piece !== null) this.#heads.set(key, piece, bytes.length)
    return piece
  }

  #body({ body }: PieceRef, piece: Piece): Buffer | null {
    if (piece.bytes !== (body?.bytes ?? 0)) return null
    if (body === null) return NOTHING
    const key = keyOf(body)
    const known = this.#bodies.get(key)
    if (known !== undefined) return known
    const bytes = this.#read(body)
    if (bytes !== null) this.#bodies.set(key, bytes, bytes.length)
    return bytes
  }
}

interface Near {
  piece: Piece
  ref: PieceRef
  group: Group
  body: Buffer | null
  /** Absolute, with the slash before the names. */
  prefix: string
}

const NOWHERE = -1
const LOST = -2

const NOTHING = Buffer.alloc(0)

/** @throws ArchiveProblem */
export function piecesOf(
  archive: ArchiveFile,
  { id, contents }: Generation,
  chunks: ChunkReader,
): PieceRef[] {
  const bytes = contents === null ? null : chunks.read(refOf(contents))
  if (bytes === null)
    throw damaged(archive.file, `the table of contents of generation ${id} is not as it was written`)
  return decodeContents(bytes)
}

export function refOf({ id, bytes }: { id: string; bytes: number }): ChunkRef {
  return { id: Buffer.from(id, 'hex'), bytes }
}

function decoded(head: Buffer, acls: AclCache): Piece | null {
  try {
    return new Piece(head, acls)
  } catch {
    return null
  }
}

function keyOf({ id }: ChunkRef): string {
  return id.toString('latin1')
}
