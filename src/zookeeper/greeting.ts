/** Tells from its first bytes whether what answers on a port is ZooKeeper. */
import { CONNECT_RESPONSE_BYTES, type ConnectResponse, readConnectResponse } from './operations/connect.ts'
import { JuteReader, MalformedRecordError } from './wire/reader.ts'

export type Greeting =
  | { kind: 'partial' }
  | { kind: 'foreign'; what: string }
  | { kind: 'response'; response: ConnectResponse; rest: Buffer }

/** @param bytes all that has come in so far */
export function readGreeting(bytes: Buffer): Greeting {
  if (!CONNECT_RESPONSE_BYTES.some((length) => beginsWithLength(bytes, length))) return foreign(bytes)
  if (bytes.length < 4) return { kind: 'partial' }
  const end = 4 + bytes.readInt32BE(0)
  if (bytes.length < end) return { kind: 'partial' }
  try {
    const response = readConnectResponse(new JuteReader(bytes.subarray(4, end)))
    return { kind: 'response', response, rest: bytes.subarray(end) }
  } catch (error) {
    if (error instanceof MalformedRecordError) return foreign(bytes)
    throw error
  }
}

function beginsWithLength(bytes: Buffer, length: number): boolean {
  const expected = Buffer.alloc(4)
  expected.writeInt32BE(length)
  const seen = Math.min(4, bytes.length)
  return bytes.subarray(0, seen).equals(expected.subarray(0, seen))
}

function foreign(bytes: Buffer): Greeting {
  return { kind: 'foreign', what: describe(bytes) }
}

function describe(bytes: Buffer): string {
  const text = bytes.toString('latin1', 0, 24)
  if (text.startsWith('HTTP/')) return 'it speaks HTTP'
  if (bytes[0] === 0x15 && bytes[1] === 0x03) return 'it speaks TLS'
  const printable = /^[\x20-\x7e]{4,}/.exec(text)
  if (printable) return `it answers with ${JSON.stringify(printable[0])}`
  return `it answers with the bytes ${bytes.toString('hex', 0, 16)}`
}
