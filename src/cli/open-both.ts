/** Opens a job's two locations, and refuses those that turn out to be one place under two names. */
import type { ParsedLocation } from '../locations/parse-location.ts'
import type { TreeSource, TreeTarget } from '../tree/contracts.ts'
import { LocationProblem } from '../tree/errors.ts'
import type { AuthInfo } from '../zookeeper/index.ts'
import type { ConnectFlags } from './job-options.ts'
import { openSource, openTarget } from './open-location.ts'
import { overlap, refuseOverlap } from './places.ts'
import type { Shell } from './shell.ts'

export interface BothPlaces {
  from: ParsedLocation
  to: ParsedLocation
  sourceAuth: AuthInfo[]
  targetAuth: AuthInfo[]
  flags: ConnectFlags
}

export async function openBoth(shell: Shell, places: BothPlaces): Promise<[TreeSource, TreeTarget]> {
  const { from, to, sourceAuth, targetAuth, flags } = places
  const opened = await Promise.all([
    openSource(shell, { location: from, side: 'source', auth: sourceAuth, flags }),
    openTarget(shell, { location: to, side: 'target', auth: targetAuth, flags }),
  ])
  await refuseOnePlace(places)
  return opened
}

/** For two locations that can both be reached. @throws UsageProblem when they are one place under two names. */
export async function refuseOnePlace(places: BothPlaces): Promise<void> {
  const { from, to } = places
  // Paths that have nothing in common may well be on one ensemble.
  if (overlap(from, to) !== null && (await onOneEnsemble(places))) refuseOverlap(from, to)
}

async function onOneEnsemble({ from, to, sourceAuth, targetAuth, flags }: BothPlaces): Promise<boolean> {
  if (from.kind !== 'ensemble' || to.kind !== 'ensemble') return false
  const { isSameEnsemble } = await import('../locations/same-ensemble.ts')
  const retryForMs = flags.retryFor
  try {
    return await isSameEnsemble(
      { connect: from, auth: sourceAuth, retryForMs },
      { connect: to, auth: targetAuth, retryForMs },
    )
  } catch (error) {
    // Both have answered a moment ago; not to know is no licence to write.
    const why = (error as Error).message
    throw new LocationProblem(
      'target',
      `Whether ${from.text} and ${to.text} are on one ensemble cannot be found out: ${why}.`,
      {
        cause: error,
      },
    )
  }
}
