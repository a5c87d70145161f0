/** `zkferry runs abandon ID`: takes back what a run that will not be resumed left on the target. */
import { parseLocation } from '../locations/parse-location.ts'
import { UsageProblem } from '../tree/errors.ts'
import { type JobResult, newCounts } from '../tree/events.ts'
import { plural } from '../tree/plural.ts'
import { type ConnectFlags, identities } from './job-options.ts'
import { openTarget } from './open-location.ts'
import type { Shell } from './shell.ts'
import { secured } from './tls.ts'

export async function abandon(
  shell: Shell,
  file: string,
  id: string,
  flags: ConnectFlags,
): Promise<JobResult> {
  const { openJournal } = await import('../journal/index.ts')
  const journal = openJournal(file, { command: `runs abandon ${id}` })
  shell.onEnd(journal, () => journal.close())
  const run = journal.open(id)
  const { state, target } = run.info
  const left = run.temporaryAcls().length
  if ((state === 'finished' || state === 'abandoned') && left === 0) {
    throw new UsageProblem(
      `Run ${id} is ${state} and left nothing on the target: there is nothing to abandon.`,
    )
  }
  let failed = 0
  if (left === 0) run.abandon()
  else {
    const authFlags = flags as unknown as Record<string, unknown>
    const auth = await identities(authFlags, 'target', shell, true)
    const location = await openTarget(shell, {
      location: await secured(shell, parseLocation(target, 'target'), authFlags, 'target', true),
      side: 'target',
      auth,
      flags,
    })
    const unsure = await location.occupy?.({ command: 'runs abandon', run: id })
    if (unsure) shell.say(`note: ${unsure}`)
    const { takeBack } = await import('../copy/finish-acls.ts')
    failed = await takeBack(run, location, shell.context.emit)
  }
  shell.say(`run ${id}: ${left - failed} temporary ACL entries taken back on ${target}`)
  return {
    status: failed === 0 ? 'done' : 'incomplete',
    message:
      failed === 0
        ? ''
        : `${plural(failed, 'znode still carries', 'znodes still carry')} the temporary identity of run ${id}.`,
    counts: { ...newCounts(), failed },
    digest: { source: null, target: null },
    sourceMoved: 0,
    consistency: 'unknown',
  }
}
