/** What `npm run bench -- …` can be told. */
import { parseArgs } from 'node:util'

export interface BenchOptions {
  /** Names of rows; empty means the default ones. */
  rows: string[]
  /** Leaves of the flat tree; other trees are in proportion. */
  znodes: number
  /** Counted runs, after one that is not counted. The best is what is printed. */
  runs: number
  /** Leave the peers out. */
  peers: boolean
  /** Another build's `zkferry.js`, to compare before with after. */
  cli: string | null
  /** A folder for a CPU profile of each run of zkferry. */
  profile: string | null
  list: boolean
}

export const USAGE = `npm run bench -- [--rows copy,verify,…|all] [--znodes 50000] [--runs 3] [--no-peers] [--cli FILE] [--profile FOLDER] [--list]

ZKCOPY_JAR=FILE adds ksprojects/zkcopy to the rows that compare with it.`

export function parseOptions(args: string[]): BenchOptions {
  const { values } = parseArgs({
    args,
    options: {
      rows: { type: 'string', default: '' },
      znodes: { type: 'string', default: '50000' },
      runs: { type: 'string', default: '3' },
      'no-peers': { type: 'boolean', default: false },
      cli: { type: 'string' },
      profile: { type: 'string' },
      list: { type: 'boolean', default: false },
    },
  })
  return {
    rows: values.rows.split(',').filter((name) => name !== ''),
    znodes: wholeNumber('--znodes', values.znodes),
    runs: wholeNumber('--runs', values.runs),
    peers: !values['no-peers'],
    cli: values.cli ?? null,
    profile: values.profile ?? null,
    list: values.list,
  }
}

function wholeNumber(option: string, text: string): number {
  const number = Number(text)
  if (Number.isSafeInteger(number) && number > 0) return number
  throw new Error(`${option} ${text} is no whole number above 0`)
}
