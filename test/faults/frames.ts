/** Frames of ZooKeeper's protocol, as a proxy sees them go by. */

/** What becomes of a frame (with its length): other bytes in its place, or `null` for none. */
export type Alter = (frame: Buffer, info: { connection: number; index: number }) => Buffer | null

/** A function from chunks to what shall be passed on of the frames that they complete. */
export function frames(alter: (frame: Buffer, index: number) => Buffer | null): (chunk: Buffer) => Buffer {
  let pending = Buffer.alloc(0)
  let index = 0
  return (chunk) => {
    // A four-letter word: no frame is that long.
    if (pending.length === 0 && index === 0 && /^[a-z]{4}/.test(chunk.toString('latin1'))) return chunk
    pending = Buffer.concat([pending, chunk])
    const out: Buffer[] = []
    while (pending.length >= 4 && pending.length >= 4 + pending.readInt32BE(0)) {
      const end = 4 + pending.readInt32BE(0)
      const altered = alter(pending.subarray(0, end), index++)
      if (altered) out.push(altered)
      pending = pending.subarray(end)
    }
    return Buffer.concat(out)
  }
}

/** A session that a server has granted: with these, anybody can take it over, and end it. */
export interface SeenSession {
  sessionId: bigint
  password: Buffer
}

/** From the first reply of a connection; `null` when it refuses. */
export function sessionIn(frame: Buffer): SeenSession | null {
  if (frame.length < 40 || frame.readInt32BE(8) <= 0) return null
  return { sessionId: frame.readBigInt64BE(12), password: Buffer.from(frame.subarray(24, 40)) }
}

/** Of a reply. */
export type Part = 'length' | 'xid' | 'zxid' | 'error' | 'body'

const PARTS: Record<Part, [from: number, to: number]> = {
  length: [0, 4],
  xid: [4, 8],
  zxid: [8, 16],
  error: [16, 20],
  body: [20, Number.POSITIVE_INFINITY],
}

/** The frame with one bit of it the other way round. A part that it does not have leaves it as it is. */
export function flipped(frame: Buffer, part: Part, below: (limit: number) => number): Buffer {
  const copy = Buffer.from(frame)
  const [from, last] = PARTS[part]
  const to = Math.min(last, copy.length)
  if (to <= from) return copy
  const at = from + below(to - from)
  copy[at] = (copy[at] as number) ^ (1 << below(8))
  return copy
}
