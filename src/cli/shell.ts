/**
 * What surrounds a job: its printer, its signals, its locations, and its end. A job that is refused, fails or is
 * interrupted ends with the same summary as one that is done.
 */

import { escapeText } from '../report/escape.ts'
import { unwritten } from '../report/output.ts'
import type { Printer } from '../report/printer.ts'
import { summarise } from '../report/summary.ts'
import type { TreeSource } from '../tree/contracts.ts'
import { Interrupted, LocationProblem } from '../tree/errors.ts'
import { type JobContext, type JobEvent, type JobResult, newCounts } from '../tree/events.ts'
import { withLosses } from '../tree/losses.ts'
import { ask } from './confirm.ts'
import { type Circumstances, ExitCode, exitCodeOfStatus, outcomeOfError } from './exit-codes.ts'
import type { Io } from './io.ts'
import { LocationWords } from './location-words.ts'
import { makePrinter, type OutputFlags } from './output-options.ts'
import { sentenceFor } from './sentence.ts'
import { listenForSignals, type Signals } from './signals.ts'
import { version } from './version.ts'

export interface JobRequest {
  command: string
  flags: OutputFlags
  singleLocation: boolean
  /** It is compared with another one, so that it has to be called source or target all the same. */
  compares?: boolean
}

const MASKED =
  'Servers have shown some ACLs masked (user:x), so the undo file has not got them whole; with --no-acl it brings back everything else.'

/** How long what is in flight may take after the first signal. The journal stands it, whatever is cut off. */
const GRACE_MS = 5_000
const CLOSE_MS = 2_000

export interface KeepsUndo {
  /** `null` while there is nothing in it. */
  readonly file: string | null
  readonly masked: number
  close(status: string, message: string): void
}

export class Shell {
  readonly context: JobContext
  readonly io: Io
  readonly words = new LocationWords()
  readonly #command: string
  readonly #printer: Printer
  readonly #closing: (() => unknown)[] = []
  readonly #trees: TreeSource[] = []
  #undo: KeepsUndo | null = null
  #begun: Extract<JobEvent, { type: 'run' }> | null = null

