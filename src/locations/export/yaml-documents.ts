/** YAML, a document for each record, so that one suffices in memory. */
import { Lexer, parse, stringify } from 'yaml'
import { type Entry, linesOf, MOST_CHARACTERS, MOST_DEPTH, tooDeep, tooLong } from './input.ts'
import { FormatProblem } from './problem.ts'
import type { PlacedRecord } from './records.ts'
import { hides, showHidden } from './text.ts'

/** A record as a document, with what begins it. */
export function documentOf(record: object): string {
  const json = JSON.stringify(record)
  // A path may hide something, and only within quotes can that be shown. JSON is YAML, too.
  return `---\n${hides(json) ? `${showHidden(json)}\n` : stringify(record, { lineWidth: 0 })}`
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
  checkShape(text, line)
  try {
    // Aliases could make much of little, and no export has one.
    return { where, value: parse(text, { maxAliasCount: 0, uniqueKeys: true, logLevel: 'error' }) }
  } catch (error) {
    const why = ((error as Error).message.split('\n', 1)[0] as string).replace(
      / at line \d+, column \d+:?$/,
      '',
    )
    throw new FormatProblem(`${where} is no YAML: ${why}`)
  }
}

/** Columns before what is no text: a record has two levels. */
const MOST_INDENTATION = 64
/** Entries of lists and mappings in one record. */
const MOST_ENTRIES = 20_000
/** What precedes a scalar, which may hold anything. */
const SCALAR = '\u001f'

/**
 * The parser is recursive, and compares every key with every other: what is nested without end, or has keys without
 * end, would end this process. The lexer is neither. @throws FormatProblem
 */
function checkShape(text: string, line: number): void {
  let [depth, onLine, entries] = [0, 0, 0]
  let [isScalar, atStart] = [false, true]
  for (const token of new Lexer().lex(text)) {
    if (isScalar || token === SCALAR) {
      ;[isScalar, atStart] = [!isScalar, false]
      continue
    }
    const first = token[0] as string
    if (first === '\n' || first === '\r') [onLine, atStart] = [0, true]
    else if (first === ' ') {
      if (atStart && token.length > MOST_INDENTATION) throw tooDeep(line)
    } else {
      atStart = false
      if (first === '[' || first === '{') depth++
      else if (first === ']' || first === '}') depth--
      else if (first === ',') onLine = 0
      else onLine++
      if (depth > MOST_DEPTH || onLine > MOST_DEPTH) throw tooDeep(line)
      if (++entries > MOST_ENTRIES)
        throw new FormatProblem(`the document at line ${line} has more than ${MOST_ENTRIES} entries`)
    }
  }
}
