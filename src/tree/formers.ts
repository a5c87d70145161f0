/** Reads what znodes are, to keep it before they are overwritten or deleted. */
import type { Former, TreeReader, ZnodeError } from './contracts.ts'
import { newPair } from './march.ts'
import { readPairs } from './pairs.ts'
import { UNLIMITED, Window } from './windows.ts'

const WINDOW_BYTES = 8 * 1024 * 1024

/** `null`: gone. An ephemeral's data are not read. */
export interface ReadFormer {
  path: string
  former: Former | null | ZnodeError
}

/** Hands them to `act` in the order of the paths, in batches of bounded size, one after another. */
export async function readFormers(
  paths: readonly string[],
  reader: TreeReader,
  act: (read: ReadFormer[]) => Promise<void>,
): Promise<void> {
  const pairs = paths.map((path) => newPair(path, false, true, null, null, true))
  const lanes = { source: reader, target: reader }
  let last = Promise.resolve()
  await readPairs(
    pairs,
    lanes,
    { acl: true, targetOnlyData: true },
    new Window({ ...UNLIMITED, bytes: WINDOW_BYTES }),
    (read) => {
      last = last.then(() => act(read.map(formerOf)))
      return last
    },
  )
}

function formerOf({ path, target, targetError }: ReturnType<typeof newPair>): ReadFormer {
  if (targetError !== null) return { path, former: targetError }
  if (target === null || target.acl === null) return { path, former: null }
  const { stat, acl, data, mode } = target
  return { path, former: mode === undefined ? { stat, acl, data } : { stat, acl, data, mode } }
}
