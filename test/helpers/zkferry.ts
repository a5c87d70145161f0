/** Runs `zkferry … --json` as a script would, and gives its NDJSON parsed. */
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readJournal } from '../../src/journal/index.ts'
import { JournalProblem } from '../../src/tree/errors.ts'
import type { Survived } from '../../src/tree/events.ts'
import { type CliOptions, cli } from '../cli/run-cli.ts'

export type Line = { type: string } & Record<string, unknown>

export interface Summary {
  status: string
  exitCode: number
  message?: string
  znodes: Record<'read' | 'created' | 'updated' | 'unchanged' | 'deleted' | 'skipped' | 'failed', number>
  bytes: { read: number; written: number }
  directories: number
  steps: number
  digest: { source: string | null; target: string | null }
  differences: number
  sourceMoved: number
  consistency: string
  reconnects: number
  survived: Survived
  runId: string | null
  journal: string | null
  undo: string | null
}

export interface Outcome {
  code: number | null
  stderr: string
  lines: Line[]
  summary: Summary
  /** The lines of one type, without their `type`. */
  of(type: string): Record<string, unknown>[]
  /** `path: what` of each difference, sorted. */
  differences(): string[]
  /** `path: reason` of each skipped znode, sorted. */
  skipped(): string[]
}

export async function zkferry(args: string[], options: CliOptions = {}): Promise<Outcome> {
  const { code, stderr, stdout } = await cli([...args, '--json'], options)
  const lines = stdout
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Line)
  const of = (type: string) =>
    lines.filter((line) => line.type === type).map(({ type: _, ...fields }) => fields)
  return {
    code,
    stderr,
    lines,
    summary: lines.at(-1) as unknown as Summary,
    of,
    differences: () =>
      of('difference')
        .map(({ path, what }) => `${path}: ${(what as string[]).join(' ')}`)
        .sort(),
    skipped: () =>
      of('skipped')
        .map(({ path, reason }) => `${path}: ${reason}`)
        .sort(),
  }
}

/** stdout of a job that has some znodes done. */
export const SOME_DONE = /"type":"progress".*"znodes":[1-9]/
/** stdout of an rmr that is deleting. */
export const DELETING = /"type":"progress","phase":"delete"/

/** Runs a command and sends it a signal once its stdout matches. */
export function zkferryUntil(args: string[], when: RegExp, signal: NodeJS.Signals): Promise<Outcome> {
  let [stdout, sent] = ['', false]
  return zkferry([...args, '--progress'], {
    onStart: (child) => {
      child.stdout?.on('data', (text: string) => {
        stdout += text
        if (sent || !when.test(stdout)) return
        sent = true
        child.kill(signal)
      })
    },
  })
}

/** Kills a command once its journal knows the directory. */
export function killedAt(directory: string, journal: string, args: string[]): Promise<Outcome> {
  return zkferry(args, {
    onStart: (child) => {
      const timer = setInterval(() => {
        if (knows(journal, directory)) child.kill('SIGKILL')
      }, 20)
      child.on('exit', () => clearInterval(timer))
    },
  })
}

function knows(file: string, directory: string): boolean {
  try {
    const journal = readJournal(file)
    try {
      const run = journal.latest()
      return run !== null && journal.directory(run.id, directory) !== null
    } finally {
      journal.close()
    }
  } catch (error) {
    // It is just being made.
    if (error instanceof JournalProblem) return false
    throw error
  }
}

/** Runs a command, and something else once its stdout matches. */
export async function meanwhile(args: string[], when: RegExp, act: () => Promise<void>): Promise<Outcome> {
  let stdout = ''
  let acting: Promise<void> | null = null
  const outcome = await zkferry([...args, '--progress'], {
    onStart: (child) => {
      child.stdout?.on('data', (text: string) => {
        stdout += text
        if (when.test(stdout)) acting ??= act()
      })
    },
  })
  if (acting === null) throw new Error(`it never came to ${when}: ${outcome.stderr}`)
  await acting
  return outcome
}

/** A journal file that does not exist yet, in a folder of its own. */
export function freshJournal(): string {
  return join(mkdtempSync(join(tmpdir(), 'zkferry-journal-')), 'run.journal')
}
