/**
 * A stream that lines go to. A reader that has gone (`zkferry verify … | head`) ends the output, not the job:
 * the job's exit code is worth more than the rest of its lines.
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
  readonly #stream: NodeJS.WriteStream
  readonly #gathering: boolean
  #pending = ''
  #open = true

  constructor(stream: NodeJS.WriteStream, options: { gathering: boolean }) {
    this.#stream = stream
    this.#gathering = options.gathering
    stream.on('error', () => {
      this.#open = false
      this.#pending = ''
    })
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
    this.#stream.write(text)
  }

  /** Resolves when the system has taken everything, or nobody reads any more. */
  drained(): Promise<void> {
    this.flush()
    if (!this.#open || this.#stream.writableLength === 0) return Promise.resolve()
    return new Promise((resolve) => {
      this.#stream.once('error', () => resolve())
      this.#stream.write('', () => resolve())
    })
  }
}
