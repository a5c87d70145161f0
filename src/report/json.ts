/** `--json`: one object a line on stdout and nothing else there; the sentence of a failure goes to stderr as well. */
import type { JobEvent } from '../tree/events.ts'
import { escapeJson, escapeText } from './escape.ts'
import type { Output } from './output.ts'
import type { Printer } from './printer.ts'
import type { ProgressModel } from './progress.ts'
import type { Summary } from './summary.ts'

export interface JsonPrinterOptions {
  stdout: Output
  stderr: Output
  /** `null` leaves the `progress` lines out. */
  progress: ProgressModel | null
  quiet: boolean
  verbose: boolean
}

const PROGRESS_MS = 1_000
const FLUSHED = new Set<JobEvent['type']>(['run', 'waiting', 'holding'])

export class JsonPrinter implements Printer {
  readonly #options: JsonPrinterOptions
  readonly #timer: NodeJS.Timeout | null

  constructor(options: JsonPrinterOptions) {
    this.#options = options
    this.#timer = options.progress && setInterval(() => this.#progress(), PROGRESS_MS)
    this.#timer?.unref()
  }

  event(event: JobEvent): void {
    this.#options.progress?.see(event)
    // Told by the `progress` lines, in a file of their own, by the summary.
    if (event.type === 'phase' || event.type === 'combined' || event.type === 'survived') return
    this.#write(event)
    // A program that follows the output wants these now, not when the buffer is full.
    if (FLUSHED.has(event.type)) this.#options.stdout.flush()
  }

  data(record: { type: string }): void {
    this.#write(record)
  }

  trace(text: string): void {
    if (this.#options.verbose) this.#options.stderr.line(escapeText(text))
  }

  say(text: string): void {
    if (!this.#options.quiet) this.#options.stderr.line(escapeText(text))
  }

  pause(): void {
    this.#options.stdout.flush()
  }

  resume(): void {}

  finish(summary: Summary, sentence: string | null): void {
    if (this.#timer) clearInterval(this.#timer)
    this.#write(summary)
    this.#options.stdout.flush()
    if (sentence !== null) this.#options.stderr.line(`zkferry: ${escapeText(sentence)}`)
  }

  #progress(): void {
    const state = this.#options.progress?.poll()
    if (!state) return
    const { phase, znodes, bytes, znodesPerSecond, estimate } = state
    this.#write({ type: 'progress', phase, znodes, bytes, znodesPerSecond, estimate })
    this.#options.stdout.flush()
  }

  #write(value: object): void {
    this.#options.stdout.line(escapeJson(JSON.stringify(value, exact)))
  }
}

/** 64-bit numbers as decimal strings. */
function exact(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? value.toString() : value
}
