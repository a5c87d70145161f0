/** Whether an ensemble's servers would take an ACL: asked without making anything. */
import type { AclList } from '../tree/acl.ts'
import { MultiError, type MultiOp, operations, ZooKeeperError } from '../zookeeper/index.ts'
import { rawAcl } from './acl-cache.ts'
import { MOST_LOSSES, NO_SUCH_ZNODE } from './ensemble-identities.ts'
import { type Failures, isLost } from './failures.ts'
import type { SessionKeeper } from './session-keeper.ts'

const PROBE_PATH = '/zkferry-probe-of-an-acl'

/** A multi that must fail at its last operation, if it does not fail before. @throws LocationProblem */
export async function takesAcl(acl: AclList, writing: SessionKeeper, failures: Failures): Promise<boolean> {
  const ops: MultiOp[] = [
    { op: 'create', path: PROBE_PATH, data: null, acl: rawAcl(acl) },
    { op: 'check', path: NO_SUCH_ZNODE },
  ]
  for (let losses = 0; ; losses++) {
    const [outcome] = await writing.send(operations.multi, [ops])
    // Whatever else it refuses for (no CREATE here, say): it has looked at the ACL before.
    if (outcome instanceof MultiError) return outcome.code !== 'INVALIDACL'
    if (!(outcome instanceof ZooKeeperError))
      throw new Error('the probe of an ACL was carried out, though its last check cannot hold')
    if (!isLost(outcome) || losses === MOST_LOSSES) throw failures.ofLocation(outcome)
    await writing.sync()
  }
}
