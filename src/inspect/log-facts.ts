/** Reads one log to its end, in memory of fixed size; behind damage it goes on where whole transactions follow. */
import { Damage } from '../locations/datadir/damage.ts'
import type { DataFile } from '../locations/datadir/file-names.ts'
import { LogDamage, LogReader } from '../locations/datadir/log-reader.ts'
import { isSuccessor, sentenceOf } from '../locations/datadir/replay-logs.ts'
import { type Transaction, TxnType } from '../locations/datadir/transaction.ts'
import type { LogFacts } from './facts.ts'

const NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(TxnType).map(([name, type]) => [type as number, name]),
)
/** A log that is damaged in more places is not read on. */
const MOST_DAMAGE = 100

/**
 * Hands every transaction that can be read to `each`, in order; `false` from it ends the reading. Damage goes to
 * `damaged`, and reading goes on behind it where it can.
 */
export async function readLog(
  file: DataFile,
  each: (transaction: Transaction) => boolean | undefined,
  damaged: (damage: Damage) => void,
  turn: () => Promise<boolean> = async () => true,
): Promise<{ end: LogFacts['end']; databaseId: bigint }> {
  let log: LogReader | null = null
  try {
    log = await LogReader.open(file.path)
    for (let found = 0; found < MOST_DAMAGE; ) {
      try {
        if (!(await readOn(log, each, turn))) return { end: 'end-of-file', databaseId: log.databaseId }
        return { end: log.end.how, databaseId: log.databaseId }
      } catch (error) {
        if (!(error instanceof Damage)) throw error
        damaged(error)
        found++
        const following = error instanceof LogDamage ? error.following : null
        // What is no transaction although its checksum is right has been passed already.
        if (following !== null) await log.skipTo(following.at)
        else if (error instanceof LogDamage) break
      }
    }
    return { end: 'damaged', databaseId: log.databaseId }
  } catch (error) {
    if (!(error instanceof Damage)) throw error
    damaged(error)
    return { end: 'damaged', databaseId: 0n }
  } finally {
    await log?.close()
  }
}

/** False when it was ended. */
async function readOn(
  log: LogReader,
  each: (transaction: Transaction) => boolean | undefined,
  turn: () => Promise<boolean>,
): Promise<boolean> {
  while (await log.more()) {
    if (!(await turn())) return false
    for (let txn = log.next(); txn !== null; txn = log.next()) if (each(txn) === false) return false
  }
  return true
}

/** `before`: the newest zxid of the logs before it; `null` for the first. */
export async function logFacts(
  file: DataFile,
  before: bigint | null,
  signal: AbortSignal,
): Promise<LogFacts> {
  const facts: LogFacts = {
    type: 'log',
    file: file.path,
    size: file.size,
    changed: new Date(file.changedAt),
    databaseId: 0n,
    transactions: 0,
    first: null,
    last: null,
    types: {},
    end: 'end-of-file',
    gapBefore: false,
    damage: [],
  }
  const each = (txn: Transaction) => {
    const { zxid, type } = txn
    const name = NAMES.get(type) ?? `${type}`
    facts.types[name] = (facts.types[name] ?? 0) + 1
    if (facts.first === null) {
      facts.first = { zxid, time: txn.time }
      facts.gapBefore = before !== null && zxid > before && !isSuccessor(before, zxid)
    }
    facts.last = { zxid, time: txn.time }
    facts.transactions++
    return undefined
  }
  const damaged = (damage: Damage) => void facts.damage.push(`${sentenceOf(damage)}.`)
  const { end, databaseId } = await readLog(file, each, damaged, async () => !signal.aborted)
  return { ...facts, end, databaseId }
}
