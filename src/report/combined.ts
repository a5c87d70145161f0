/** `verify --combined`: a mark and a path for every znode, one a line; the root's path is empty. */
import { closeSync, openSync, writeSync } from 'node:fs'
import { escapeText } from './escape.ts'
import type { Output } from './output.ts'

export type Mark = '=' | '*' | '+' | '-' | '!'

export function combinedLine(mark: Mark, path: string): string {
  return `${mark} ${escapeText(path)}`
}

const GATHER = 64 * 1024

/** A file that lines are gathered for. Opening it empties it, or throws the system's error. */
export class FileOutput implements Output {
  readonly isTerminal = false
  readonly #fd: number
  #pending = ''
  #failure: string | null = null

  constructor(file: string) {
    this.#fd = openSync(file, 'w')
  }

  /** The system's code for why not everything could be written. After it nothing more is. */
  get failure(): string | null {
    return this.#failure
  }

  line(text: string): void {
    if (this.#failure !== null) return
    this.#pending += `${text}\n`
    if (this.#pending.length >= GATHER) this.flush()
  }

  flush(): void {
    const bytes = Buffer.from(this.#pending)
    this.#pending = ''
    this.#trying(() => {
      for (let at = 0; at < bytes.length; ) at += writeSync(this.#fd, bytes, at)
    })
  }

  close(): void {
    this.flush()
    this.#trying(() => closeSync(this.#fd))
  }

  #trying(work: () => void): void {
    try {
      work()
    } catch (error) {
      this.#failure ??= (error as NodeJS.ErrnoException).code ?? String(error)
    }
  }
}
