import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { JuteReader, MalformedRecordError } from '../../../src/zookeeper/wire/reader.ts'
import {
  type Acl,
  decodeAcl,
  encodeAcl,
  readAcl,
  readStat,
  STAT_BYTES,
  type Stat,
  writeAcl,
  writeStat,
} from '../../../src/zookeeper/wire/records.ts'
import { encode, JuteWriter } from '../../../src/zookeeper/wire/writer.ts'

const int = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })
const long = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })
const text = fc.string({ unit: 'grapheme' })
const bytes = fc.uint8Array({ maxLength: 64 }).map((array) => Buffer.from(array))

const stat: fc.Arbitrary<Stat> = fc.record({
  czxid: long,
  mzxid: long,
  ctime: long,
  mtime: long,
  version: int,
  cversion: int,
  aversion: int,
  ephemeralOwner: long,
  dataLength: int,
  numChildren: int,
  pzxid: long,
})
const acl: fc.Arbitrary<Acl[]> = fc.array(fc.record({ perms: int, scheme: text, id: bytes }))

type Step =
  | { kind: 'bool'; value: boolean }
  | { kind: 'int'; value: number }
  | { kind: 'long'; value: bigint }
  | { kind: 'string'; value: string }
  | { kind: 'buffer'; value: Buffer | null }
  | { kind: 'strings'; value: string[] }

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constant('bool' as const), value: fc.boolean() }),
  fc.record({ kind: fc.constant('int' as const), value: int }),
  fc.record({ kind: fc.constant('long' as const), value: long }),
  fc.record({ kind: fc.constant('string' as const), value: text }),
  fc.record({ kind: fc.constant('buffer' as const), value: fc.option(bytes) }),
  fc.record({ kind: fc.constant('strings' as const), value: fc.array(text) }),
)

function write(out: JuteWriter, { kind, value }: Step): void {
  if (kind === 'bool') out.bool(value)
  else if (kind === 'int') out.int(value)
  else if (kind === 'long') out.long(value)
  else if (kind === 'string') out.string(value)
  else if (kind === 'buffer') out.buffer(value)
  else out.strings(value)
}

describe('jute', () => {
  test('reads back what it wrote, in any order of primitives', () => {
    fc.assert(
      fc.property(fc.array(step), (steps) => {
        const input = new JuteReader(
          encode((out) => {
            for (const each of steps) write(out, each)
          }),
        )
        for (const { kind, value } of steps) expect(input[kind]()).toEqual(value)
        expect(input.remaining).toBe(0)
      }),
    )
  })

  test('a Stat is 68 bytes and keeps all 64 bits', () => {
    fc.assert(
      fc.property(stat, (value) => {
        const encoded = encode((out) => writeStat(out, value))
        expect(encoded).toHaveLength(STAT_BYTES)
        expect(readStat(new JuteReader(encoded))).toEqual(value)
      }),
    )
  })

  test('an ACL keeps its bytes, decoded or raw', () => {
    fc.assert(
      fc.property(acl, (entries) => {
        const raw = encodeAcl(entries)
        expect(decodeAcl(raw)).toEqual(entries)
        expect(encode((out) => writeAcl(out, raw))).toEqual(raw)
      }),
    )
  })

  test('a record cut short anywhere is malformed, never read', () => {
    const entries = [{ perms: 31, scheme: 'digest', id: Buffer.from('a:b') }]
    const encoded = encodeAcl(entries)
    for (let length = 0; length < encoded.length; length++) {
      expect(() => decodeAcl(encoded.subarray(0, length))).toThrow(MalformedRecordError)
    }
  })

  test.for([
    ['a negative length', Buffer.from('fffffffe', 'hex'), (input: JuteReader) => input.buffer()],
    ['a huge length', Buffer.from('7fffffff', 'hex'), (input: JuteReader) => input.string()],
    ['a huge count', Buffer.from('7fffffff00000000', 'hex'), (input: JuteReader) => input.strings()],
    ['a huge ACL count', Buffer.from('0fffffff00000000', 'hex'), (input: JuteReader) => readAcl(input)],
    ['a null string', Buffer.from('ffffffff', 'hex'), (input: JuteReader) => input.string()],
  ] as const)('%s is malformed', ([, hostile, read]) => {
    expect(() => read(new JuteReader(hostile))).toThrow(MalformedRecordError)
  })
})

describe('the writer', () => {
  test('never writes again to what was taken', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 60_000 }), { maxLength: 30 }), (sizes) => {
        const out = new JuteWriter()
        const taken = sizes.map((size, index) => {
          out.beginFrame().buffer(Buffer.alloc(size, index))
          expect(out.endFrame()).toBe(size + 8)
          return out.take()
        })
        for (const [index, size] of sizes.entries()) {
          expect(taken[index]?.subarray(8).equals(Buffer.alloc(size, index))).toBe(true)
          expect(taken[index]?.readInt32BE(0)).toBe(size + 4)
        }
      }),
    )
  })

  test('a dropped frame leaves the others', () => {
    const out = new JuteWriter()
    out.beginFrame().string('first').endFrame()
    out.beginFrame().raw(Buffer.alloc(1_000_000)).dropFrame()
    out.beginFrame().string('second').endFrame()
    const frames = new JuteReader(out.take())
    expect(frames.int()).toBe(9)
    expect(frames.string()).toBe('first')
    expect(frames.int()).toBe(10)
    expect(frames.string()).toBe('second')
    expect(frames.remaining).toBe(0)
  })
})
