/**
 * The end of a temporary identity: every znode that carries its entry gets the ACL that it has without it.
 *
 * What the target has now is what was written and proved last, which need not be what the journal expected when the
 * entry was put there: only the entry itself is taken out, and nothing is set where it is not.
 */
import type { Run } from '../journal/index.ts'
import { type Carried, type ChangeOutcome, type TreeTarget, ZnodeError } from '../tree/contracts.ts'
import type { Emit } from '../tree/events.ts'

const BATCH = 256
const MAX_TRIES = 5

/** Deepest first; forgets the identity when no entry is left. Returns how many could not be taken out. */
export async function finishAcls(run: Run, target: TreeTarget, emit: Emit): Promise<number> {
  const paths = run.temporaryAcls().map(({ path }) => path)
  // Without it the servers would not show us which entries are ours.
  const identity = paths.length > 0 ? run.temporaryIdentity() : null
  if (identity !== null) await target.temporary.assume(identity)
  paths.sort((a, b) => depthOf(b) - depthOf(a))
  let failed = 0
  for (let at = 0; at < paths.length; at += BATCH) {
    const left = await takeOut(paths.slice(at, at + BATCH), run, target)
    failed += left.size
    for (const [path, error] of left) {
      const message = `it still carries the run's temporary identity: ${error.message}; the same command again, or "runs abandon ${run.id}", takes it out`
      emit({ type: 'failed', path, side: 'target', code: error.code, message })
    }
  }
  if (failed === 0) run.wipeIdentitySecret()
  return failed
}

/** Takes back what a run that will not be resumed left on the target. */
export async function takeBack(run: Run, target: TreeTarget, emit: Emit): Promise<number> {
  const failed = await finishAcls(run, target, emit)
  if (failed === 0) run.abandon()
  return failed
}

/** Returns the paths that still carry the entry, and why. */
async function takeOut(paths: string[], run: Run, target: TreeTarget): Promise<Map<string, ZnodeError>> {
  let open = paths
  const failed = new Map<string, ZnodeError>()
  for (let tries = 1; open.length > 0; tries++) {
    await target.settle()
    const carried = await target.temporary.carried(open)
    const clean = open.filter((_, at) => carried[at] === null)
    run.removeTemporaryAcls(clean)
    failed.clear()
    const wanted: { path: string; carried: Carried }[] = []
    for (const [at, path] of open.entries()) {
      const one = carried[at]
      if (one instanceof ZnodeError) failed.set(path, one)
      else if (one !== null && one !== undefined) wanted.push({ path, carried: one })
    }
    const outcomes = await target.writeEach(
      wanted.map(({ path, carried: { acl, aversion } }) => ({
        kind: 'setAcl',
        path,
        acl,
        aversion,
        // What it was before this run is kept already, where it was there before.
        former: 'kept',
      })),
    )
    for (const [at, { path }] of wanted.entries()) {
      const outcome = outcomes[at] as ChangeOutcome
      if (outcome !== 'done') failed.set(path, asError(outcome))
    }
    run.removeTemporaryAcls(wanted.filter((_, at) => outcomes[at] === 'done').map(({ path }) => path))
    if (tries === MAX_TRIES) break
    open = [...failed.keys()]
  }
  return failed
}

function asError(outcome: Exclude<ChangeOutcome, 'done'>): ZnodeError {
  if (outcome !== 'unsettled') return outcome
  return new ZnodeError('UNSETTLED', 'it is not known whether its final ACL was set')
}

function depthOf(path: string): number {
  return path === '' ? 0 : path.split('/').length
}
