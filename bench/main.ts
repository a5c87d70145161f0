/** `npm run bench`: rows of measurements against the goals, in one table. */
import { Bench } from './bench.ts'
import { type BenchOptions, parseOptions, USAGE } from './options.ts'
import type { Line, Row } from './row.ts'
import { archive } from './rows/archive.ts'
import { copy, copyOld } from './rows/copy.ts'
import { datadir } from './rows/datadir.ts'
import { gentle } from './rows/gentle.ts'
import { kafka } from './rows/kafka.ts'
import { large } from './rows/large.ts'
import { latency } from './rows/latency.ts'
import { resume } from './rows/resume.ts'
import { rmr } from './rows/rmr.ts'
import { million, wide } from './rows/size.ts'
import { startup } from './rows/startup.ts'
import { verify, verifyOld } from './rows/verify.ts'
import { table } from './table.ts'

const ROWS: readonly Row[] = [
  copy,
  copyOld,
  verify,
  verifyOld,
  kafka,
  latency,
  gentle,
  archive,
  rmr,
  startup,
  resume,
  million,
  wide,
  large,
  datadir,
]

try {
  await main(parseOptions(process.argv.slice(2)))
} catch (error) {
  console.error(`zkferry bench: ${(error as Error).message}\n\n${USAGE}`)
  process.exitCode = 1
}

async function main(options: BenchOptions): Promise<void> {
  if (options.list) {
    for (const { name, about } of ROWS) console.log(`${name.padEnd(14)} ${about}`)
    return
  }
  const rows = chosen(options.rows)
  const bench = new Bench(options, (line) => console.error(`  ${line}`))
  const lines: Line[] = []
  process.once('SIGINT', () => process.exit(130))
  try {
    for (const row of rows) {
      console.error(`${row.name}: ${row.about}`)
      lines.push(...(await row.run(bench)))
    }
  } finally {
    if (lines.length > 0) console.log(table(lines))
    await bench.close()
  }
}

function chosen(names: string[]): Row[] {
  if (names.length === 0) return ROWS.filter((row) => row.byDefault)
  if (names.length === 1 && names[0] === 'all') return [...ROWS]
  return names.map((name) => {
    const row = ROWS.find((one) => one.name === name)
    if (row) return row
    throw new Error(`there is no row '${name}': use ${ROWS.map((one) => one.name).join(', ')}`)
  })
}
