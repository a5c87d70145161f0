/** Goes through the logs behind a snapshot, in order, and makes sure that nothing is missing between them. */
import { basename } from 'node:path'
import { Damage } from './damage.ts'
import { FileStore } from './data-stores.ts'
import { counterOf, type DataFile, epochOf, hexZxid } from './file-names.ts'
import type { Findings } from './findings.ts'
import type { LoadedTree } from './loaded-tree.ts'
import { LogDamage, LogReader } from './log-reader.ts'
import type { Replay } from './replay.ts'
import { SeenTransactions } from './seen-transactions.ts'
import { type Transaction, TxnType } from './transaction.ts'

export interface ReplaySpan {
  /** The zxid that the tree has. */
  from: bigint
  /** The last to be applied; null for all. */
  to: bigint | null
}

export interface Replayed {
  /** The newest zxid that the tree has now. */
  zxid: bigint
  /** The first that was left alone because it lies behind `to`: its zxid and time. */
  stoppedBefore: { zxid: bigint; time: bigint } | null
  /** Something on the way is lost: told, and the tree ends before it. */
  broken: boolean
}

/** Those that can hold something behind `zxid`: from the last that begins at or before its successor on. */
export function logsAfter(logs: readonly DataFile[], zxid: bigint): DataFile[] {
  let first = 0
  logs.forEach((log, at) => {
    if (log.zxid <= zxid + 1n) first = at
  })
  return logs.slice(first)
}

export async function replayLogs(
  tree: LoadedTree,
  replay: Replay,
  logs: readonly DataFile[],
  span: ReplaySpan,
  findings: Findings,
): Promise<Replayed> {
  return new LogReplay(tree, replay, span, findings).run(logsAfter(logs, span.from))
}

class LogReplay {
  readonly #tree: LoadedTree
  readonly #replay: Replay
  readonly #from: bigint
  readonly #to: bigint | null
  readonly #findings: Findings
  readonly #seen = new SeenTransactions()
  #last: bigint
  #lastFile = ''
  #store = -1
  #repeated = false
  #stoppedBefore: Replayed['stoppedBefore'] = null
  /** The end of the log before is damaged: no loss, when the next log goes on just there. */
  #pending: LogDamage | null = null

  constructor(tree: LoadedTree, replay: Replay, { from, to }: ReplaySpan, findings: Findings) {
    this.#tree = tree
    this.#replay = replay
    this.#from = from
    this.#to = to
    this.#findings = findings
    this.#last = from
  }

  async run(logs: readonly DataFile[]): Promise<Replayed> {
    let broken = false
    try {
      for (const log of logs) {
        await this.#log(log)
        if (this.#stoppedBefore !== null) break
      }
      if (this.#pending !== null && !this.#done) throw this.#pending
    } catch (error) {
      if (!(error instanceof Damage)) throw error
      broken = true
      this.#findings.lose(
        `${sentenceOf(error)}; transactions after zxid ${hexZxid(this.#last)} are lost.`,
        error,
      )
    }
    return { zxid: this.#last, stoppedBefore: this.#stoppedBefore, broken }
  }

  /** Everything that was asked for is in the tree: what comes behind it only tells how far the snapshot can be trusted. */
  get #done(): boolean {
    return this.#to !== null && this.#last >= this.#to
  }

  async #log(file: DataFile): Promise<void> {
    try {
      await this.#readLog(file)
    } catch (error) {
      if (!(error instanceof Damage) || !this.#done) throw error
    }
  }

  async #readLog(file: DataFile): Promise<void> {
    const log = await LogReader.open(file.path)
    this.#store = -1
    try {
      for (;;) {
        try {
          if (await this.#read(log, file)) return
          break
        } catch (error) {
          if (!(error instanceof LogDamage) || this.#done) throw error
          if (!(await this.#skip(log, error))) return
        }
      }
      if (log.end.how === 'torn') {
        this.#findings.note(
          `${file.name} ends in the middle of a transaction, as after a crash: it was never complete, and is left out; the last whole one is ${hexZxid(this.#last)}.`,
        )
      }
    } finally {
      await log.close()
    }
  }

  /** True when everything that was asked for has been read. */
  async #read(log: LogReader, file: DataFile): Promise<boolean> {
    while (await log.more()) {
      for (let txn = log.next(); txn !== null; txn = log.next()) {
        const { zxid } = txn
        if (zxid <= this.#from) continue
        if (zxid <= this.#last) {
          this.#again(txn, file)
          continue
        }
        if (!this.#done) this.#follow(zxid, file)
        if (this.#to !== null && zxid > this.#to) {
          this.#stoppedBefore = { zxid, time: txn.time }
          return true
        }
        this.#apply(txn, file)
      }
    }
    return false
  }

  #apply(txn: Transaction, file: DataFile): void {
    if (this.#store < 0) this.#store = this.#tree.addStore(new FileStore(file.path))
    if (txn.type === TxnType.check) {
      this.#findings.note(
        `${file.name} holds a check outside a multi (zxid ${hexZxid(txn.zxid)}), over which servers stumble; it changes nothing and is passed over.`,
      )
    }
    this.#replay.apply(txn, this.#store)
    this.#last = txn.zxid
    this.#lastFile = file.name
    this.#seen.add(txn)
  }

  /** Logs that were gathered from several servers hold the same transactions twice; of two histories, they do not. */
  #again(txn: Transaction, file: DataFile): void {
    if (!this.#seen.has(txn)) {
      throw new Damage(
        'malformed',
        file.path,
        txn.position,
        `tells another history than ${this.#lastFile || 'the logs before it'}: zxid ${hexZxid(txn.zxid)} is not the same transaction in both`,
      )
    }
    if (!this.#repeated) {
      this.#findings.note(
        `${file.name} repeats what other logs hold, the same transactions; they were taken once.`,
      )
    }
    this.#repeated = true
  }

  #follow(zxid: bigint, file: DataFile): void {
    const pending = this.#pending
    if (pending !== null) {
      if (zxid !== this.#last + 1n) throw pending
      this.#findings.note(
        `${sentenceOf(pending)}, but ${file.name} goes on with the transaction after it (zxid ${hexZxid(zxid)}): nothing is lost.`,
      )
      this.#pending = null
    }
    if (isSuccessor(this.#last, zxid)) return
    throw new Damage(
      'malformed',
      file.path,
      0,
      `comes after a gap: ${hexZxid(this.#last)} is the last zxid before it, and its next is ${hexZxid(zxid)}`,
    )
  }

  /** Goes on behind damage when nothing of what is needed can be in it. False: not in this log. */
  async #skip(log: LogReader, damage: LogDamage): Promise<boolean> {
    const { following } = damage
    if (following !== null && following.zxid <= this.#last + 1n) {
      this.#findings.note(
        `${sentenceOf(damage)}; nothing that is needed is lost, so reading goes on at zxid ${hexZxid(following.zxid)}.`,
      )
      await log.skipTo(following.at)
      return true
    }
    if (following !== null) throw damage
    this.#pending = damage
    return false
  }
}

/** Zxids count up by one; a new leader begins its epoch with 1. */
export function isSuccessor(last: bigint, next: bigint): boolean {
  return next === last + 1n || (epochOf(next) > epochOf(last) && counterOf(next) === 1n)
}

/** Without a full stop. */
export function sentenceOf(damage: Damage): string {
  return `${basename(damage.file)} ${damage.what}`
}
