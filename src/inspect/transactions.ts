/** What the logs say of who changed what, and when. */
import { Damage } from '../locations/datadir/damage.ts'
import type { DataFile } from '../locations/datadir/file-names.ts'
import type { DatadirFiles } from '../locations/datadir/load.ts'
import { LogReader } from '../locations/datadir/log-reader.ts'
import type { DecodedTransaction, Operation, Transaction } from '../locations/datadir/transaction.ts'
import { decodeAcl } from '../zookeeper/wire/records.ts'
import { Ephemerals } from './ephemerals.ts'
import { type Moment, serverOf, type TransactionFacts } from './facts.ts'
import { readLog } from './log-facts.ts'

/** A moment as the user names it. */
export type Bound = { zxid: bigint } | { time: bigint }

export interface TransactionOptions {
  /** Of absolute paths; `null` for all operations, also those without a path. */
  path: ((path: string) => boolean) | null
  since: Bound | null
  until: Bound | null
  /** Data are told, too. */
  data: boolean
}

export interface TransactionHands {
  /** Whatever is a buffer in it is valid during the call only. */
  tell(fact: TransactionFacts): void
  damaged(damage: Damage): void
  /** Waited for every now and then; false ends the reading. */
  turn(): Promise<boolean>
}

export interface Listing {
  transactions: number
  listed: number
  first: Moment | null
  last: Moment | null
}

/** The transactions of all logs, in order, each once. */
export async function listTransactions(
  files: DatadirFiles,
  options: TransactionOptions,
  hands: TransactionHands,
): Promise<Listing> {
  const lister = new Lister(options, hands)
  await lister.prepare(files)
  let last = -1n
  for (const file of lister.needed(files.logs)) {
    const each = (txn: Transaction) => {
      // Logs that were gathered from several servers hold the same transactions.
      if (txn.zxid <= last) return undefined
      last = txn.zxid
      return lister.add(txn)
    }
    await readLog(file, each, hands.damaged, hands.turn)
    if (lister.done) break
  }
  return lister.listing
}

type OperationFacts = Pick<TransactionFacts, 'op' | 'path'> & Partial<TransactionFacts>

class Lister {
  readonly listing: Listing = { transactions: 0, listed: 0, first: null, last: null }
  /** Everything that comes is behind the span. */
  done = false
  readonly #options: TransactionOptions
  readonly #hands: TransactionHands
  #ephemerals: Ephemerals | null = null

  constructor(options: TransactionOptions, hands: TransactionHands) {
    this.#options = options
    this.#hands = hands
  }

  /** Logs without digests may be of servers that do not write down which ephemerals end with a session. */
  async prepare({ snapshots, logs }: DatadirFiles): Promise<void> {
    let begin: bigint | null = null
    let old = false
    for (const file of logs) {
      const first = await firstOf(file)
      if (first === null) continue
      begin ??= first.zxid
      old ||= !first.digest
    }
    if (!old || begin === null) return
    this.#ephemerals = new Ephemerals(this.#options.path ?? (() => true))
    const start = begin
    const snapshot = snapshots.filter(({ zxid }) => zxid <= start).at(-1) ?? snapshots[0]
    if (snapshot === undefined) return
    try {
      await this.#ephemerals.load(snapshot, start)
    } catch (error) {
      if (!(error instanceof Damage)) throw error
      this.#hands.damaged(error)
    }
  }

