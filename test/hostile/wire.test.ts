/** A part of `npm run test:fuzz-wire`, and the attacks that it was built for, each by itself. */
import { expect, test } from 'vitest'
import { RECORDED_VERSIONS, readConversation } from '../../fixtures/conversations.ts'
import { operations } from '../../src/zookeeper/index.ts'
import { JuteReader, MalformedRecordError } from '../../src/zookeeper/wire/reader.ts'
import { campaign } from './campaign.ts'
import { exchangesOf } from './exchanges.ts'
import { framed } from './mutate.ts'
import { attack } from './wire.ts'

test('20,000 frames of attacks in memory: each ends in a reply or a typed error, and memory stays', async () => {
  const report = await campaign({ frames: 20_000, seed: 20_261_123 })
  expect(report.frames).toBeGreaterThanOrEqual(20_000)
  expect(report.grown).toBeLessThan(200_000_000)
})

test.each(RECORDED_VERSIONS)(
  'the conversation with %s is read whole when nothing is wrong with it',
  async (version) => {
    const { exchanges } = exchangesOf(readConversation(version))
    expect(exchanges.length).toBeGreaterThan(100)
    for (const exchange of exchanges) {
      const reply = Buffer.from(exchange.reply)
      reply.writeInt32BE(1, 0)
      const ended = await attack([exchange], [framed(reply)])
      // What a server does not know is answered so, and the connection ends.
      if (ended !== null) expect(ended.message).toMatch(/does not know|closed|has expired/)
    }
  },
)

const counts: [string, keyof typeof operations, Buffer][] = [
  ['children', 'getChildren', ints(2 ** 31 - 1, 0)],
  ['ACL entries', 'getACL', ints(2 ** 31 - 1, 31, 0, 0)],
  ['raw ACL entries', 'getAclRaw', ints(2 ** 31 - 1, 31, 0, 0)],
  ['ephemerals', 'getEphemerals', ints(2 ** 31 - 1)],
  ['identities', 'whoAmI', ints(2 ** 31 - 1, 0, 0)],
  ['bytes of data', 'getData', ints(2 ** 31 - 1, 0)],
  ['bytes of a name', 'getChildren', ints(1, 2 ** 31 - 1)],
  ['negative bytes of a name', 'getChildren', ints(1, -2)],
  ['a null scheme', 'getAclRaw', Buffer.concat([ints(1, 31, -1, 0), Buffer.alloc(68)])],
  ['an ACL that reaches into the Stat', 'getAclRaw', Buffer.concat([ints(1, 31, 60, 0), Buffer.alloc(68)])],
]

test.each(counts)('a forged number of %s is refused, and nothing is allocated for it', (_, name, body) => {
  const before = process.memoryUsage()
  expect(() => read(name, body)).toThrow(MalformedRecordError)
  const { heapTotal, arrayBuffers } = process.memoryUsage()
  expect(heapTotal - before.heapTotal + arrayBuffers - before.arrayBuffers).toBeLessThan(16_000_000)
})

test.each(['', '.', '..', 'a/b', '../../outside', '/'])(
  'a child named %j is refused: it would be another path',
  (name) => {
    const bytes = Buffer.from(name)
    const body = Buffer.concat([ints(1, bytes.length), bytes])
    expect(() => read('getChildren', body)).toThrow(MalformedRecordError)
    const multiRead = Buffer.concat([ints(8), Buffer.alloc(5), body, ints(-1), Buffer.from([1]), ints(-1)])
    expect(() => operations.multiReadChildren.read(new JuteReader(multiRead), 1n, ['/'])).toThrow(
      MalformedRecordError,
    )
  },
)

test('more results than a multi has operations are refused at the first one too many', () => {
  const result = Buffer.concat([ints(13), Buffer.alloc(5)])
  const body = Buffer.concat(Array.from({ length: 100_000 }, () => result))
  const request = [{ op: 'check' as const, path: '/a' }]
  expect(() => operations.multi.read(new JuteReader(body), 1n, request)).toThrow(
    'too many results for a multi of 1',
  )
})

function read(name: keyof typeof operations, body: Buffer): unknown {
  const operation = operations[name] as { read(body: JuteReader, zxid: bigint, request: unknown): unknown }
  return operation.read(new JuteReader(body), 1n, '/a')
}

function ints(...values: number[]): Buffer {
  const out = Buffer.alloc(values.length * 4)
  for (const [at, value] of values.entries()) out.writeInt32BE(value, at * 4)
  return out
}
