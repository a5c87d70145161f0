/**
 * A resumed copy with `--delete` may have removed what the part before it had on record: a directory that has no
 * children any more is none, and no later proof would come by it.
 */
import type { Run } from '../journal/index.ts'
import { type TreeTarget, ZnodeError } from '../tree/contracts.ts'

const BATCH = 256

export async function forgetEmptied(run: Run, target: TreeTarget): Promise<void> {
  const paths: string[] = []
  const look = async () => {
    const batch = paths.splice(0)
    const stats = await target.settled.stat(batch)
    const emptied = batch.filter((_, at) => {
      const reply = stats[at]
      return reply instanceof ZnodeError ? reply.gone : reply?.stat.numChildren === 0
    })
    run.forgetDirectories(emptied)
  }
  for (const { path } of run.directories()) {
    // The root's row says that the run had begun.
    if (path !== '') paths.push(path)
    if (paths.length === BATCH) await look()
  }
  await look()
}
