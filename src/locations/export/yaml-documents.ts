/** YAML, a document for each record, so that one suffices in memory. */
import { parse, stringify, YAMLError } from 'yaml'
import { type Entry, linesOf, MOST_CHARACTERS, tooLong } from './input.ts'
import { FormatProblem } from './problem.ts'
import type { PlacedRecord } from './records.ts'
import { hides, showHidden } from './text.ts'

/** A record as a document, with what begins it. */
export function documentOf(record: object): string {
  const path = (record as { path?: string }).path
  // Only a path may hide something: data and ids would be base64.
  if (path === undefined || !hides(path)) return `---\n${stringify(record, { lineWidth: 0 })}`
  const { path: _, ...fields } = record as { path: string }
  return showHidden(`---\npath: ${JSON.stringify(path)}\n${stringify(fields, { lineWidth: 0 })}`)
}

/** Indented text never looks like what begins a document. @throws FormatProblem */
export async function* documentsOf(texts: AsyncIterable<string>): AsyncGenerator<PlacedRecord> {
  let [lines, line, length]: [string[], number, number] = [[], 1, 0]
  for await (const { line: at, text: raw } of linesOf(texts)) {
    const text = raw.endsWith('\r') ? raw.slice(0, -1) : raw
    if (text === '---') {
      if (lines.some((text) => text.trim() !== '')) yield document({ line, text: `${lines.join('\n')}\n` })
      ;[lines, line, length] = [[], at + 1, 0]
    } else {
      length += text.length + 1
      if (length > MOST_CHARACTERS) throw tooLong(line, 'a document')
      lines.push(text)
    }
  }
  if (lines.some((text) => text.trim() !== '')) yield document({ line, text: `${lines.join('\n')}\n` })
}

function document({ line, text }: Entry): PlacedRecord {
  const where = `the document at line ${line}`
  try {
    // Aliases could make much of little, and no export has one.
    return { where, value: parse(text, { maxAliasCount: 0, uniqueKeys: true, logLevel: 'error' }) }
  } catch (error) {
    const why =
      error instanceof YAMLError || error instanceof ReferenceError || error instanceof SyntaxError
        ? (error.message.split('\n', 1)[0] as string).replace(/ at line \d+, column \d+:?$/, '')
        : 'it is nested too deep'
    throw new FormatProblem(`${where} is no YAML: ${why}`)
  }
}
