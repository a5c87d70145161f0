/** What is missing above the root: made with the ACL of the nearest that is there. */
import { LocationProblem } from '../tree/errors.ts'
import { operations, ZooKeeperError } from '../zookeeper/index.ts'
import type { AclCache } from './acl-cache.ts'
import { MOST_LOSSES } from './ensemble-identities.ts'
import type { SessionKeeper } from './session-keeper.ts'

export interface AncestorSetup {
  /** The location, for messages. */
  name: string
  root: string
  session: SessionKeeper
  acls: AclCache
  /** The error that ends the job where the servers refuse `what`. */
  refused: (error: ZooKeeperError | undefined, what: string) => Error
}

/**
 * Returns how many were made; with `dryRun` none is, and it is only found out whether they could be.
 * @throws LocationProblem when the ACL that they would take is shown masked: nothing has been made then
 */
export async function createAncestors(setup: AncestorSetup, dryRun: boolean): Promise<number> {
  const { root, session, refused } = setup
  const segments = root.split('/').slice(1, -1)
  let made = 0
  let above: { path: string; acl: Buffer } | null = null
  let losses = 0
  for (let depth = 0; depth <= segments.length; depth++) {
    const path = `/${segments.slice(0, depth).join('/')}`
    const [reply] = await session.read(operations.getAclRaw, [path])
    if (reply !== undefined && !(reply instanceof ZooKeeperError)) {
      above = { path, acl: Buffer.from(reply.aclBytes) }
      continue
    }
    if (reply?.code !== 'NONODE' || above === null)
      throw refused(reply, `reading the ACL of ${path}, above the root`)
    if (setup.acls.list(above.acl).masked) throw masked(setup.name, above.path, path)
    if (dryRun) return 0
    const [created] = await session.send(operations.create, [{ path, data: Buffer.alloc(0), acl: above.acl }])
    if (created instanceof ZooKeeperError) {
      // Made by someone else, or by us before the reply was lost: the next look tells.
      if (created.code === 'NODEEXISTS' || (created.outcomeUnknown && losses++ < MOST_LOSSES)) depth--
      else throw refused(created, `creating ${path}, above the root`)
    } else made++
  }
  return made
}

/** Written as it is shown, it would let nobody in whom it means to. */
function masked(name: string, above: string, missing: string): LocationProblem {
  return new LocationProblem(
    'target',
    `The target ${name} has no ${missing}, which would take the ACL of ${above}, and that is shown masked (user:x); an identity with ADMIN on ${above}, or a super user, would see it, or ${missing} can be made beforehand.`,
  )
}
