/** The journal as the process has it that works with it: one at a time. */
import { randomBytes } from 'node:crypto'
import { hostname } from 'node:os'
import Database from 'better-sqlite3'
import type { RootIdentity } from '../tree/contracts.ts'
import { JournalProblem } from '../tree/errors.ts'
import { type Lock, takeLock } from './lock.ts'
import { guarded, isHalfMade } from './problems.ts'
import { readJournal, StoredJournal } from './reader.ts'
import { storeIdentity } from './rows.ts'
import { Run } from './run.ts'
import { checkFolder, checkPlainFile, keepPrivate, makePrivate } from './safe-file.ts'
import { canonicalOptions } from './same-job.ts'
import { checkKind, migrate } from './schema.ts'
import type { Journal, RunInfo, RunSetup } from './types.ts'

const ID_LETTERS = 'abcdefghijkmnpqrstuvwxyz23456789'
const ID_LENGTH = 8

/**
 * Opens the journal for work, making it when it is missing, and keeps all others out until `close` or the end of the
 * process. `holder.command` is what another process is told; it must hold no secret.
 * @throws JournalProblem when it is locked, damaged, of a newer layout, not a journal, or cannot be written.
 */
export function openJournal(file: string, holder: { command: string }): Journal {
  checkFolder(file)
  checkOurs(file)
  const lock = takeLock(file)
  if (lock === null) throw new JournalProblem(describeHolder(file))
  try {
    makePrivate(file)
    return guarded(file, () => open(file, lock, holder.command))
  } catch (error) {
    lock.release()
    throw error
  }
}

/** Before anything is made or changed beside a file that may be somebody else's. */
function checkOurs(file: string): void {
  const size = checkPlainFile(file)?.size ?? 0
  if (size === 0) return
  const db = guarded(file, () => new Database(file, { readonly: true }))
  try {
    guarded(file, () => checkKind(db, file))
  } catch (error) {
    // Whoever opens it next plays it back, as we do now; then it is looked at again.
    if (!isHalfMade(error)) throw error
  } finally {
    db.close()
  }
}

function open(file: string, lock: Lock, command: string): Journal {
  keepPrivate(file)
  const db = new Database(file)
  try {
    migrate(db, file)
    const health = db.pragma('quick_check(1)', { simple: true })
    if (health !== 'ok') {
      const sentence = `The journal ${file} is damaged; it is left as it is, name another file with --journal.`
      throw new JournalProblem(sentence, { cause: health })
    }
    db.pragma('journal_mode = WAL')
    // A power cut may take the last batches, never half of one: they are work that is done again, not lost.
    db.pragma('synchronous = NORMAL')
    db.pragma('secure_delete = ON')
    // Whoever ran before us is dead, or we had not got the lock.
    db.prepare(`UPDATE runs SET state = 'interrupted' WHERE state = 'running'`).run()
    db.prepare('INSERT OR REPLACE INTO holder VALUES (1, ?, ?, ?, ?)').run(
      process.pid,
      hostname(),
      command,
      Date.now(),
    )
    return new LockedJournal(file, db, lock)
  } catch (error) {
    db.close()
    throw error
  }
}

class LockedJournal extends StoredJournal implements Journal {
  readonly #lock: Lock

  constructor(file: string, db: Database.Database, lock: Lock) {
    super(file, db)
    this.#lock = lock
  }

  begin(setup: RunSetup): Run {
    const id = this.#newId()
    guarded(this.file, () =>
      this.db
        .prepare(
          `INSERT INTO runs (id, command, version, source, target, source_identity, target_identity, options, state, started, wrote)
           VALUES (?, ?, ?, ?, ?, ?, ?, ?, 'running', ?, 0)`,
        )
        .run(
          id,
          setup.command,
          setup.version,
          setup.source,
          setup.target,
          storeIdentity(setup.sourceIdentity),
          setup.targetIdentity === null ? null : storeIdentity(setup.targetIdentity),
          canonicalOptions(setup.options),
          Date.now(),
        ),
    )
    return this.open(id)
  }

  resume(id: string): Run {
    const info = this.#known(id)
    if (info.state !== 'interrupted') {
      throw new JournalProblem(
        `Run ${id} of the journal ${this.file} is ${info.state} and cannot be resumed.`,
      )
    }
    guarded(this.file, () => this.db.prepare(`UPDATE runs SET state = 'running' WHERE id = ?`).run(id))
    return this.open(id)
  }

  open(id: string): Run {
    this.#known(id)
    return new Run(this.file, this.db, this, id)
  }

  discard(): void {
    const unfinished = this.runs().filter((run) => run.state === 'interrupted' || run.state === 'running')
    for (const run of unfinished) this.open(run.id).abandon()
  }

  forgetIntentsElsewhere(target: RootIdentity | null): void {
    guarded(this.file, () =>
      this.db
        .prepare(
          `DELETE FROM intents WHERE run IN
             (SELECT number FROM runs WHERE target_identity IS NOT NULL AND target_identity <> ?)`,
        )
        .run(target === null ? '' : storeIdentity(target)),
    )
  }

  override close(): void {
    if (!this.db.open) return
    try {
      guarded(this.file, () => {
        this.db.prepare('DELETE FROM holder').run()
        this.db.pragma('wal_checkpoint(TRUNCATE)')
      })
    } finally {
      super.close()
      this.#lock.release()
    }
  }

  protected override isHeld(): boolean {
    return true
  }

  #known(id: string): RunInfo {
    const info = this.run(id)
    if (info === null) throw new JournalProblem(`The journal ${this.file} has no run ${id}.`)
    return info
  }

  #newId(): string {
    for (;;) {
      const id = Array.from(randomBytes(ID_LENGTH), (byte) => ID_LETTERS[byte % ID_LETTERS.length]).join('')
      if (this.run(id) === null) return id
    }
  }
}

function describeHolder(file: string): string {
  const holder = whoHolds(file)
  if (holder === null)
    return `The journal ${file} is in use by another process; wait for it, or name another file with --journal.`
  const { pid, host, command, since } = holder
  return `The journal ${file} is in use by "${command}", process ${pid} on ${host} since ${since.toISOString()}; wait for it, or name another file with --journal.`
}

function whoHolds(file: string) {
  try {
    const journal = readJournal(file)
    try {
      return journal.holder()
    } finally {
      journal.close()
    }
  } catch {
    // It may be just being made. That it is locked is what matters.
    return null
  }
}
