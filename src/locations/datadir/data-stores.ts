/** Where the data of a tree's znodes are: in the files themselves, and in memory where a file is compressed. */
import { closeSync, openSync, readSync } from 'node:fs'
import { unreadable } from './feeds.ts'

export interface DataStore {
  /** Rejects nothing: throws `Damage` when the file says no. */
  read(at: number, length: number): Buffer
  close(): void
}

/** The file stays open, so what was there stays there, even if a server removes its old files meanwhile. */
export class FileStore implements DataStore {
  readonly #path: string
  readonly #descriptor: number

  constructor(path: string) {
    this.#path = path
    try {
      this.#descriptor = openSync(path, 'r')
    } catch (error) {
      throw unreadable(path, 0, error)
    }
  }

  read(at: number, length: number): Buffer {
    const into = Buffer.allocUnsafe(length)
    for (let done = 0; done < length; ) {
      const read = this.#read(into, done, at + done)
      if (read === 0) throw unreadable(this.#path, at, new Error('it has become shorter'))
      done += read
    }
    return into
  }

  close(): void {
    closeSync(this.#descriptor)
  }

  #read(into: Buffer, from: number, at: number): number {
    try {
      return readSync(this.#descriptor, into, from, into.length - from, at)
    } catch (error) {
      throw unreadable(this.#path, at, error)
    }
  }
}

const BLOCK_BYTES = 8 * 1024 * 1024

/** Holds copies, in large blocks. */
export class MemoryStore implements DataStore {
  readonly #blocks: Buffer[] = []
  #left: Buffer = Buffer.alloc(0)
  #starts: number[] = []
  #end = 0

  /** Where it is from now on. */
  keep(data: Buffer): number {
    if (data.length > this.#left.length) {
      this.#left = Buffer.allocUnsafeSlow(Math.max(BLOCK_BYTES, data.length))
      this.#blocks.push(this.#left)
      this.#starts.push(this.#end)
    }
    const at = this.#end
    data.copy(this.#left)
    this.#left = this.#left.subarray(data.length)
    this.#end += data.length
    return at
  }

  read(at: number, length: number): Buffer {
    const block = this.#blockOf(at)
    const from = at - (this.#starts[block] as number)
    return Buffer.from((this.#blocks[block] as Buffer).subarray(from, from + length))
  }

  close(): void {
    this.#blocks.length = 0
  }

  /** The last that starts at or before `at`. */
  #blockOf(at: number): number {
    let [low, high] = [0, this.#starts.length - 1]
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if ((this.#starts[middle] as number) <= at) low = middle
      else high = middle - 1
    }
    return low
  }
}
