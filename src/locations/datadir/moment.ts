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
      if (begun !== null) {
        const { last, ends } = await lastUntil(begun, time, findings)
        return ends || last === null ? first.zxid - 1n : last.zxid
      }
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
  const { last, ends } = await lastUntil(begun, time, findings)
  if (!ends) return last?.zxid ?? null
  if (last !== null && last.time < time) {
    const end = new Date(last.time).toISOString()
    findings.note(`The logs end at ${end}, before --at-time ${said}: the newest state is read.`)
  }
  return null
}

/** `ends`: no later one follows in this log. */
async function lastUntil(
  file: DataFile,
  time: number,
  findings: Findings,
): Promise<{ last: Moment | null; ends: boolean }> {
  let last: Moment | null = null
  try {
    for await (const moment of moments(file)) {
      if (moment.time > time) return { last, ends: false }
      last = moment
    }
    return { last, ends: true }
  } catch (error) {
    if (!(error instanceof Damage)) throw error
    findings.lose(`${sentenceOf(error)}, so it cannot be told what was at that time.`, error)
    return { last, ends: false }
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
