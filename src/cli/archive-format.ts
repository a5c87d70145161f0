/** Generations of an archive as people and as programs read them. */
import { type Generation, isComplete } from '../locations/archive/generation.ts'
import { escapeText } from '../report/escape.ts'
import { formatBytes, formatCount, formatTime } from '../report/units.ts'

/** A heading and a line for each. */
export function generationsTable(generations: readonly Generation[]): string[] {
  const rows = [
    ['GENERATION', 'TREE', 'MADE', 'ZNODES', 'BYTES', 'STATUS', 'CONSISTENCY', 'FROM', 'DIGEST'],
    ...generations.map(({ id, root, made, znodes, bytes, form, origin }) => [
      String(id),
      escapeText(root),
      formatTime(new Date(made)),
      formatCount(znodes),
      formatBytes(bytes),
      escapeText(form === 'rows' ? `undo: ${origin.status}` : `${origin.status}${limits(origin.options)}`),
      escapeText(origin.consistency ?? '-'),
      escapeText(origin.source),
      escapeText(origin.digest?.target?.slice(0, 16) ?? '-'),
    ]),
  ]
  const widths = (rows[0] as string[]).map((_, column) =>
    Math.max(...rows.map((row) => (row[column] as string).length)),
  )
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] as number))
      .join('  ')
      .trimEnd(),
  )
}

export function generationRecord(
  file: string,
  generation: Generation,
): { type: string } & Record<string, unknown> {
  const { id, form, root, made, znodes, bytes, zxid, origin } = generation
  return {
    type: 'generation',
    archive: file,
    generation: id,
    tree: root,
    form,
    made: new Date(made).toISOString(),
    znodes,
    bytes,
    zxid,
    complete: isComplete(generation),
    status: origin.status,
    message: origin.message,
    source: origin.source,
    since: origin.since ?? null,
    consistency: origin.consistency ?? null,
    digest: origin.digest?.target ?? null,
    options: origin.options ?? null,
    version: origin.version ?? null,
  }
}

/** What a digest, and a restoration, has to know of how it was made. */
function limits(options: Record<string, unknown> | undefined): string {
  const said = [
    ...(options?.acl === false ? ['no ACLs'] : []),
    ...(some(options?.include) || some(options?.exclude) ? ['filtered'] : []),
  ]
  return said.length === 0 ? '' : ` (${said.join(', ')})`
}

function some(globs: unknown): boolean {
  return Array.isArray(globs) && globs.length > 0
}
