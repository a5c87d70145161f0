/** The entries of one JSON array or object, one by one: the whole of it is never in memory. */
import { type Entry, MOST_CHARACTERS, MOST_DEPTH, sample, tooDeep, tooLong } from './input.ts'
import { FormatProblem } from './problem.ts'

/** `key` is `null` in an array. */
export interface JsonEntry {
  line: number
  key: string | null
  value: unknown
}

const [QUOTE, BACKSLASH, COMMA, LINE_END] = [34, 92, 44, 10]
const [OPEN_LIST, CLOSE_LIST, OPEN_OBJECT, CLOSE_OBJECT] = [91, 93, 123, 125]

/** @throws FormatProblem */
export async function* jsonEntries(texts: AsyncIterable<string>): AsyncGenerator<JsonEntry> {
  let opener = 0
  let depth = 0
  let [inText, escaped, closed] = [false, false, false]
  let entries = 0
  let line = 1
  let begun: Entry = { line: 1, text: '' }
  let pieces: string[] = []
  let length = 0

  const add = (piece: string) => {
    length += piece.length
    if (length > MOST_CHARACTERS) throw tooLong(begun.line, 'an entry')
    pieces.push(piece)
  }
  const take = (ended: boolean): JsonEntry | null => {
    const text = pieces.join('')
    ;[pieces, length] = [[], 0]
    const at = begun.line + lineEndsBefore(text)
    begun = { line, text: '' }
    if (text.trim() === '') {
      if (ended && entries === 0) return null
      throw new FormatProblem(`line ${at}: there is nothing where an entry should be`)
    }
    entries++
    return parseEntry(text, at, opener === OPEN_OBJECT)
  }

  for await (const text of texts) {
    let from = 0
    for (let at = 0; at < text.length; at++) {
      const code = text.charCodeAt(at)
      if (code === LINE_END) line++
      if (inText) {
        if (escaped) escaped = false
        else if (code === BACKSLASH) escaped = true
        else if (code === QUOTE) inText = false
        continue
      }
      if (depth === 0) {
        if (code === 32 || (code >= 9 && code <= 13)) continue
        if (closed) throw new FormatProblem(`line ${line}: something comes after the end`)
        if (code !== OPEN_LIST && code !== OPEN_OBJECT)
          throw new FormatProblem(`line ${line} is no JSON object or list: ${sample(text.slice(at))}`)
        opener = code
        ;[depth, from] = [1, at + 1]
        begun = { line, text: '' }
        continue
      }
      if (code === QUOTE) inText = true
      else if (code === OPEN_LIST || code === OPEN_OBJECT) {
        if (++depth > MOST_DEPTH) throw tooDeep(line)
      } else if (code === CLOSE_LIST || code === CLOSE_OBJECT) {
        if (--depth > 0) continue
        if (code !== opener + 2) throw new FormatProblem(`line ${line}: the wrong bracket closes`)
        add(text.slice(from, at))
        closed = true
        const entry = take(true)
        if (entry !== null) yield entry
        from = at + 1
      } else if (code === COMMA && depth === 1) {
        add(text.slice(from, at))
        yield take(false) as JsonEntry
        from = at + 1
      }
    }
    if (depth > 0) add(text.slice(from))
  }
  if (!closed) throw new FormatProblem('it ends in the middle: it is cut off')
}

function parseEntry(text: string, line: number, keyed: boolean): JsonEntry {
  try {
    if (!keyed) return { line, key: null, value: JSON.parse(text) }
    const [[key, value] = []] = Object.entries(JSON.parse(`{${text}}`) as object)
    if (key !== undefined) return { line, key, value }
  } catch {
    // Told below.
  }
  throw new FormatProblem(`line ${line} is no JSON: ${sample(text.trim())}`)
}

/** An entry begins where its text does. */
function lineEndsBefore(text: string): number {
  const blank = text.length - text.trimStart().length
  return text.slice(0, blank).split('\n').length - 1
}
