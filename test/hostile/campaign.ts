/** So many frames of all kinds of attacks in memory, the same for the same seed. */
import fc from 'fast-check'
import { type Conversation, RECORDED_VERSIONS, readConversation } from '../../fixtures/conversations.ts'
import { RandomStream } from '../../fixtures/random.ts'
import { attackDecoders } from './decoders.ts'
import { type Exchange, type Exchanges, exchangesOf } from './exchanges.ts'
import { framed } from './mutate.ts'
import { attack, attackRecorded } from './wire.ts'

export interface CampaignReport {
  frames: number
  /** The most that was in use beyond the start, in bytes: heap and buffers. */
  grown: number
  /** The longest that one attack took, in milliseconds. */
  longestMs: number
}

export interface CampaignOptions {
  frames: number
  seed: number
  /** Where the conversations are, for programs that run elsewhere than from the sources. */
  folder?: URL
}

const ATTACKS_A_LOOK = 2000

/** @throws what an attack brought about, with the seed and the number of the attack in its message */
export async function campaign({ frames, seed, folder }: CampaignOptions): Promise<CampaignReport> {
  const recorded = RECORDED_VERSIONS.map((version) => exchangesOf(read(version, folder)))
  const report: CampaignReport = { frames: 0, grown: 0, longestMs: 0 }
  const memory = new Growth()
  report.frames += await generated(recorded, seed, Math.floor(frames / 5))
  for (let attacks = 0; report.frames < frames; attacks++) {
    const random = new RandomStream(`${seed} ${attacks}`)
    const conversation = recorded[attacks % recorded.length] as Exchanges
    const begun = performance.now()
    try {
      report.frames +=
        random.below(5) === 0
          ? attackDecoders(conversation, random)
          : await attackRecorded(conversation, random)
    } catch (error) {
      throw new Error(`attack ${attacks} of seed ${seed}: ${(error as Error).message}`, { cause: error })
    }
    report.longestMs = Math.max(report.longestMs, performance.now() - begun)
    if (attacks % ATTACKS_A_LOOK === 0) report.grown = Math.max(report.grown, memory.grown())
  }
  report.grown = Math.max(report.grown, memory.grown())
  return report
}

function read(version: (typeof RECORDED_VERSIONS)[number], folder: URL | undefined): Conversation {
  return folder === undefined ? readConversation(version) : readConversation(version, folder)
}

/** Frames that no server ever sent. */
async function generated(recorded: readonly Exchanges[], seed: number, frames: number): Promise<number> {
  const int = fc.oneof(
    fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
    fc.constantFrom(-1, 0, 1, 2, 3, 2 ** 31 - 1, -(2 ** 31), -4, -8, -101, -112, -115),
  )
  const xid = fc.oneof({ weight: 6, arbitrary: fc.integer({ min: 1, max: 9 }) }, int)
  const long = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })
  const errno = fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, int)
  // A count or a length in front of far fewer bytes, or of as many.
  const field = fc.oneof(
    int.map((value) => ints(value)),
    fc.uint8Array({ maxLength: 24 }).map((bytes) => Buffer.concat([ints(bytes.length), bytes])),
    fc.uint8Array({ maxLength: 24 }).map((bytes) => Buffer.from(bytes)),
    fc.constant(Buffer.alloc(68)),
  )
  const frame = fc
    .tuple(
      xid,
      long,
      errno,
      fc.array(field, { maxLength: 6 }),
      fc.oneof({ weight: 9, arbitrary: fc.constant(null) }, int),
    )
    .map(([id, zxid, err, fields, length]) => {
      const header = Buffer.alloc(16)
      header.writeInt32BE(id, 0)
      header.writeBigInt64BE(zxid, 4)
      header.writeInt32BE(err, 12)
      const payload = Buffer.concat([header, ...fields])
      return framed(payload, length ?? payload.length)
    })
  const exchanges = recorded.flatMap((one) => one.exchanges)
  const streams = fc.tuple(
    fc.array(frame, { minLength: 4, maxLength: 12 }),
    fc.nat(exchanges.length - 1),
    fc.nat(8),
  )
  const numRuns = Math.ceil(frames / 8)
  let sent = 0
  await fc.assert(
    fc.asyncProperty(streams, async ([sending, from, count]) => {
      sent += sending.length
      await attack(exchanges.slice(from, from + 1 + count) as Exchange[], sending)
    }),
    { seed, numRuns },
  )
  return sent
}

function ints(value: number): Buffer {
  const out = Buffer.alloc(4)
  out.writeInt32BE(value, 0)
  return out
}

class Growth {
  readonly #start = inUse()

  grown(): number {
    return inUse() - this.#start
  }
}

function inUse(): number {
  const { heapTotal, external } = process.memoryUsage()
  return heapTotal + external
}
