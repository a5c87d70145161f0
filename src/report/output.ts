import { fstatSync, writeSync } from 'node:fs'

/**
 * A stream that lines go to. A reader that has gone (`zkferry verify … | head`) ends the output, not the job:
 * the job's exit code is worth more than the rest of its lines. What cannot be written for another reason ends the
 * output, too, and is told at the end.
 */
export interface Output {
  readonly isTerminal: boolean
  /** Writes one line; the text must be escaped already. */
  line(text: string): void
  /** Hands what is gathered to the system. */
  flush(): void
}

/** How much is gathered before it is written; many short writes cost more than the lines are worth. */
const GATHER = 32 * 1024

export class StreamOutput implements Output {
  readonly #stream: NodeJS.WriteStream & { fd: number }
  readonly #gathering: boolean
  readonly #isFile: boolean
  #pending = ''
  #open = true
  #failure: string | null = null

  constructor(stream: NodeJS.WriteStream & { fd: number }, options: { gathering: boolean }) {
    this.#stream = stream
    this.#gathering = options.gathering
    this.#isFile = fstatSync(stream.fd).isFile()
    stream.on('error', (error) => this.#end(error))
  }

  /** The system's code for why not everything could be written, once `drained`; `null` also when nobody reads. */
  get failure(): string | null {
    return this.#failure
  }

  get isTerminal(): boolean {
    return this.#stream.isTTY === true
  }

  line(text: string): void {
    if (!this.#open) return
    this.#pending += `${text}\n`
    if (!this.#gathering || this.#pending.length >= GATHER) this.flush()
  }

  flush(): void {
    if (!this.#open || this.#pending === '') return
    const text = this.#pending
    this.#pending = ''
    if (this.#isFile) this.#writeFile(Buffer.from(text))
    else this.#stream.write(text)
  }

  /** A disk that is all but full takes a part of what it is given, which Node's own stream for files overlooks. */
  #writeFile(bytes: Buffer): void {
    try {
      for (let at = 0; at < bytes.length; ) at += writeSync(this.#stream.fd, bytes, at)
    } catch (error) {
      this.#end(error as NodeJS.ErrnoException)
    }
  }

  #end(error: NodeJS.ErrnoException): void {
    if (this.#open && error.code !== 'EPIPE') this.#failure = error.code ?? error.message
    this.#open = false
    this.#pending = ''
  }

  /** Resolves when the system has taken everything, or nobody reads any more. */
  drained(): Promise<void> {
    this.flush()
    if (!this.#open) return Promise.resolve()
    // Even when nothing waits: the error of a write that is over may still be on its way.
    return new Promise((resolve) => {
      this.#stream.once('error', () => resolve())
      this.#stream.write('', (error) => (error ? setImmediate(resolve) : resolve()))
    })
  }
}

/** The sentence for output that is not complete. */
export function unwritten(what: string, code: string): string {
  return `${what} could not be written (${code}); what is there of it is not complete.`
}
