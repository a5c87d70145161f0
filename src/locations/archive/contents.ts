/** A generation's table of contents: which pieces it has, in the order of their znodes. */
import { ByteReader, ByteWriter } from './bytes.ts'
import type { ChunkRef } from './chunk-store.ts'

const ID_BYTES = 32
const SURROGATE = /[\ud800-\udfff]/

export interface PieceRef {
  /** Its first znode. */
  parent: string
  name: string
  znodes: number
  head: ChunkRef
  /** `null` when no znode of it has data, or only empty ones. */
  body: ChunkRef | null
}

export function encodeContents(pieces: readonly PieceRef[]): Buffer {
  const out = new ByteWriter().number(pieces.length)
  for (const { parent, name, znodes, head, body } of pieces) {
    out.text(parent).text(name).number(znodes)
    out.raw(head.id).number(head.bytes)
    out.number(body?.bytes ?? 0)
    if (body !== null) out.raw(body.id)
  }
  return out.take()
}

/** @throws RangeError when it is no table of contents. */
export function decodeContents(bytes: Buffer): PieceRef[] {
  const input = new ByteReader(bytes)
  const pieces: PieceRef[] = []
  for (let left = input.number(); left > 0; left--) {
    const [parent, name, znodes] = [input.text(), input.text(), input.number()]
    const head = { id: input.raw(ID_BYTES), bytes: input.number() }
    const length = input.number()
    const body = length === 0 ? null : { id: input.raw(ID_BYTES), bytes: length }
    pieces.push({ parent, name, znodes, head, body })
  }
  input.end()
  return pieces
}

/** The order of the znodes: by parent, then by name, both as UTF-8. */
export function compareKeys(parentA: string, nameA: string, parentB: string, nameB: string): number {
  return compareText(parentA, parentB) || compareText(nameA, nameB)
}

function compareText(a: string, b: string): number {
  if (a === b) return 0
  // Without surrogates, UTF-16 sorts as UTF-8 does.
  if (SURROGATE.test(a) || SURROGATE.test(b)) return Buffer.compare(Buffer.from(a), Buffer.from(b))
  return a < b ? -1 : 1
}
