/** Chunks that no generation holds. */
import type { ArchiveFile } from './archive-file.ts'
import { ChunkReader } from './chunk-store.ts'
import { piecesOf, refOf } from './chunked-tree.ts'
import type { Generation } from './generation.ts'

/** The ids of all chunks that these generations hold, in latin1. @throws ArchiveProblem */
export function usedBy(archive: ArchiveFile, generations: readonly Generation[]): Set<string> {
  const chunks = new ChunkReader(archive)
  const used = new Set<string>()
  for (const generation of generations) {
    if (generation.contents === null) continue
    used.add(refOf(generation.contents).id.toString('latin1'))
    for (const { head, body } of piecesOf(archive, generation, chunks)) {
      used.add(head.id.toString('latin1'))
      if (body !== null) used.add(body.id.toString('latin1'))
    }
  }
  return used
}

export function dropUnused(archive: ArchiveFile): void {
  const used = usedBy(archive, archive.generations())
  const drop = archive.db.prepare('DELETE FROM chunk WHERE id = ?')
  for (const id of archive.db.prepare<[], Buffer>('SELECT id FROM chunk').pluck().all())
    if (!used.has(id.toString('latin1'))) drop.run(id)
}
