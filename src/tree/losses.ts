/** A place that is known to lack something lets no job on it end as done. */
import type { TreeSource } from './contracts.ts'
import { SafetyRefusal, UsageProblem } from './errors.ts'
import type { JobResult } from './events.ts'
import { plural } from './plural.ts'

const CLEAN = new Set(['done', 'identical', 'different'])

export function withLosses(result: JobResult, place: TreeSource): JobResult {
  const losses = place.losses ?? []
  if (losses.length === 0 || !CLEAN.has(result.status)) return result
  const more = losses.length === 1 ? '' : ` (and ${plural(losses.length - 1, 'other loss', 'other losses')})`
  return {
    ...result,
    status: 'incomplete',
    message: `${place.name} is not whole: ${clause(losses[0])}${more}.`,
  }
}

/** What is missing there is no reason to delete it elsewhere. @throws SafetyRefusal */
export function refuseDeletionAfter(place: TreeSource): void {
  const [loss] = place.losses ?? []
  if (loss === undefined) return
  throw new SafetyRefusal(
    `${place.name} is not whole (${clause(loss)}), so nothing says what --delete may delete; without it the rest is copied.`,
  )
}

/** Some losses are sentences. */
function clause(loss = ''): string {
  return loss.replace(/\.$/, '')
}

/** `flag` leaves ACLs out of the job. @throws UsageProblem where there are none to be copied or compared. */
export function requireAcls(place: TreeSource, flag: string): void {
  if (!place.lacksAcls) return
  throw new UsageProblem(
    `${place.name} was made with --no-acl and holds no ACLs, so none can be copied or compared; add ${flag}.`,
  )
}
