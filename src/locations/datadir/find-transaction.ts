/** Looks for a whole transaction behind damage: what tells a log that broke off from one that lost a part. */
import { ADLER_START, adler32 } from './adler32.ts'
import type { FileFeed } from './feeds.ts'
import { TXN_HEADER_BYTES, type TxnType, txnTypes } from './transaction.ts'

const CHUNK = 1024 * 1024
const ENTRY_BYTES = 12
const END_OF_RECORD = 0x42
/** Zxids of one log do not spread over more epochs than this. */
const MOST_EPOCHS = 1n << 24n
/** Checksums of what only looks like a transaction are computed over so many times the file's size, then no more. */
const MOST_EFFORT = 4

/** The first at or after `from`, with a zxid above `after`. Null when there is none. */
export async function findTransaction(
  file: FileFeed,
  from: number,
  after: bigint,
): Promise<{ at: number; zxid: bigint } | null> {
  let effort = 0
  for (let base = from; base + ENTRY_BYTES + TXN_HEADER_BYTES < file.size; base += CHUNK) {
    const bytes = await file.readAt(base, CHUNK + ENTRY_BYTES + TXN_HEADER_BYTES)
    const last = Math.min(CHUNK, bytes.length - ENTRY_BYTES - TXN_HEADER_BYTES + 1)
    for (let at = 0; at < last; at++) {
      const length = plausible(bytes, at, file.size - base, after)
      if (length === 0) continue
      const position = base + at
      effort += length
      if (effort > file.size * MOST_EFFORT) return null
      const whole = await file.readAt(position, ENTRY_BYTES + length + 1)
      if (whole.length < ENTRY_BYTES + length + 1 || whole[ENTRY_BYTES + length] !== END_OF_RECORD) continue
      const sum = adler32(ADLER_START, whole, ENTRY_BYTES, ENTRY_BYTES + length)
      if (whole.readUInt32BE(4) === sum) {
        return { at: position, zxid: whole.readBigInt64BE(ENTRY_BYTES + 12) }
      }
    }
  }
  return null
}

/** The length of the transaction that may begin at `at`; 0 when none can. */
function plausible(bytes: Buffer, at: number, left: number, after: bigint): number {
  // The checksum has 32 bits of 64, so the first four bytes are zero; the first of the length is, too.
  if (bytes[at] !== 0 || bytes[at + 1] !== 0 || bytes[at + 2] !== 0 || bytes[at + 3] !== 0) return 0
  const length = bytes.readInt32BE(at + 8)
  if (length < TXN_HEADER_BYTES || at + ENTRY_BYTES + length + 1 > left) return 0
  const type = bytes.readInt32BE(at + ENTRY_BYTES + TXN_HEADER_BYTES - 4)
  if (!txnTypes.has(type as TxnType)) return 0
  const zxid = bytes.readBigInt64BE(at + ENTRY_BYTES + 12)
  return zxid > after && zxid >> 32n < (after >> 32n) + MOST_EPOCHS ? length : 0
}
