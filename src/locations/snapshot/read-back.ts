/** Reads what was written as it is read from any server's disk, so that a verification proves what is there. */

import { listSnapshots } from '../datadir/file-names.ts'
import { Findings } from '../datadir/findings.ts'
import { loadTree } from '../datadir/load.ts'
import { StoredDatadir } from '../datadir/stored-datadir.ts'
import type { StoredTree } from '../stored/stored-tree.ts'

/** @throws LocationProblem when the disk does not give back what was written */
export async function readBack(folder: string): Promise<StoredTree> {
  const findings = new Findings('target', false, () => {})
  const snapshots = (await listSnapshots(folder)) ?? []
  const { tree, zxid } = await loadTree({ snapshots, logs: [] }, { at: null, checkDigests: false }, findings)
  return new StoredDatadir(tree, zxid, findings.losses)
}
