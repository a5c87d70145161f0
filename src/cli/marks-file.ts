/**
 * The file of `verify --combined`. A plain one is written beside its name and takes it when the job has come to its end;
 * a device or a pipe gets its lines as they come.
 */
import { closeSync, openSync, readSync, statSync } from 'node:fs'
import { type Ours, OutputFile, OutputProblem, writeAll } from '../locations/export/output-file.ts'
import { unwritten } from '../report/output.ts'
import { UsageProblem } from '../tree/errors.ts'

const GATHER = 64 * 1024

const MARKS: Ours = { what: 'list of an earlier --combined', is: isMarks }

/** A disk that is full does not end the job: nothing more is written, and `failure` says so. */
export class MarksFile {
  readonly #sink: OutputFile | Device
  readonly #name: string
  #pending = ''
  #failure: string | null = null

  /** @throws UsageProblem when it cannot be there, SafetyRefusal when something else is */
  constructor(file: string) {
    this.#name = `--combined ${file}`
    this.#sink = isDevice(file)
      ? new Device(file, this.#name)
      : new OutputFile(file, { ours: MARKS, name: this.#name })
  }

  /** The sentence for what could not be written. */
  get failure(): string | null {
    return this.#failure
  }

  line(text: string): void {
    this.#pending += `${text}\n`
    if (this.#pending.length >= GATHER) this.flush()
  }

  flush(): void {
    const text = this.#pending
    this.#pending = ''
    this.#trying(() => this.#sink.write(text))
  }

  publish(): void {
    this.flush()
    this.#trying(() => this.#sink.publish())
  }

  /** What was not published goes, and what was there before stays. */
  discard(): void {
    // A pipe gets what is known by now.
    this.flush()
    this.#sink.discard()
  }

  #trying(work: () => void): void {
    if (this.#failure !== null) return
    try {
      work()
    } catch (error) {
      this.#failure =
        error instanceof OutputProblem
          ? error.message
          : unwritten(this.#name, (error as NodeJS.ErrnoException).code ?? String(error))
    }
  }
}

class Device {
  readonly #fd: number
  #open = true

  constructor(file: string, name: string) {
    try {
      this.#fd = openSync(file, 'w')
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      throw new UsageProblem(`${name} cannot be written (${code}).`, { cause: error })
    }
  }

  write(text: string): void {
    writeAll(this.#fd, text)
  }

  publish(): void {
    this.discard()
  }

  discard(): void {
    if (!this.#open) return
    this.#open = false
    closeSync(this.#fd)
  }
}

function isDevice(file: string): boolean {
  try {
    const stats = statSync(file, { throwIfNoEntry: false })
    return stats !== undefined && !stats.isFile() && !stats.isDirectory()
  } catch {
    // What is wrong with it is said by whoever opens it.
    return false
  }
}

/** Every line is a mark and a path; the last one may have been cut off. */
function isMarks(file: string): boolean {
  const fd = openSync(file, 'r')
  try {
    const chunk = Buffer.alloc(GATHER)
    // Of a line that goes on in the next chunk only its beginning matters.
    let begun = ''
    for (let size = readSync(fd, chunk); size > 0; size = readSync(fd, chunk)) {
      const lines = (begun + chunk.toString('latin1', 0, size)).split('\n')
      begun = (lines.pop() as string).slice(0, 2)
      if (!lines.every(isMarked)) return false
    }
    return begun === '' || isMarked(begun)
  } finally {
    closeSync(fd)
  }
}

function isMarked(line: string): boolean {
  return /^[=*+!-] /.test(line)
}
