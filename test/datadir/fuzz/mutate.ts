/** Damages a file, the same for the same numbers. */
import type { RandomStream } from '../../../fixtures/random.ts'

const FORGED = [-1, 0, 1, 2, 255, 0x10000, 0x1000000, 0x10000000, 0x7fffffff, -0x80000000, -2]

type Mutation = (bytes: Buffer, random: RandomStream) => Buffer

/** By name, so that a failure tells what was done. */
export const MUTATIONS: Record<string, Mutation> = {
  'a bit flipped': (bytes, random) => {
    const at = random.below(bytes.length)
    bytes[at] = (bytes[at] as number) ^ (1 << random.below(8))
    return bytes
  },
  'some bytes flipped': (bytes, random) => {
    for (let left = 1 + random.below(8); left > 0; left--)
      bytes[random.below(bytes.length)] = random.below(256)
    return bytes
  },
  cut: (bytes, random) => bytes.subarray(0, random.below(bytes.length)),
  'cut near an end': (bytes, random) => bytes.subarray(0, Math.max(0, bytes.length - random.below(80))),
  'a number forged': (bytes, random) => {
    if (bytes.length < 4) return bytes
    bytes.writeInt32BE(FORGED[random.below(FORGED.length)] as number, random.below(bytes.length - 3))
    return bytes
  },
  'a piece taken out': (bytes, random) => {
    const from = random.below(bytes.length)
    return Buffer.concat([bytes.subarray(0, from), bytes.subarray(from + 1 + random.below(200))])
  },
  'a piece repeated': (bytes, random) => {
    const from = random.below(bytes.length)
    const to = Math.min(bytes.length, from + 1 + random.below(200))
    return Buffer.concat([bytes.subarray(0, to), bytes.subarray(from)])
  },
  'a piece zeroed': (bytes, random) => {
    const from = random.below(bytes.length)
    bytes.fill(0, from, Math.min(bytes.length, from + 1 + random.below(500)))
    return bytes
  },
  'more at the end': (bytes, random) => {
    const more = Buffer.from(Array.from({ length: 1 + random.below(100) }, () => random.below(256)))
    return Buffer.concat([bytes, random.below(2) === 0 ? more : Buffer.alloc(more.length)])
  },
  emptied: () => Buffer.alloc(0),
}