  /** Those that can hold something of the span. */
  needed(logs: readonly DataFile[]): readonly DataFile[] {
    const { since } = this.#options
    if (since === null || !('zxid' in since) || this.#ephemerals !== null) return logs
    const first = logs.findLastIndex(({ zxid }) => zxid <= since.zxid)
    return first < 0 ? logs : logs.slice(first)
  }

  /** False when everything that comes is behind the span. */
  add(txn: Transaction): boolean {
    const { since, until } = this.#options
    if (until !== null && isBehind(txn, until)) {
      // Clocks of two leaders may differ, zxids do not.
      if ('zxid' in until) this.done = true
      return !this.done
    }
    const listed = since === null || !isBefore(txn, since)
    if (!listed && this.#ephemerals === null) return true
    const decoded = txn.decode()
    const ended = this.#follow(txn, decoded)
    if (listed) this.#list(txn, decoded, ended)
    return true
  }

  /** Which ephemerals end with it, where the log does not say so. */
  #follow({ session }: Transaction, { operations, failed }: DecodedTransaction): string[] | null {
    if (this.#ephemerals === null || failed) return null
    for (const operation of operations) {
      if (operation.op === 'create' && operation.kind === 'ephemeral')
        this.#ephemerals.add(session, operation.path)
      if (operation.op === 'delete') this.#ephemerals.remove(operation.path)
      if (operation.op === 'closeSession') return this.#ephemerals.end(session)
    }
    return null
  }

  #list(txn: Transaction, { operations, multi, failed }: DecodedTransaction, ended: string[] | null): void {
    const { zxid, time, session, cxid } = txn
    this.listing.transactions++
    this.listing.first ??= { zxid, time }
    this.listing.last = { zxid, time }
    const who = { type: 'txn' as const, zxid, time, session, server: serverOf(session), cxid }
    for (const [at, operation] of operations.entries()) {
      const part = multi ? { number: at + 1, of: operations.length } : null
      const base = { ...who, part, failed }
      if (operation.op === 'closeSession') {
        const paths = operation.paths ?? ended
        this.#tell({ ...base, op: 'closeSession', path: null, ephemerals: paths?.length ?? null })
        for (const path of paths ?? []) this.#tell({ ...base, op: 'delete', path, by: 'session-end' })
      } else this.#tell({ ...base, ...this.#factsOf(operation) })
    }
  }

  #tell(fact: TransactionFacts): void {
    const { path } = this.#options
    if (path !== null && (fact.path === null || !path(fact.path))) return
    this.listing.listed++
    this.#hands.tell(fact)
  }

  #factsOf(operation: Exclude<Operation, { op: 'closeSession' }>): OperationFacts {
    switch (operation.op) {
      case 'create': {
        const { op, path, kind, ttlMs } = operation
        const acl = decodeAcl(operation.acl)
        return { op, path, kind, ...(kind === 'ttl' && { ttlMs }), ...this.#data(operation.data), acl }
      }
      case 'setData': {
        const { op, path, version } = operation
        return { op, path, ...this.#data(operation.data), version }
      }
      case 'setAcl': {
        const { op, path, version } = operation
        return { op, path, acl: decodeAcl(operation.acl), version }
      }
      case 'delete': {
        const { op, path, by } = operation
        return { op, path, by: by === 'container' ? 'container-or-ttl' : 'client' }
      }
      case 'check': {
        const { op, path, version } = operation
        return { op, path, version }
      }
      case 'createSession':
        return { op: 'createSession', path: null, timeoutMs: operation.timeoutMs }
      case 'error':
        return { op: 'error', path: null, code: operation.code }
    }
  }

  #data(data: Buffer | null): Partial<TransactionFacts> {
    return { bytes: data?.length ?? null, ...(this.#options.data && { data }) }
  }
}

function isBefore({ zxid, time }: Transaction, bound: Bound): boolean {
  return 'zxid' in bound ? zxid < bound.zxid : time < bound.time
}

function isBehind({ zxid, time }: Transaction, bound: Bound): boolean {
  return 'zxid' in bound ? zxid > bound.zxid : time > bound.time
}

async function firstOf(file: DataFile): Promise<{ zxid: bigint; digest: boolean } | null> {
  try {
    const log = await LogReader.open(file.path)
    try {
      const txn = (await log.more()) ? log.next() : null
      return txn && { zxid: txn.zxid, digest: txn.decode().digest !== null }
    } finally {
      await log.close()
    }
  } catch (error) {
    // The reading itself tells.
    if (!(error instanceof Damage)) throw error
    return null
  }
}
