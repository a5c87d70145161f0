/** A file as text, piece by piece: unpacked where it is gzip, and never more of it in memory than one entry may have. */
import { FormatProblem } from './problem.ts'

/** What one line or entry may have: a server's largest znode many times over. In characters. */
export const MOST_CHARACTERS = 64 * 1024 * 1024

export interface Entry {
  /** Where it begins, counted from 1. */
  line: number
  text: string
}

/** @throws FormatProblem for what is not UTF-8. */
export async function* decoded(chunks: AsyncIterable<Buffer>): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true })
  let read = 0
  const decode = (chunk?: Buffer) => {
    try {
      return decoder.decode(chunk, { stream: chunk !== undefined })
    } catch {
      throw new FormatProblem(`it is no UTF-8 text, near byte ${read}`)
    }
  }
  for await (const chunk of chunks) {
    yield decode(chunk)
    read += chunk.length
  }
  yield decode()
}

/** Lines without their ends. @throws FormatProblem for one without end. */
export async function* linesOf(texts: AsyncIterable<string>): AsyncGenerator<Entry> {
  let line = 1
  let pieces: string[] = []
  let length = 0
  const add = (piece: string) => {
    length += piece.length
    if (length > MOST_CHARACTERS) throw tooLong(line, 'the line')
    pieces.push(piece)
  }
  for await (const text of texts) {
    let from = 0
    for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n', from)) {
      add(text.slice(from, end))
      const whole = pieces.length === 1 ? (pieces[0] as string) : pieces.join('')
      yield { line, text: whole }
      ;[pieces, length, from] = [[], 0, end + 1]
      line++
    }
    if (from < text.length) add(text.slice(from))
  }
  if (length > 0) yield { line, text: pieces.join('') }
}

export function tooLong(line: number, what: string): FormatProblem {
  return new FormatProblem(
    `line ${line}: ${what} has more than ${MOST_CHARACTERS / 1024 / 1024} Mi characters, and no znode is that large`,
  )
}

/** How deep brackets may be nested: what is read here has four levels. */
export const MOST_DEPTH = 32

/** @throws FormatProblem */
export function parseJson({ line, text }: Entry): unknown {
  if (nestedTooDeep(text)) throw tooDeep(line)
  try {
    return JSON.parse(text)
  } catch {
    throw new FormatProblem(`line ${line} is no JSON: ${sample(text)}`)
  }
}

export function tooDeep(line: number): FormatProblem {
  return new FormatProblem(`line ${line}: it is nested more than ${MOST_DEPTH} deep, and no znode is`)
}

export function sample(text: string): string {
  return JSON.stringify(text.length <= 60 ? text : `${text.slice(0, 57)}…`)
}

/** Few brackets cannot be nested deep, wherever they are. */
function nestedTooDeep(text: string): boolean {
  let [opened, at] = [0, -1]
  for (const bracket of ['{', '[']) {
    at = -1
    while (opened <= MOST_DEPTH) {
      at = text.indexOf(bracket, at + 1)
      if (at < 0) break
      opened++
    }
  }
  if (opened <= MOST_DEPTH) return false
  let [depth, inText] = [0, false]
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index)
    if (inText) {
      if (code === 92) index++
      else if (code === 34) inText = false
    } else if (code === 34) inText = true
    else if (code === 91 || code === 123) {
      if (++depth > MOST_DEPTH) return true
    } else if (code === 93 || code === 125) depth--
  }
  return false
}
