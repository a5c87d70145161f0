/** Bytes as an attacker would send them: recorded ones with something wrong, or nothing recorded at all. */
import type { RandomStream } from '../../fixtures/random.ts'

const INTERESTING = [
  -1,
  0,
  1,
  2,
  4,
  127,
  255,
  65_535,
  2 ** 20,
  2 ** 31 - 1,
  -(2 ** 31),
  -2,
  -101,
  -112,
  -115,
  -124,
]

/** A frame as it goes over the wire. */
export function framed(payload: Buffer, length = payload.length): Buffer {
  const out = Buffer.alloc(4 + payload.length)
  out.writeInt32BE(length | 0, 0)
  payload.copy(out, 4)
  return out
}

function interesting(random: RandomStream): number {
  return INTERESTING[random.below(INTERESTING.length)] as number
}

function bytes(random: RandomStream, length: number): Buffer {
  return Buffer.from(Array.from({ length }, () => random.below(256)))
}

/** Changes what is in a payload. */
export function mutatePayload(payload: Buffer, random: RandomStream): Buffer {
  const changed = Buffer.from(payload)
  if (changed.length === 0) return bytes(random, random.below(24))
  const at = random.below(changed.length)
  switch (random.below(9)) {
    case 0:
      changed[at] = (changed[at] as number) ^ (1 << random.below(8))
      return changed
    case 1:
      changed[at] = random.below(256)
      return changed
    case 2:
    case 3:
      // A length, a count, a type, an error code, a part of a number: wherever it falls.
      if (changed.length >= 4) changed.writeInt32BE(interesting(random), Math.min(at, changed.length - 4))
      return changed
    case 4:
      return changed.subarray(0, at)
    case 5:
      return Buffer.concat([changed, bytes(random, 1 + random.below(32))])
    case 6:
      return Buffer.concat([changed.subarray(0, at), changed])
    case 7:
      return Buffer.concat([changed.subarray(0, at), bytes(random, random.below(16)), changed.subarray(at)])
    default: {
      // The header: xid, zxid, error.
      if (changed.length < 16) return changed
      const field = random.below(3)
      if (field === 0) changed.writeInt32BE(interesting(random), 0)
      else if (field === 1)
        changed.writeBigInt64BE(BigInt(interesting(random)) << BigInt(random.below(33)), 4)
      else changed.writeInt32BE(interesting(random), 12)
      return changed
    }
  }
}

/** Changes a stream of payloads, and makes wire frames of it. */
export function mutateStream(payloads: readonly Buffer[], random: RandomStream, times: number): Buffer[] {
  const frames = payloads.map((payload) => framed(payload))
  for (let left = times; left > 0; left--) {
    const at = random.below(Math.max(1, frames.length))
    const frame = frames[at] ?? framed(bytes(random, random.below(64)))
    switch (random.below(10)) {
      case 0:
        frames.splice(at, 1)
        break
      case 1:
        frames.splice(at, 0, frame)
        break
      case 2: {
        const other = random.below(Math.max(1, frames.length))
        const [a, b] = [frames[at], frames[other]]
        if (a !== undefined && b !== undefined) [frames[at], frames[other]] = [b, a]
        break
      }
      case 3:
        frames.splice(at, 0, framed(bytes(random, random.below(64))))
        break
      case 4:
        // A length that lies.
        frames[at] = framed(
          frame.subarray(4),
          random.below(2) === 0 ? interesting(random) : frame.length - 4 + random.below(9) - 4,
        )
        break
      case 5:
        // No frame at all.
        frames.splice(at, 0, bytes(random, 1 + random.below(12)))
        break
      default:
        frames[at] = framed(mutatePayload(frame.subarray(4), random))
    }
  }
  return frames
}

/** The same bytes in other pieces. */
export function rechunk(frames: readonly Buffer[], random: RandomStream): Buffer[] {
  if (random.below(2) === 0) return [...frames]
  const all = Buffer.concat(frames)
  const chunks: Buffer[] = []
  for (let at = 0; at < all.length; ) {
    const end = Math.min(all.length, at + 1 + random.below(random.below(4) === 0 ? 3 : 96))
    chunks.push(all.subarray(at, end))
    at = end
  }
  return chunks
}
