/**
 * Paths and server texts come from elsewhere: a znode's name may hold an escape sequence that clears the
 * screen, or a mark that turns the text around. Nothing foreign reaches a terminal or a line-based file unescaped.
 */

// Control, format, private-use, unassigned and lone-surrogate code points, and the two line separators.
const UNSAFE = /[\p{C}\p{Zl}\p{Zp}]/gu

/** Makes a text safe to print: `\x1b`, `\u202e`, `\u{e0001}` for what could move the cursor or hide something. */
export function escapeText(text: string): string {
  return text.replace(UNSAFE, (character) => {
    const code = character.codePointAt(0) as number
    if (code <= 0xff) return `\\x${code.toString(16).padStart(2, '0')}`
    if (code <= 0xffff) return `\\u${code.toString(16).padStart(4, '0')}`
    return `\\u{${code.toString(16)}}`
  })
}

/** A path below a root, for people: the root itself is `.`, a name that no znode can have. */
export function escapePath(path: string): string {
  return path === '' ? '.' : escapeText(path)
}

/** The same for a line of JSON: programs read the same value from it, and a terminal sees nothing but plain text. */
export function escapeJson(json: string): string {
  return json.replace(UNSAFE, (character) =>
    Array.from({ length: character.length }, (_, at) => {
      return `\\u${character.charCodeAt(at).toString(16).padStart(4, '0')}`
    }).join(''),
  )
}
