/** `zkferry archive check FILE`: reads everything that is in an archive. */

import type { ArchiveFile } from '../locations/archive/archive-file.ts'
import type { Generation } from '../locations/archive/generation.ts'
import { LocationProblem } from '../tree/errors.ts'
import { type JobContext, type JobResult, newCounts } from '../tree/events.ts'
import { Filter } from '../tree/filter.ts'
import type { Shell } from './shell.ts'

export interface Checked {
  generation: Generation
  /** What is wrong with it; `null` when nothing is. */
  flaw: string | null
  digest: string | null
  /** What the copy that made it left out against its will: no damage. */
  losses: readonly string[]
}

/** Every znode of a generation is read, and what it adds up to compared with what the copy that made it has found. */
export async function checkGeneration(
  shell: Shell,
  archive: ArchiveFile,
  generation: Generation,
): Promise<Checked> {
  const { openArchiveSource } = await import('../locations/archive/open.ts')
  const { digest } = await import('../verify/digest.ts')
  const { file, keys } = archive
  const { id, root: path, origin } = generation
  try {
    const source = await openArchiveSource({
      file,
      path,
      side: 'source',
      name: `generation ${id}`,
      generation: id,
      passphrase: keys ?? (async () => null),
    })
    try {
      const counts = newCounts()
      const flaws: string[] = []
      const context: JobContext = {
        ...shell.context,
        counts,
        emit: (event) =>
          event.type === 'failed' && flaws.push(`${event.path || 'the root'}: ${event.message}`),
      }
      const acl = origin.options?.acl !== false
      const limits = { depth: 0, concurrency: 1024, rate: null, byteRate: null }
      const result = await digest(source, { acl, filter: new Filter(), ...limits }, context)
      const [flaw = differenceOf(generation, result)] = flaws
      return { generation, flaw, digest: result.digest.source, losses: source.losses ?? [] }
    } finally {
      await source.close()
    }
  } catch (error) {
    if (!(error instanceof LocationProblem)) throw error
    return { generation, flaw: error.message.replace(/\.$/, ''), digest: null, losses: [] }
  }
}

function differenceOf({ origin, form }: Generation, { status, message, digest }: JobResult): string | null {
  if (status === 'interrupted') return 'it was not read to its end'
  const known = form === 'chunks' ? (origin.digest?.target ?? null) : null
  if (known !== null && digest.source !== known) return `its digest is ${digest.source}, and was ${known}`
  return digest.source === null ? message : null
}
