/** Puts right checksums on damaged files, so that what is behind the checksums is put to the test, too. */
import { ADLER_START, adler32 } from '../../../src/locations/datadir/adler32.ts'

export function sealed(name: string, bytes: Buffer): Buffer {
  if (name.startsWith('log.')) return sealedLog(bytes)
  return name.endsWith('.gz') ? bytes : sealedSnapshot(bytes)
}

/** The first seal, where it is without a trailer: the files of 3.4. */
function sealedSnapshot(bytes: Buffer): Buffer {
  const at = bytes.length - 13
  if (at > 0) bytes.writeBigInt64BE(BigInt(adler32(ADLER_START, bytes, 0, at)), at)
  return bytes
}

function sealedLog(bytes: Buffer): Buffer {
  for (let at = 16; at + 12 <= bytes.length; ) {
    const length = bytes.readInt32BE(at + 8)
    if (length <= 0 || at + 12 + length > bytes.length) break
    bytes.writeBigInt64BE(BigInt(adler32(ADLER_START, bytes, at + 12, at + 12 + length)), at)
    at += 13 + length
  }
  return bytes
}
