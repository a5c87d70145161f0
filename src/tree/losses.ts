/** A place that is known to lack something lets no job on it end as done. */
import type { TreeSource } from './contracts.ts'
import type { JobResult } from './events.ts'
import { plural } from './plural.ts'

const CLEAN = new Set(['done', 'identical', 'different'])

export function withLosses(result: JobResult, place: TreeSource): JobResult {
  const losses = place.losses ?? []
  if (losses.length === 0 || !CLEAN.has(result.status)) return result
  const more = losses.length === 1 ? '' : ` (and ${plural(losses.length - 1, 'other loss', 'other losses')})`
  return { ...result, status: 'incomplete', message: `${place.name} is not whole: ${losses[0]}${more}.` }
}
