/** `rmr --if-verified JOURNAL`: finds the copy that the journal knows, opens it, and has both sides compared. */
import { type ParsedLocation, parseLocation } from '../locations/parse-location.ts'
import type { TreeTarget } from '../tree/contracts.ts'
import { MissingRoot, SafetyRefusal, UsageProblem } from '../tree/errors.ts'
import type { AuthInfo } from '../zookeeper/index.ts'
import { type ConnectFlags, type PaceFlags, pace } from './job-options.ts'
import { named } from './named-journal.ts'
import { refuseOnePlace } from './open-both.ts'
import { openSource } from './open-location.ts'
import type { Shell } from './shell.ts'

export interface IfVerifiedRequest {
  journal: string
  /** What shall be removed: the copy's source. */
  at: ParsedLocation
  location: TreeTarget
  auth: AuthInfo[]
  targetAuth: AuthInfo[]
  /** What the journal says of the copy's place has nothing of keys. */
  secureTarget: (to: ParsedLocation) => Promise<ParsedLocation>
  flags: ConnectFlags & PaceFlags
}

const ROUNDS = 3
const SETTLE_MS = 2_000

/**
 * Returns the zxid up to which the location is proved to be in its copy.
 * @throws SafetyRefusal when the proof fails; JournalProblem when the journal cannot be read.
 */
export async function proveCopied(shell: Shell, request: IfVerifiedRequest): Promise<bigint> {
  const { at, location, auth, targetAuth, flags } = request
  const { readJournal } = await import('../journal/index.ts')
  const { findVerifiedCopy, refusingUnreachable, requireIdentical } = await import('../remove/if-verified.ts')
  const identity = await location.identity()
  if (identity === null) throw new MissingRoot('The root', location.name)
  const journal = named('--if-verified', () => readJournal(request.journal))
  shell.onEnd(journal, () => journal.close())
  const run = findVerifiedCopy(journal, location.name, identity)
  const to = await request.secureTarget(parseLocation(run.target, 'target'))
  shell.say(`comparing with the copy ${to.text} (run ${run.id})`)
  const target = await refusingUnreachable(
    openSource(shell, { location: to, side: 'target', auth: targetAuth, flags }),
  )
  try {
    await refusingUnreachable(refuseOnePlace({ from: at, to, sourceAuth: auth, targetAuth, flags }))
  } catch (error) {
    // A copy that is the original under another name proves nothing.
    if (error instanceof UsageProblem) throw new SafetyRefusal(error.message, { cause: error })
    throw error
  }
  const options = { ...pace(flags), rounds: ROUNDS, settleMs: SETTLE_MS }
  return refusingUnreachable(requireIdentical(location, target, run, options, shell.context))
}