  constructor(command: string, io: Io, printer: Printer, context: Omit<JobContext, 'emit'>) {
    this.#command = command
    this.io = io
    this.#printer = printer
    this.context = { ...context, emit: (event) => this.#emit(event) }
  }

  /** The `run` event, once the job has begun. */
  get begun(): Extract<JobEvent, { type: 'run' }> | null {
    return this.#begun
  }

  get reconnects(): number {
    return this.#trees.reduce((sum, tree) => sum + tree.reconnects, 0)
  }

  get throttled(): number {
    return this.#trees.reduce((sum, tree) => sum + tree.throttled, 0)
  }

  /** What keeps what the job overwrites: its file is in the summary. */
  keepsUndo<T extends KeepsUndo>(undo: T): T {
    this.#undo = undo
    return undo
  }

  get undoFile(): string | null {
    return this.#undo?.file ?? null
  }

  /** The job will overwrite nothing any more. */
  endUndo({ status, message }: JobResult): void {
    try {
      this.#undo?.close(status, message)
      if (this.undoFile !== null && (this.#undo?.masked ?? 0) > 0)
        this.#emit({ type: 'note', message: MASKED })
    } catch (error) {
      // What was kept is on disk all the same, with SQLite's files beside it.
      this.trace(`while closing the undo file: ${error}`)
    }
  }

  withLosses(result: JobResult): JobResult {
    return this.#trees.reduce(withLosses, result)
  }

  /** A sentence on stderr, in every format. */
  say(text: string): void {
    this.#printer.say(text)
  }

  trace(text: string): void {
    this.#printer.trace(text)
  }

  /** Data that no job event carries: `record` for programs, `lines` (escaped) for people. */
  data(record: { type: string }, lines: readonly string[]): void {
    this.#printer.data(record, lines)
  }

  /** A location of the job: its reconnects are counted, and it is closed at the end. */
  own<T extends TreeSource>(tree: T): T {
    this.#trees.push(tree)
    return this.onEnd(tree, () => tree.close())
  }

  /** Something to close at the end, the latest first. */
  onEnd<T>(thing: T, close: () => unknown): T {
    this.#closing.push(close)
    return thing
  }

  async ask(question: string): Promise<boolean> {
    this.#printer.pause()
    try {
      return await ask(
        escapeText(question),
        { input: this.io.stdin, output: process.stderr },
        this.context.signal,
      )
    } finally {
      this.#printer.resume()
    }
  }

  async close(): Promise<void> {
    const late = new Promise((resolve) => setTimeout(resolve, CLOSE_MS).unref())
    for (const close of this.#closing.splice(0).reverse()) {
      // The result stands already; a session that cannot be closed ends by its timeout.
      await Promise.race([Promise.resolve().then(close), late]).catch((error) =>
        this.trace(`while closing: ${error}`),
      )
    }
  }

  #emit(event: JobEvent): void {
    if (event.type === 'survived') this.#count(event)
    if (event.type !== 'run') return this.#printer.event(event)
    if (this.#begun) return
    // A zkcopy is a copy to the job, and a zkcopy to the user.
    this.#begun = { ...event, command: this.#command, version: version() }
    this.#printer.event(this.#begun)
  }

  /** In the job's own counts, which go into its journal. */
  #count({ what, amount }: Extract<JobEvent, { type: 'survived' }>): void {
    const { survived } = this.context.counts
    survived[what] = Math.round((survived[what] + amount) * 10) / 10
    if (what === 'waitedSeconds') survived.waits++
  }
}

/** Runs a job to its end, whatever the end is, and hands its exit code to `main`. Never throws. */
export async function runJob(
  request: JobRequest,
  io: Io,
  job: (shell: Shell) => Promise<JobResult>,
): Promise<void> {
  const started = performance.now()
  const counts = newCounts()
  const signals = listenForSignals(io.exitNow)
  const printer = await makePrinter(request.flags, counts, io, request.singleLocation && !request.compares)
  const shell = new Shell(request.command, io, printer, { counts, signal: signals.signal })
  signals.onFirst((name) => shell.say(`${name}: finishing what is in flight; once more ends at once`))

  let result: JobResult
  let error: unknown = null
  try {
    result = shell.withLosses(await Promise.race([job(shell), crash(io), graceAfter(signals)]))
  } catch (thrown) {
    // A connection that breaks off because the user stopped the job is no failure of the ensemble.
    error =
      signals.received && thrown instanceof LocationProblem
        ? new Interrupted('', { cause: thrown })
        : await shell.words.explained(thrown)
    const { status } = outcomeOfError(error, circumstances(request, signals, shell))
    result = {
      status,
      message: '',
      counts,
      digest: { source: null, target: null },
      sourceMoved: 0,
      consistency: 'unknown',
    }
  }
  shell.endUndo(result)
  await shell.close()
  await io.stdout.drained()
  if (io.stdout.failure !== null)
    result = withUnwritten(result, unwritten('The output', io.stdout.failure), shell)
  signals.stop()

  const around = circumstances(request, signals, shell)
  const exitCode =
    error === null ? exitCodeOfStatus(result.status, around) : outcomeOfError(error, around).exitCode
  const journal = shell.begun?.journal ?? null
  const verbose = request.flags.verbose === true
  const { line, stack } = sentenceFor({ error, result, exitCode, journal, verbose })
  const sentence = shell.words.renamed(line)
  const summary = summarise(
    { ...result, message: sentence },
    {
      command: request.command,
      exitCode,
      reconnects: shell.reconnects,
      throttled: shell.throttled,
      seconds: (performance.now() - started) / 1000,
      runId: shell.begun?.runId ?? null,
      journal,
      undo: shell.undoFile,
    },
  )
  for (const frame of stack) shell.trace(frame)
  printer.finish(summary, exitCode === ExitCode.done ? null : sentence)
  io.done(exitCode)
}

/** A result whose lines did not all arrive. Where the job itself has worse to say, that stays what the result says. */
export function withUnwritten(result: JobResult, sentence: string, shell: Shell): JobResult {
  if (['done', 'identical', 'different'].includes(result.status))
    return { ...result, status: 'incomplete', message: sentence }
  shell.say(sentence)
  return result
}

function circumstances(request: JobRequest, signals: Signals, shell: Shell): Circumstances {
  return {
    signal: signals.received,
    singleLocation: request.singleLocation,
    begun: shell.begun !== null,
  }
}

function crash(io: Io): Promise<never> {
  return new Promise((_, reject) => io.onCrash(reject))
}

/** Rejects when a job has not come to its end in time after the first signal. */
function graceAfter(signals: Signals): Promise<never> {
  return new Promise((_, reject) => {
    signals.onFirst(() => {
      setTimeout(() => reject(new Interrupted('')), GRACE_MS).unref()
    })
  })
}
