/** Where the marks of `verify --combined` go: to a file, or to stdout in the place of the differences. */
import { combinedLine } from '../report/combined.ts'
import type { JobContext, JobResult } from '../tree/events.ts'
import { MarksFile } from './marks-file.ts'
import { type Shell, withUnwritten } from './shell.ts'

/**
 * Runs `job` with its marks sent on. A file that is full does not end the job, but its result says so.
 * @throws UsageProblem when the file cannot be opened, SafetyRefusal when it is something else.
 */
export async function withMarks(
  shell: Shell,
  file: string | undefined,
  job: (context: JobContext) => Promise<JobResult>,
): Promise<JobResult> {
  if (file === undefined) return job(shell.context)
  if (file === '-') return job(toStdout(shell))
  const output = new MarksFile(file)
  // Also when the job is left behind: what was there before stays as it was.
  shell.onEnd(output, () => output.discard())
  const result = await job({
    ...shell.context,
    emit(event) {
      if (event.type !== 'combined') return shell.context.emit(event)
      output.line(combinedLine(event.mark, event.path))
    },
  })
  if (result.status === 'interrupted') return result
  output.publish()
  return output.failure === null ? result : withUnwritten(result, output.failure, shell)
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
