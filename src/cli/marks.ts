/** Where the marks of `verify --combined` go: to a file, or to stdout in the place of the differences. */
import { combinedLine, FileOutput } from '../report/combined.ts'
import { UsageProblem } from '../tree/errors.ts'
import type { JobContext, JobResult } from '../tree/events.ts'
import { type Shell, withUnwritten } from './shell.ts'

/**
 * Runs `job` with its marks sent on. A file that is full does not end the job, but its result says so.
 * @throws UsageProblem when the file cannot be opened.
 */
export async function withMarks(
  shell: Shell,
  file: string | undefined,
  job: (context: JobContext) => Promise<JobResult>,
): Promise<JobResult> {
  if (file === undefined) return job(shell.context)
  if (file === '-') return job(toStdout(shell))
  const output = opened(file)
  let result: JobResult
  try {
    result = await job({
      ...shell.context,
      emit(event) {
        if (event.type !== 'combined') return shell.context.emit(event)
        output.line(combinedLine(event.mark, event.path))
      },
    })
  } finally {
    // Also after an interruption: what is known by then is worth having.
    output.close()
  }
  return output.failure === null ? result : withUnwritten(result, `--combined ${file}`, output.failure, shell)
}

function toStdout(shell: Shell): JobContext {
  return {
    ...shell.context,
    emit(event) {
      if (event.type === 'combined') return shell.data(event, [combinedLine(event.mark, event.path)])
      // The marks say it already.
      if (event.type !== 'difference') shell.context.emit(event)
    },
  }
}

function opened(file: string): FileOutput {
  try {
    return new FileOutput(file)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    throw new UsageProblem(`--combined ${file} cannot be written (${code}).`, { cause: error })
  }
}
