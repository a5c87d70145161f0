/** What is wrong with a file that is read. `message` is the end of a sentence that begins with where. */
export class FormatProblem extends Error {
  override name = 'FormatProblem'
}

/** The value as messages show it: never a whole page of it. */
export function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value)
  return text.length <= 80 ? text : `${text.slice(0, 77)}…`
}
