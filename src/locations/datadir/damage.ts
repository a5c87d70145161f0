/** What is wrong with a file of a data directory: where, and one clause for a person. */

/**
 * `empty`: no byte, or no header. `truncated`: ends in the middle. `checksum`: bytes are not what was written.
 * `malformed`: what stands there cannot be. `unreadable`: the file system says no.
 */
export type DamageKind = 'empty' | 'truncated' | 'checksum' | 'malformed' | 'unreadable'

export class Damage extends Error {
  override name = 'Damage'
  readonly kind: DamageKind
  /** The file's path. */
  readonly file: string
  /** Bytes from the beginning; of what a compressed file holds, not of the file. */
  readonly at: number
  /** Completes the sentence "FILE …". */
  readonly what: string

  constructor(kind: DamageKind, file: string, at: number, what: string, options?: ErrorOptions) {
    super(`${file} ${what}`, options)
    this.kind = kind
    this.file = file
    this.at = at
    this.what = what
  }
}
