/** A file that is written beside its name, and takes it when it is whole and on disk. */
import { randomBytes } from 'node:crypto'
import {
  closeSync,
  fchmodSync,
  fsyncSync,
  openSync,
  readSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { SafetyRefusal, UsageProblem } from '../../tree/errors.ts'
import { FORMAT } from './record.ts'

const PRIVATE = 0o600
/** Where an export says that it is one. */
const HEAD_BYTES = 256

/** What was to be written is not there, and what was there before is as it was. */
export class OutputProblem extends Error {
  override name = 'OutputProblem'
}

/** What may be written over, besides an empty file: what was written by the same command before. */
export interface Ours {
  /** Completes "is no". */
  what: string
  /** Of a plain file that is not empty. */
  is(file: string): boolean
}

const EXPORT: Ours = { what: 'export', is: isExport }

export class OutputFile {
  readonly #file: string
  /** For messages. */
  readonly #name: string
  readonly #partial: string
  readonly #fd: number
  #open = true

  /** @throws UsageProblem when it cannot be there, SafetyRefusal when something else is */
  constructor(file: string, { ours = EXPORT, name = file }: { ours?: Ours; name?: string } = {}) {
    this.#name = name
    this.#file = realName(file, name)
    const mode = modeToKeep(this.#file, name, ours)
    this.#partial = `${this.#file}.${randomBytes(6).toString('hex')}.partial`
    try {
      this.#fd = openSync(this.#partial, 'wx', PRIVATE)
      // Whatever the umask says.
      fchmodSync(this.#fd, mode)
    } catch (error) {
      throw unwritable(file, name, error)
    }
  }

  /** @throws OutputProblem */
  write(text: string): void {
    try {
      writeAll(this.#fd, text)
    } catch (error) {
      throw unwritten(this.#name, error)
    }
  }

  /** @throws OutputProblem */
  publish(): void {
    try {
      fsyncSync(this.#fd)
      renameSync(this.#partial, this.#file)
      this.#close()
      const folder = openSync(dirname(this.#file), 'r')
      fsyncSync(folder)
      closeSync(folder)
    } catch (error) {
      throw unwritten(this.#name, error)
    }
  }

  /** What was not published goes. */
  discard(): void {
    if (!this.#open) return
    this.#close()
    rmSync(this.#partial, { force: true })
  }

  #close(): void {
    this.#open = false
    closeSync(this.#fd)
  }
}

export function writeAll(fd: number, text: string): void {
  const bytes = Buffer.from(text)
  for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at)
}

/** A link stays one: what it names is written. */
function realName(file: string, name: string): string {
  try {
    return statSync(file, { throwIfNoEntry: false }) === undefined
      ? join(realpathSync(dirname(file)), basename(file))
      : realpathSync(file)
  } catch (error) {
    throw unwritable(file, name, error)
  }
}

/** What is there keeps the rights that it has; a new file may hold secrets. @throws SafetyRefusal */
function modeToKeep(file: string, name: string, ours: Ours): number {
  const stats = statSync(file, { throwIfNoEntry: false })
  if (stats === undefined) return PRIVATE
  if (!stats.isFile())
    throw new SafetyRefusal(`${name} is ${stats.isDirectory() ? 'a folder' : 'no plain file'}: name a file.`)
  if (stats.size > 0 && !ours.is(file))
    throw new SafetyRefusal(
      `${name} is there, and is no ${ours.what}: it is left as it is; name another file.`,
    )
  return stats.mode & 0o777
}

function isExport(file: string): boolean {
  const fd = openSync(file, 'r')
  try {
    const head = Buffer.alloc(HEAD_BYTES)
    return head.subarray(0, readSync(fd, head)).includes(FORMAT)
  } finally {
    closeSync(fd)
  }
}

function unwritten(name: string, error: unknown): OutputProblem {
  const why = (error as NodeJS.ErrnoException).code ?? (error as Error).message
  return new OutputProblem(`${name} could not be written (${why}).`, { cause: error })
}

function unwritable(file: string, name: string, error: unknown): unknown {
  const { code } = error as NodeJS.ErrnoException
  if (code === undefined) return error
  const why = code === 'ENOENT' ? `there is no folder ${dirname(file)}` : code
  return new UsageProblem(`${name} cannot be written (${why}).`, { cause: error })
}
