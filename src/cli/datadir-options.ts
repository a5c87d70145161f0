/** Flags of `datadir:DIR#/path`. */
import type { Command } from 'commander'
import type { ParsedLocation } from '../locations/parse-location.ts'
import { UsageProblem } from '../tree/errors.ts'
import { wrong } from './values.ts'

export interface DatadirFlags {
  logDir?: string
  atZxid?: bigint
  /** Milliseconds since the epoch. */
  atTime?: number
  salvage?: boolean
}

export function addDatadirOptions(command: Command): Command {
  return command
    .option('--log-dir <dir>', 'of a data directory: where the logs are, if the server had a dataLogDir')
    .option(
      '--at-zxid <zxid>',
      'of a data directory: as it was after this transaction, such as 0x5a00000007',
      zxid,
    )
    .option(
      '--at-time <time>',
      'of a data directory: as it was then, such as 2026-11-23T03:00:00Z (local without a zone; a date alone is its midnight in UTC)',
      time,
    )
    .option('--salvage', 'of a damaged data directory: take what can be read, name the rest, and end with 3')
}

/** @throws UsageProblem for a flag of a data directory where there is none, or where it is not clear of which. */
export function checkDatadirFlags(flags: DatadirFlags, places: readonly ParsedLocation[]): void {
  const given = (
    [
      ['--log-dir', flags.logDir],
      ['--at-zxid', flags.atZxid],
      ['--at-time', flags.atTime],
      ['--salvage', flags.salvage],
    ] as const
  ).filter(([, value]) => value !== undefined)
  const [first] = given[0] ?? []
  if (first === undefined) return
  const directories = places.filter(({ kind }) => kind === 'datadir').length
  if (directories === 0)
    throw new UsageProblem(`${first} goes with a source of the form datadir:DIR#/path, and there is none.`)
  if (directories > 1 && first !== '--salvage')
    throw new UsageProblem(`${first} goes with one data directory, and here are two.`)
  if (flags.atZxid !== undefined && flags.atTime !== undefined)
    throw new UsageProblem('--at-zxid and --at-time contradict each other; leave one out.')
}

function zxid(text: string): bigint {
  if (!/^(?:0x[0-9a-f]{1,16}|\d{1,19})$/i.test(text))
    throw wrong('--at-zxid', text, 'is no zxid: write it as servers do, such as 0x5a00000007')
  return BigInt.asIntN(64, BigInt(text))
}

const TIME = /^\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d{1,3})?)?(?:Z|[+-]\d\d:\d\d)?)?$/

function time(text: string): number {
  const at = TIME.test(text) ? Date.parse(text) : Number.NaN
  if (!Number.isNaN(at)) return at
  throw wrong('--at-time', text, 'is no time: write one such as 2026-11-23T03:00:00Z')
}
