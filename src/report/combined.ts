/** `verify --combined`: a mark and a path for every znode, one a line; the root's path is empty. */
import { escapeText } from './escape.ts'

export type Mark = '=' | '*' | '+' | '-' | '!'

export function combinedLine(mark: Mark, path: string): string {
  return `${mark} ${escapeText(path)}`
}
