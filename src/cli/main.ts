/** The process: the only place that exits. */
import { escapeText } from '../report/escape.ts'
import { StreamOutput, unwritten } from '../report/output.ts'
import { ExitCode, isOutOfFiles } from './exit-codes.ts'
import type { Io } from './io.ts'
import { bug } from './sentence.ts'
import { version } from './version.ts'

const argv = process.argv.slice(2)
process.exit(await main(argv))

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
    process.exit(isOutOfFiles(error) ? ExitCode.usage : ExitCode.bug)
  }
  process.on('uncaughtException', (error) => crash(error))
  process.on('unhandledRejection', (error) => crash(error))
  if (args[0] === '--version' || args[0] === '-V') io.stdout.line(version())
  else {
    const { run } = await import('./program.ts')
    await run(args, io)
  }
  await io.stdout.drained()
  const { failure } = io.stdout
  if (failure !== null && (exitCode === ExitCode.done || exitCode === ExitCode.different)) {
    io.stderr.line(`zkferry: ${unwritten('The output', failure)}`)
    exitCode = ExitCode.incomplete
  }
  await io.stderr.drained()
  return exitCode
}
