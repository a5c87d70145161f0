/** Feeds of plain, gzipped and snappy files. The last two were added by ZooKeeper 3.6, for snapshots only. */
import { createReadStream } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { pipeline } from 'node:stream'
import { createGunzip } from 'node:zlib'
import type { ByteFeed } from './byte-window.ts'
import { Damage } from './damage.ts'
import { SnappyFeed } from './snappy.ts'

export type Compression = 'none' | 'gzip' | 'snappy'

export function compressionOf(file: string): Compression {
  if (file.endsWith('.gz')) return 'gzip'
  return file.endsWith('.snappy') ? 'snappy' : 'none'
}

/** @throws Damage `unreadable` */
export async function openFeed(file: string): Promise<ByteFeed> {
  const compression = compressionOf(file)
  if (compression === 'gzip') return new GzipFeed(file)
  const plain = await FileFeed.open(file)
  return compression === 'snappy' ? new SnappyFeed(file, plain) : plain
}

export class FileFeed implements ByteFeed {
  readonly size: number
  readonly #file: string
  readonly #handle: FileHandle
  #position = 0

  private constructor(file: string, handle: FileHandle, size: number) {
    this.#file = file
    this.#handle = handle
    this.size = size
  }

  static async open(file: string): Promise<FileFeed> {
    try {
      const handle = await open(file, 'r')
      try {
        return new FileFeed(file, handle, (await handle.stat()).size)
      } catch (error) {
        await handle.close()
        throw error
      }
    } catch (error) {
      throw unreadable(file, 0, error)
    }
  }

  async read(into: Buffer, from: number): Promise<number> {
    try {
      const { bytesRead } = await this.#handle.read(into, from, into.length - from, this.#position)
      this.#position += bytesRead
      return bytesRead
    } catch (error) {
      throw unreadable(this.#file, this.#position, error)
    }
  }

  /** Up to `length` bytes from `position` on, whatever was read before. */
  async readAt(position: number, length: number): Promise<Buffer> {
    const into = Buffer.allocUnsafe(length)
    try {
      const { bytesRead } = await this.#handle.read(into, 0, length, position)
      return into.subarray(0, bytesRead)
    } catch (error) {
      throw unreadable(this.#file, position, error)
    }
  }

  close(): Promise<void> {
    return this.#handle.close()
  }
}

const GUNZIP_CHUNK = 256 * 1024

class GzipFeed implements ByteFeed {
  readonly size = null
  readonly #file: string
  readonly #chunks: AsyncIterator<Buffer>
  readonly #stream: ReturnType<typeof createGunzip>
  #chunk: Buffer = Buffer.alloc(0)
  #position = 0

  constructor(file: string) {
    this.#file = file
    // An error of either stream comes out of the second, which is what is read.
    this.#stream = pipeline(createReadStream(file), createGunzip({ chunkSize: GUNZIP_CHUNK }), () => {})
    this.#chunks = this.#stream[Symbol.asyncIterator]()
  }

  async read(into: Buffer, from: number): Promise<number> {
    while (this.#chunk.length === 0) {
      const next = await this.#nextChunk()
      if (next === null) return 0
      this.#chunk = next
    }
    const copied = this.#chunk.copy(into, from)
    this.#chunk = this.#chunk.subarray(copied)
    this.#position += copied
    return copied
  }

  async close(): Promise<void> {
    this.#stream.destroy()
  }

  async #nextChunk(): Promise<Buffer | null> {
    try {
      const { value, done } = await this.#chunks.next()
      return done ? null : value
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code === 'Z_BUF_ERROR') {
        throw new Damage('truncated', this.#file, this.#position, 'ends in the middle of its gzip stream', {
          cause: error,
        })
      }
      if (!code?.startsWith('Z_')) throw unreadable(this.#file, this.#position, error)
      const what = `is no sound gzip stream (${(error as Error).message})`
      throw new Damage('malformed', this.#file, this.#position, what, { cause: error })
    }
  }
}

export function unreadable(file: string, at: number, error: unknown): Damage {
  const { code, message } = error as NodeJS.ErrnoException
  return new Damage('unreadable', file, at, `cannot be read (${code ?? message})`, { cause: error })
}
