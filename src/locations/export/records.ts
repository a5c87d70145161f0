/** The three formats of our own hold the same records: a header, znodes, and an end. */
import { linesOf, parseJson } from './input.ts'
import { jsonEntries } from './json-entries.ts'
import { FormatProblem } from './problem.ts'

export interface PlacedRecord {
  /** As messages say it. */
  where: string
  value: unknown
}

export type OwnFormat = 'ndjson' | 'json' | 'yaml'

/** @throws FormatProblem */
export function recordsOf(format: OwnFormat, texts: AsyncIterable<string>): AsyncGenerator<PlacedRecord> {
  if (format === 'ndjson') return fromLines(texts)
  return format === 'json' ? fromArray(texts) : fromYaml(texts)
}

async function* fromLines(texts: AsyncIterable<string>): AsyncGenerator<PlacedRecord> {
  for await (const entry of linesOf(texts)) {
    if (entry.text.trim() === '') continue
    yield { where: `line ${entry.line}`, value: parseJson(entry) }
  }
}

async function* fromArray(texts: AsyncIterable<string>): AsyncGenerator<PlacedRecord> {
  for await (const { line, key, value } of jsonEntries(texts)) {
    if (key !== null)
      throw new FormatProblem(`line ${line}: it is a JSON object, and an export is a list of records`)
    yield { where: `line ${line}`, value }
  }
}

async function* fromYaml(texts: AsyncIterable<string>): AsyncGenerator<PlacedRecord> {
  // Loaded only here: nobody else needs it.
  const { documentsOf } = await import('./yaml-documents.ts')
  yield* documentsOf(texts)
}
