import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { FrameAssembler } from '../../../src/zookeeper/wire/framing.ts'
import { MalformedRecordError } from '../../../src/zookeeper/wire/reader.ts'

function framed(payloads: readonly Buffer[]): Buffer {
  return Buffer.concat(
    payloads.flatMap((payload) => {
      const length = Buffer.alloc(4)
      length.writeInt32BE(payload.length)
      return [length, payload]
    }),
  )
}

function assemble(chunks: readonly Buffer[], frames = new FrameAssembler(64 * 1024 * 1024)): Buffer[] {
  const payloads: Buffer[] = []
  for (const chunk of chunks) {
    frames.push(chunk)
    for (let frame = frames.next(); frame !== null; frame = frames.next()) payloads.push(frame)
  }
  return payloads
}

function cut(bytes: Buffer, offsets: readonly number[]): Buffer[] {
  const ends = [...new Set(offsets)].sort((a, b) => a - b)
  return [0, ...ends].map((start, index) => bytes.subarray(start, ends[index] ?? bytes.length))
}

const payloads = fc.array(
  fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
  { maxLength: 12 },
)

describe('framing', () => {
  test('a split at every byte offset changes nothing', () => {
    fc.assert(
      fc.property(payloads, (expected) => {
        const bytes = framed(expected)
        for (let offset = 0; offset <= bytes.length; offset++) {
          expect(assemble([bytes.subarray(0, offset), bytes.subarray(offset)])).toEqual(expected)
        }
      }),
      { numRuns: 50 },
    )
  })

  test('any chunks at all change nothing, single bytes included', () => {
    fc.assert(
      fc.property(payloads, fc.array(fc.nat(200)), (expected, offsets) => {
        const bytes = framed(expected)
        const chunks = cut(
          bytes,
          offsets.map((offset) => Math.min(offset, bytes.length)),
        )
        expect(assemble(chunks)).toEqual(expected)
        expect(assemble([...bytes].map((byte) => Buffer.from([byte])))).toEqual(expected)
      }),
    )
  })

  test('a frame within a chunk is a view of it', () => {
    const chunk = framed([Buffer.from('one'), Buffer.from('two')])
    for (const frame of assemble([chunk])) expect(frame.buffer).toBe(chunk.buffer)
  })

  test('a frame of several megabytes grows as its bytes come in', () => {
    const payload = Buffer.alloc(5 * 1024 * 1024 + 3, 'zookeeper')
    const bytes = framed([payload, Buffer.from('next')])
    const chunks = Array.from({ length: Math.ceil(bytes.length / 65536) }, (_, index) =>
      bytes.subarray(index * 65536, (index + 1) * 65536),
    )
    const [large, next] = assemble(chunks)
    expect(large?.equals(payload)).toBe(true)
    expect(next?.toString()).toBe('next')
  })

  test('a length of 2³¹−1 allocates no more than a megabyte', () => {
    const frames = new FrameAssembler(2 ** 31 - 1)
    const before = process.memoryUsage().arrayBuffers
    expect(assemble([Buffer.from('7fffffff00', 'hex')], frames)).toEqual([])
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(2 * 1024 * 1024)
  })

  test.for(['80000000', 'ffffffff', '04000001', '7fffffff'])('a length of 0x%s is refused', (length) => {
    const hostile = Buffer.from(length, 'hex')
    expect(() => assemble([hostile])).toThrow(MalformedRecordError)
    expect(() => assemble([hostile.subarray(0, 1), hostile.subarray(1)])).toThrow(MalformedRecordError)
  })
})
