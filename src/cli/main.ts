/** The process: the only place that exits. */
import { escapeText } from '../report/escape.ts'
import { StreamOutput } from '../report/output.ts'
import { ExitCode } from './exit-codes.ts'
import type { Io } from './io.ts'
import { bug } from './sentence.ts'
import { version } from './version.ts'

const argv = process.argv.slice(2)
const first = argv[0]

if (first === '--version' || first === '-V') {
  process.stdout.write(`${version()}\n`)
} else {
  process.exit(await main(argv))
}

async function main(args: string[]): Promise<number> {
  let exitCode = 0
  const io: Io = {
    stdout: new StreamOutput(process.stdout, { gathering: true }),
    stderr: new StreamOutput(process.stderr, { gathering: false }),
    stdin: process.stdin,
    env: process.env,
    done(code) {
      exitCode = code
    },
    exitNow: (code) => process.exit(code),
    onCrash(handler) {
      crash = handler
    },
  }
  // Until a job has taken over.
  let crash = (error: unknown): void => {
    io.stderr.line(`zkferry: ${escapeText(bug(error, false).line)}`)
    process.exit(ExitCode.bug)
  }
  process.on('uncaughtException', (error) => crash(error))
  process.on('unhandledRejection', (error) => crash(error))
  const { run } = await import('./program.ts')
  await run(args, io)
  await Promise.all([io.stdout.drained(), io.stderr.drained()])
  return exitCode
}
