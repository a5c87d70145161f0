/** What a job's root has to be: a persistent znode, and the same one from the beginning to the end. */
import { type TreeSource, ZnodeError } from './contracts.ts'
import { UsageProblem } from './errors.ts'
import { isEphemeral } from './pairs.ts'

/** It belongs to a session, and would leave nothing to copy or to compare. @throws UsageProblem */
export async function refuseEphemeralRoot(source: TreeSource): Promise<void> {
  const [reply] = await source.lane(0n).stat([''])
  if (reply === undefined || reply instanceof ZnodeError || !isEphemeral(reply.stat)) return
  throw new UsageProblem(
    `The source root ${source.name} is an ephemeral znode, which is neither copied nor compared; name a persistent one.`,
  )
}

/** As the place has it now, synced; `null` when there is none. `/` can never be another: its czxid is always 0. */
export async function czxidOfRoot(place: TreeSource): Promise<bigint | null> {
  if (place.rootPath === '/') return 0n
  await place.position()
  const [reply] = await place.lane(0n).stat([''])
  if (reply !== undefined && !(reply instanceof ZnodeError)) return reply.stat.czxid
  if (reply?.gone) return null
  // Its ACL may hide the Stat that comes with it.
  return (await place.identity())?.czxid ?? null
}
