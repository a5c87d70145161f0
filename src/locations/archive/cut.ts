/**
 * Where a tree is cut into pieces. Only the path and the size of a znode decide whether a piece ends with it, so that
 * a change elsewhere moves no cut, and the next generation finds its unchanged pieces stored already.
 */

/** What a piece has on average, in bytes before compression. */
const USUAL = 128 * 1024
/** A piece ends here at the latest; one znode may be larger. */
const MOST = 4 * USUAL

export class Cutter {
  #bytes = 0

  /** Whether a piece ends with this znode; `bytes` is about what it takes. */
  endsWith(parent: string, name: string, bytes: number): boolean {
    this.#bytes += bytes
    const ends = this.#bytes >= MOST || chance(parent, name) * USUAL < bytes
    if (ends) this.#bytes = 0
    return ends
  }
}

/** From 0 up to 1, always the same for the same path: FNV-1a, its bits spread by MurmurHash3's last steps. */
function chance(parent: string, name: string): number {
  let hash = stir(stir(0x811c9dc5, parent) ^ 0x2f, name)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return ((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32
}

function stir(start: number, text: string): number {
  let hash = start
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193)
  return hash
}
