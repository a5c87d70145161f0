/** Which zxid a point in time was at, by the times in the logs: the leaders' clocks. */
import { UsageProblem } from '../../tree/errors.ts'
import { Damage } from './damage.ts'
import { type DataFile, hexZxid } from './file-names.ts'
import type { Findings } from './findings.ts'
import { LogReader } from './log-reader.ts'
import { sentenceOf } from './replay-logs.ts'

/**
 * The last transaction at or before `time` (milliseconds since the epoch); null when there is none after it, so that
 * the newest state is meant.
 */
export async function zxidAt(
  logs: readonly DataFile[],
  time: number,
  findings: Findings,
): Promise<bigint | null> {
  const said = new Date(time).toISOString()
  let begun: DataFile | null = null
  let earliest: string | null = null
  for (const file of logs) {
    const first = await firstOf(file)
    if (first === null) continue
    earliest ??= `${hexZxid(first.zxid)} at ${new Date(first.time).toISOString()}`
    if (first.time > time) {
      if (begun !== null) return (await lastUntil(begun, time, findings)) ?? first.zxid - 1n
      throw new UsageProblem(
        `--at-time ${said} lies before the oldest transaction in the logs (${earliest}).`,
      )
    }
    begun = file
  }
  if (begun === null) {
    throw new UsageProblem(
      `--at-time ${said} needs logs, which tell when something happened: there are none.`,
    )
  }
  return lastUntil(begun, time, findings)
}

/** Null when no later one follows in this log. */
async function lastUntil(file: DataFile, time: number, findings: Findings): Promise<bigint | null> {
  let last: bigint | null = null
  try {
    for await (const { zxid, time: at } of moments(file)) {
      if (at > time) return last
      last = zxid
    }
    return null
  } catch (error) {
    if (!(error instanceof Damage)) throw error
    findings.lose(`${sentenceOf(error)}, so it cannot be told what was at that time.`, error)
    return last
  }
}

async function firstOf(file: DataFile): Promise<Moment | null> {
  try {
    for await (const moment of moments(file)) return moment
  } catch (error) {
    if (!(error instanceof Damage)) throw error
  }
  return null
}

interface Moment {
  zxid: bigint
  time: number
}

async function* moments(file: DataFile): AsyncGenerator<Moment> {
  const log = await LogReader.open(file.path)
  try {
    while (await log.more()) {
      for (let txn = log.next(); txn !== null; txn = log.next())
        yield { zxid: txn.zxid, time: Number(txn.time) }
    }
  } finally {
    await log.close()
  }
}
