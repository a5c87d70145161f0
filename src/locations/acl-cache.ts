/** A tree has few distinct ACLs: each is decoded once, and equal lists are one object. */
import { type AclEntry, type AclList, aclList } from '../tree/acl.ts'
import { decodeAcl, encodeAcl } from '../zookeeper/index.ts'

const MOST_KEPT = 10_000

export class AclCache {
  readonly #lists = new Map<string, AclList>()
  readonly #hidden: Buffer[] = []

  /** Entries of this digest id are left out from now on: they are the tool's own, and not there to stay. */
  hide(id: string): void {
    this.#hidden.push(Buffer.from(id))
    this.#lists.clear()
  }

  /** `bytes`: the raw jute vector. */
  list(bytes: Buffer): AclList {
    const key = bytes.toString('latin1')
    const known = this.#lists.get(key)
    if (known !== undefined) return known
    if (this.#lists.size === MOST_KEPT) this.#lists.clear()
    // A copy: the bytes are a view of a frame, which must not stay in memory for it.
    const entries = decodeAcl(Buffer.from(bytes))
    const list = aclList(this.#hidden.length === 0 ? entries : entries.filter((entry) => !this.#hides(entry)))
    this.#lists.set(key, list)
    return list
  }

  /** Whether an entry was left out, of a list as the server has it. */
  hidesPartOf(bytes: Buffer): boolean {
    return decodeAcl(bytes).some((entry) => this.#hides(entry))
  }

  #hides({ scheme, id }: AclEntry): boolean {
    return scheme === 'digest' && this.#hidden.some((hidden) => hidden.equals(id))
  }
}

const encoded = new WeakMap<AclList, Buffer>()

/** The jute vector, in the server's order of entries; made once for each list. */
export function rawAcl(list: AclList): Buffer {
  const known = encoded.get(list)
  if (known !== undefined) return known
  const bytes = encodeAcl(list.entries)
  encoded.set(list, bytes)
  return bytes
}
