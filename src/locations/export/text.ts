/** Bytes as text where nobody who reads it is misled: valid UTF-8 that is all there to be seen. */
import { isUtf8 } from 'node:buffer'

/** Control, format, private and surrogate code points, those that are none, and the two line separators. */
const HIDDEN = /[\p{Cc}\p{Cf}\p{Co}\p{Cs}\p{Zl}\p{Zp}\p{Noncharacter_Code_Point}]/u
const HIDDEN_BUT_LAYOUT = /(?![\t\n\r])[\p{Cc}\p{Cf}\p{Co}\p{Cs}\p{Zl}\p{Zp}\p{Noncharacter_Code_Point}]/u
const ALL_HIDDEN = new RegExp(HIDDEN, 'gu')

/** `null` for bytes that are better shown as base64. Tabs and line ends are text. */
export function plainText(bytes: Buffer): string | null {
  if (!isUtf8(bytes)) return null
  const text = bytes.toString()
  return HIDDEN_BUT_LAYOUT.test(text) ? null : text
}

/** Whether something in it would not be seen, or would turn what is around it. */
export function hides(text: string): boolean {
  return HIDDEN.test(text)
}

/** Within a quoted string of JSON or YAML: what is hidden as `\uXXXX`. */
export function showHidden(quoted: string): string {
  // A line end is the file's own: inside of strings it is escaped already.
  return quoted.replace(ALL_HIDDEN, (character) => {
    if (character === '\n') return character
    return Array.from(
      { length: character.length },
      (_, at) => `\\u${character.charCodeAt(at).toString(16).padStart(4, '0')}`,
    ).join('')
  })
}

/** `null` for what is no text that UTF-8 can hold, or no base64. */
export function bytesOf(text: string, encoding: 'utf8' | 'base64'): Buffer | null {
  if (encoding === 'utf8') return /\p{Cs}/u.test(text) ? null : Buffer.from(text)
  const bytes = Buffer.from(text, 'base64')
  // Node takes whatever it finds; what is not the base64 of these bytes is a mistake.
  return bytes.toString('base64') === text ? bytes : null
}
