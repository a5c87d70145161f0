/**
 * What a job overwrites or deletes, kept in an archive of its own while it runs: made with the first znode, in its
 * final place from the start. Those who wait for it at the same time share one sync.
 */
import { setImmediate } from 'node:timers/promises'
import type { Former, UndoRecord } from '../../tree/contracts.ts'
import { JournalProblem } from '../../tree/errors.ts'
import { openArchive, statOf } from './archive-file.ts'
import type { Origin } from './generation.ts'
import { ArchiveProblem } from './problems.ts'
import { RowsWriter } from './rows.ts'

export interface UndoSetup {
  file: string
  /** The job whose undo this is, with the location's name as its source. */
  origin: Omit<Origin, 'status' | 'message'>
  /** Called before the file is made. */
  made: (file: string) => void
  /** Called once a file that was made holds something on disk: from then on it is needed. */
  holds: (file: string) => void
}

export class UndoFile implements UndoRecord {
  readonly #setup: UndoSetup
  #rows: RowsWriter | null
  #syncing: Promise<void> = Promise.resolve()
  #waiting: Promise<void> | null = null
  #failure: unknown = null
  #told: boolean
  /** Of what was kept, how many ACLs the server has masked: those cannot be brought back. */
  masked = 0

  /** `rows`: of the part that was broken off. */
  private constructor(setup: UndoSetup, rows: RowsWriter | null) {
    this.#setup = setup
    this.#rows = rows
    this.#told = rows !== null
  }

  /** Nothing is made before something is kept. */
  static anew(setup: UndoSetup): UndoFile {
    return new UndoFile(setup, null)
  }

  /**
   * Goes on with what an earlier part of the job kept; where that is nothing, it is made like a new one.
   * @throws JournalProblem when the file is there and is not such an archive any more.
   */
  static async resume(setup: UndoSetup): Promise<UndoFile> {
    const { file } = setup
    if ((statOf(file)?.size ?? 0) === 0) return new UndoFile(setup, null)
    try {
      return new UndoFile(setup, RowsWriter.of(await openArchive(file, async () => null, 'write')))
    } catch (error) {
      if (!(error instanceof ArchiveProblem)) throw error
      const why = error.message.replace(/\.$/, '')
      throw new JournalProblem(
        `What this run overwrote so far cannot be read (${why}); name another file with --undo.`,
        { cause: error },
      )
    }
  }

  /** `null` while there is nothing to bring back. */
  get file(): string | null {
    return this.held > 0 ? this.#setup.file : null
  }

  /** Znodes that can be brought back. */
  get held(): number {
    return this.#rows?.held ?? 0
  }

  keep(znodes: readonly { path: string; former: Former }[]): boolean[] {
    if (znodes.length === 0) return []
    for (const { former } of znodes) if (former.acl.masked) this.masked++
    return this.#trying((rows) => znodes.map(({ path, former }) => rows.put(path, former)))
  }

  release(paths: readonly string[]): void {
    if (this.#rows === null || paths.length === 0) return
    this.#trying((rows) => {
      for (const path of paths) rows.release(path)
    })
  }

  synced(): Promise<void> {
    if (this.#failure !== null) return Promise.reject(this.#failure)
    // One sync is for all who have come by the time it begins.
    this.#waiting ??= this.#syncing
      .catch(() => {})
      .then(() => setImmediate())
      .then(() => {
        this.#waiting = null
        this.#syncing = this.#sync()
        return this.#syncing
      })
    return this.#waiting
  }

  forget(): void {
    this.#rows?.discard()
    this.#rows = null
  }

  /** The archive becomes a single file again, or goes when there is nothing in it. */
  close(status: string, message: string): void {
    const rows = this.#rows
    if (rows === null) return
    // On a full disk it stays as it is, with SQLite's files beside it.
    if (this.#failure !== null) return rows.close()
    rows.finish(status, message)
    if (rows.held === 0) this.forget()
  }

  async #sync(): Promise<void> {
    try {
      await this.#rows?.sync()
    } catch (error) {
      this.#failure ??= asProblem(this.#setup.file, error)
      throw this.#failure
    }
    if (this.#told || this.held === 0) return
    this.#told = true
    this.#setup.holds(this.#setup.file)
  }

  #trying<T>(work: (rows: RowsWriter) => T): T {
    if (this.#failure !== null) throw this.#failure
    try {
      this.#rows ??= this.#make()
      return work(this.#rows)
    } catch (error) {
      this.#failure = asProblem(this.#setup.file, error)
      throw this.#failure
    }
  }

  #make(): RowsWriter {
    const { file, origin, made } = this.#setup
    made(file)
    return RowsWriter.make(file, { ...origin, status: 'open', message: '' })
  }
}

function asProblem(file: string, error: unknown): unknown {
  if (error instanceof JournalProblem) return error
  const why = whyOf(error)
  if (why === undefined) return error
  return new JournalProblem(
    `The undo file ${file} cannot be written (${why}), so nothing more is overwritten or deleted; make room and run the same command again, name another file with --undo, or keep nothing with --no-undo.`,
    { cause: error },
  )
}

/** Of the file system's errors and SQLite's, also as an archive tells them; `undefined` for what nobody expected. */
function whyOf(error: unknown): string | undefined {
  if (error instanceof ArchiveProblem)
    return error.cause === undefined ? error.message.replace(/\.$/, '') : whyOf(error.cause)
  const { code } = error as NodeJS.ErrnoException
  return code !== undefined && /FULL|SHMSIZE|ENOSPC|EDQUOT/.test(code) ? 'its disk is full' : code
}
