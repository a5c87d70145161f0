/** Whether a root is still the znode that a job began with: what is deleted below it must be below that one. */
import { type TreeSource, ZnodeError } from './contracts.ts'

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
