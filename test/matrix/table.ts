/** The matrix as Markdown, and its place in docs/compatibility.md. */
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { MATRIX } from './versions.ts'

const DOCUMENT = fileURLToPath(new URL('../../docs/compatibility.md', import.meta.url))

/** What a pair was found to do, by `from → to`: `ok`, or in words what it cannot. */
export type Cells = ReadonlyMap<string, string>

export function cellName(from: string, to: string): string {
  return `${from} → ${to}`
}

/** Rows are sources, columns targets. A pair that did not get to its end is `FAILED`. */
export function pairsTable(cells: Cells): string {
  return table(
    ['from \\ to', ...MATRIX],
    MATRIX.map((from) => [`**${from}**`, ...MATRIX.map((to) => cells.get(cellName(from, to)) ?? 'FAILED')]),
  )
}

export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  return [line(head), `|${'---|'.repeat(head.length)}`, ...rows.map(line)].join('\n')
}

/** Replaces what is between the markers of `name`; the document says nothing that no run has shown. */
export function writeInto(name: string, text: string): void {
  const [begin, end] = [`<!-- ${name}: written by npm run test:matrix -->`, `<!-- /${name} -->`]
  const document = readFileSync(DOCUMENT, 'utf8')
  const [from, to] = [document.indexOf(begin), document.indexOf(end)]
  if (from < 0 || to < from) throw new Error(`docs/compatibility.md lacks the markers ${begin} and ${end}`)
  const written = `${document.slice(0, from + begin.length)}\n${text}\n${document.slice(to)}`
  if (written !== document) writeFileSync(DOCUMENT, written)
}
