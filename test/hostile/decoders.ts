/** The decoders by themselves, each with bodies that were made for another, and with broken ones. */
import type { RandomStream } from '../../fixtures/random.ts'
import { ServerError } from '../../src/zookeeper/errors.ts'
import { readGreeting } from '../../src/zookeeper/greeting.ts'
import { operations } from '../../src/zookeeper/index.ts'
import type { Operation } from '../../src/zookeeper/operations/operation.ts'
import { readNotification } from '../../src/zookeeper/operations/watches.ts'
import { JuteReader, MalformedRecordError } from '../../src/zookeeper/wire/reader.ts'
import { decodeAcl } from '../../src/zookeeper/wire/records.ts'
import { ALL_OPERATIONS, type Exchanges } from './exchanges.ts'
import { framed, mutatePayload } from './mutate.ts'
import { Broken } from './wire.ts'

const HEADER_BYTES = 16

/** Reads a body with a decoder; whatever it is, it is a reply, a typed error, or refused as malformed. */
export function decode(operation: Operation<unknown, unknown>, body: Buffer, request: unknown): void {
  let outcome: unknown
  try {
    outcome = operation.read(new JuteReader(body), 1n, request)
  } catch (error) {
    if (error instanceof MalformedRecordError) return
    throw error
  }
  if (outcome instanceof Error && !(outcome instanceof ServerError)) throw new Broken(String(outcome))
  if (operation === operations.multiReadData) {
    const { results } = outcome as { results: unknown[] }
    for (const result of results)
      if (!(result instanceof ServerError) && !(result as { stat?: object }).stat)
        throw new Broken('data without a Stat')
  }
  // What was taken for an ACL must be one: it is decoded later, far from the connection.
  const { aclBytes } = (outcome ?? {}) as { aclBytes?: Buffer }
  if (aclBytes !== undefined) decodeAcl(aclBytes)
}

/** One body for every decoder, and one greeting. Returns how many frames that were. */
export function attackDecoders({ exchanges, loose, greetings }: Exchanges, random: RandomStream): number {
  const { reply, request } = exchanges[random.below(exchanges.length)] as Exchanges['exchanges'][number]
  const body = mutatePayload(reply.subarray(HEADER_BYTES), random)
  for (const operation of ALL_OPERATIONS) decode(operation, body, requestFor(operation, request))
  const notification = loose[random.below(loose.length)] as Buffer
  try {
    readNotification(new JuteReader(mutatePayload(notification.subarray(HEADER_BYTES), random)), 1n)
  } catch (error) {
    if (!(error instanceof MalformedRecordError)) throw error
  }
  const greeting = greetings[random.below(greetings.length)] as Buffer
  const sent = mutatePayload(framed(mutatePayload(greeting, random)), random)
  for (let end = 0; end <= Math.min(sent.length, 64); end++) readGreeting(sent.subarray(0, end))
  return 3
}

/** Decoders of multis look at what they were asked for. */
function requestFor(operation: Operation<unknown, unknown>, request: unknown): unknown {
  const asked = Array.isArray(request) ? (request as { op: string; path: string }[]) : []
  if (operation.opcode === operations.multi.opcode) return asked
  if (operation === operations.multiRead) return asked
  return operation.opcode === operations.multiRead.opcode ? asked.map(({ path }) => path) : '/a'
}
