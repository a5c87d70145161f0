/**
 * The client's own connection, fed from memory with what an attacker would send. Nothing stands in for ZooKeeper here:
 * it is only asked whether the client stands whatever comes.
 */
import { EventEmitter } from 'node:events'
import type { Socket } from 'node:net'
import type { RandomStream } from '../../fixtures/random.ts'
import { Burst } from '../../src/zookeeper/burst.ts'
import { Connection } from '../../src/zookeeper/connection.ts'
import { ConnectionLossError, ProtocolError, ZooKeeperError } from '../../src/zookeeper/errors.ts'
import { RequestQueue } from '../../src/zookeeper/request-queue.ts'
import type { Endpoint } from '../../src/zookeeper/socket.ts'
import type { Exchange, Exchanges } from './exchanges.ts'
import { mutateStream, rechunk } from './mutate.ts'

const LABEL = 'attacker:2181'
const ENDPOINT: Endpoint = {
  address: '192.0.2.1',
  port: 2181,
  host: 'attacker',
  server: LABEL,
  label: LABEL,
  tls: null,
}
const RESPONSE = { timeoutMs: 30_000, sessionId: 1n, password: Buffer.alloc(16), readOnly: false }
const LIMITS = { maxFrameBytes: 256 * 1024 * 1024, maxInFlight: 1000, maxInFlightBytes: 4 * 1024 * 1024 }

/** Takes what the client writes, and gives nothing. */
class Sink extends EventEmitter {
  readonly writableLength = 0
  readonly localAddress = '192.0.2.2'
  write(): boolean {
    return true
  }
  destroy(): void {}
}

/** What must never be. */
export class Broken extends Error {}

/**
 * One connection with these requests in flight, and these bytes for it. Resolves to the error that ended it, if one did.
 * @throws Broken when anything but a typed error of the client's comes of it
 */
export async function attack(
  asked: readonly Exchange[],
  chunks: readonly Buffer[],
): Promise<ZooKeeperError | null> {
  const queue = new RequestQueue()
  const bursts = asked.map(({ operation, request }) => new Burst(operation, [request]))
  for (const burst of bursts) queue.push(burst as Burst)
  const connection = new Connection(new Sink() as unknown as Socket, ENDPOINT, RESPONSE, queue, LIMITS, {
    onZxid: () => {},
    onWatchEvent: () => {},
    onWatchReply: () => {},
    onEnd: () => {},
  })
  try {
    connection.openForRequests()
    for (const chunk of chunks) connection.receive(chunk)
  } finally {
    connection.end(new ConnectionLossError(LABEL, 'the attack is over'))
  }
  const ended = connection.ended
  if (!(ended instanceof ZooKeeperError)) throw new Broken(`it ended with ${String(ended)}`)
  if (ended instanceof ProtocolError && !ended.message.includes(LABEL))
    throw new Broken(`it does not name the server: ${ended.message}`)
  queue.failAll(ended)
  for (const burst of bursts) {
    const [outcome] = await burst.outcomes
    if (outcome instanceof Error && !(outcome instanceof ZooKeeperError)) throw new Broken(String(outcome))
  }
  return ended.message.includes('the attack is over') ? null : ended
}

/** A stretch of a recorded conversation with something wrong in it. Resolves to the number of frames that it was. */
export async function attackRecorded(recorded: Exchanges, random: RandomStream): Promise<number> {
  const { exchanges, loose } = recorded
  const length = 1 + random.below(8)
  const from = random.below(exchanges.length)
  const asked = exchanges.slice(from, from + length)
  const replies: Buffer[] = asked.map(({ reply }, at) => {
    const own = Buffer.from(reply)
    own.writeInt32BE(at + 1, 0)
    return own
  })
  if (random.below(4) === 0)
    replies.splice(random.below(replies.length + 1), 0, loose[random.below(loose.length)] as Buffer)
  const frames = mutateStream(replies, random, random.below(4))
  await attack(asked, rechunk(frames, random))
  return frames.length
}
