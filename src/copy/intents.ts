/**
 * What is put on record before it is sent. A run that is killed cannot say what of it has arrived; a second copy that
 * goes on after that has to know its own writes from somebody else's, also where the source has moved on since.
 */
import type { Intent, Run } from '../journal/index.ts'
import type { Change } from '../tree/contracts.ts'
import { znodeDigest } from '../tree/digest.ts'
import type { Data } from '../tree/znode.ts'
import type { Looks } from './looks.ts'

/** An ACL leaves no zxid, and may be another by now. */
export function dataDigest(path: string, data: Data): Buffer {
  return znodeDigest(path, data, null)
}

/** A first copy looks for nobody else's writes: that it has begun is all that is kept of it. */
export function intentsOf(run: Run, looks: Looks, always: boolean): (changes: readonly Change[]) => void {
  let { wrote } = run.info
  return (changes) => {
    if (!wrote) run.setWrote()
    wrote = true
    if (!always && looks.latest === null && !looks.partial) return
    const intents: Intent[] = []
    for (const change of changes) {
      if (change.kind !== 'create' && change.kind !== 'setData' && change.kind !== 'touch') continue
      const { path, data } = change
      intents.push({ path, digest: dataDigest(path, data) })
    }
    if (intents.length > 0) run.intend(intents)
  }
}
