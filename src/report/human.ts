/** For people: data (differences, plans, digests) on stdout, everything else on stderr. */
import type { JobEvent } from '../tree/events.ts'
import { type Display, holdingLine, noDisplay, slowedLine, waitingLine } from './display.ts'
import { escapePath, escapeText } from './escape.ts'
import type { Output } from './output.ts'
import type { Printer } from './printer.ts'
import type { ProgressModel } from './progress.ts'
import type { Summary } from './summary.ts'
import { type Places, type Plan, ticket } from './ticket.ts'
import { formatBytes, formatCount } from './units.ts'

export interface HumanPrinterOptions {
  stdout: Output
  stderr: Output
  progress: ProgressModel
  display?: Display
  quiet: boolean
  verbose: boolean
  /** There is one location, which is called neither source nor target. */
  single?: boolean
}

/** A tree full of ephemerals should not bury the summary; the journal and `--json` have them all. */
const SKIPPED_SHOWN = 50
/** For people only, where `source` would be a riddle. */
const LOCATION = 'location' as Extract<JobEvent, { type: 'failed' }>['side']

export class HumanPrinter implements Printer {
  readonly #options: HumanPrinterOptions
  readonly #display: Display
  readonly #skipped = new Map<string, number>()
  readonly #notes: string[] = []
  readonly #plan: Plan = new Map()
  #places: Places | null = null

  constructor(options: HumanPrinterOptions) {
    this.#options = options
    this.#display = options.display ?? noDisplay
  }

  event(told: JobEvent): void {
    const event = this.#options.single && 'side' in told ? { ...told, side: LOCATION } : told
    this.#options.progress.see(event)
    switch (event.type) {
      case 'run':
        return this.#run(event)
      case 'phase':
        return this.trace(`phase: ${event.phase}`)
      case 'difference':
        return this.#data(`${event.what.join(',')}  ${escapePath(event.path)}`)
      case 'digest':
        return this.#data(`${event.digest}  ${escapePath(event.path)}`)
      case 'plan':
        return this.#planned(event)
      case 'skipped':
        return this.#skip(event)
      case 'failed':
        // Even with --quiet: what went wrong is never kept back.
        return this.#log(
          `failed  ${escapePath(event.path)}  (${event.side}, ${escapeText(`${event.code}: ${event.message}`)})`,
        )
      case 'waiting':
        return this.#say(waitingLine(event))
      case 'holding':
        return this.#say(holdingLine(event))
      case 'slowed':
        return this.#say(slowedLine(event))
      case 'note':
        this.#notes.push(event.message)
        return event.loud ? this.#log(noteLine(event)) : this.#say(noteLine(event))
      case 'survived':
        return this.trace(
          `survived at the ${event.side}: ${event.what} +${Math.round(event.amount * 10) / 10}`,
        )
      case 'combined':
        return
    }
  }

  data(_record: { type: string }, lines: readonly string[]): void {
    for (const line of lines) this.#data(line)
  }

  trace(text: string): void {
    if (this.#options.verbose) this.#log(escapeText(text))
  }

  say(text: string): void {
    this.#say(escapeText(text))
  }

  pause(): void {
    this.#display.pause()
    this.#options.stdout.flush()
  }

  resume(): void {
    this.#display.resume()
  }

  finish(summary: Summary, sentence: string | null): void {
    this.#display.stop()
    this.#options.stdout.flush()
    // A refusal before anything began has nothing to count.
    if (!this.#options.quiet && this.#places && summary.status !== 'refused') {
      const lines = ticket(summary, {
        places: this.#places,
        skipped: this.#skipped,
        plan: this.#plan,
        notes: this.#notes,
      })
      for (const line of lines) this.#options.stderr.line(line)
    }
    if (sentence !== null) this.#options.stderr.line(`zkferry: ${escapeText(sentence)}`)
  }

  #run(event: Extract<JobEvent, { type: 'run' }>): void {
    this.#places = { source: event.source, target: event.target }
    if (event.runId === null) return
    this.#say(
      event.resumed
        ? `resuming run ${escapeText(event.runId)}: what is done already is not read again`
        : `run ${escapeText(event.runId)}`,
    )
  }

  #planned(event: Extract<JobEvent, { type: 'plan' }>): void {
    const total = this.#plan.get(event.action) ?? { znodes: 0, bytes: 0 }
    total.znodes++
    total.bytes += event.bytes
    this.#plan.set(event.action, total)
    const size = event.steps === undefined ? formatBytes(event.bytes) : `+${formatCount(event.steps)}`
    const where = event.above ? '  (above the target root)' : ''
    this.#data(`${event.action.padEnd(7)}  ${size.padStart(7)}  ${escapePath(event.path)}${where}`)
  }

  #skip(event: Extract<JobEvent, { type: 'skipped' }>): void {
    const count = (this.#skipped.get(event.reason) ?? 0) + 1
    this.#skipped.set(event.reason, count)
    if (count <= SKIPPED_SHOWN || this.#options.verbose) {
      this.#say(`skipped  ${escapePath(event.path)}  (${escapeText(event.reason)})`)
    } else if (count === SKIPPED_SHOWN + 1) {
      this.#say(
        `more than ${formatCount(SKIPPED_SHOWN)} skipped (${escapeText(event.reason)}): --verbose or --json lists them all`,
      )
    }
  }

  #data(line: string): void {
    // Only a display on the same screen is in the way.
    if (this.#options.stdout.isTerminal) this.#display.clear()
    this.#options.stdout.line(line)
  }

  #say(line: string): void {
    if (!this.#options.quiet) this.#log(line)
  }

  #log(line: string): void {
    this.#display.clear()
    this.#options.stderr.line(line)
  }
}

function noteLine({ message }: { message: string }): string {
  return `note: ${escapeText(message)}`
}
