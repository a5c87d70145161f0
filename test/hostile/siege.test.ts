/** Hostile peers behind real sockets, for the command line: the rest of them come with `npm run test:fuzz-wire`. */
import { expect, onTestFinished, test } from 'vitest'
import { readConversation } from '../../fixtures/conversations.ts'
import { operations, ZooKeeperClient, ZooKeeperError } from '../../src/zookeeper/index.ts'
import { sharedServer } from '../servers/shared.ts'
import { Attacker, MANNERS, type Manner } from './attacker.ts'
import { exchangesOf } from './exchanges.ts'
import { siege } from './siege.ts'

const seed = 20_261_123

test('every manner of hostile peer ends a job with a sentence and a code of its own', {
  timeout: 120_000,
}, async () => {
  const outcomes = await siege({
    peers: MANNERS.length + 4,
    seed,
    server: sharedServer().connectString,
    manners: [...MANNERS, 'mutates', 'mutates and cuts', 'confuses', 'mutates'],
  })
  expect(outcomes.reduce((sum, [, count]) => sum + count, 0)).toBe(MANNERS.length + 4)
})

test.each([
  'mutates',
  'mutates and cuts',
  'confuses',
  'closes',
  'expires',
  'unknown errors',
  'babbles',
] as Manner[])('a client whose peer %s gets replies and typed errors', async (manner) => {
  for (let peer = 0; peer < 4; peer++) {
    const conversation = readConversation(peer % 2 === 0 ? '3.9.5' : '3.4.14')
    const attacker = await Attacker.listen(exchangesOf(conversation), manner, `${seed} client ${peer}`)
    onTestFinished(() => attacker.close())
    const client = await ZooKeeperClient.connect({
      connect: attacker.address,
      sessionTimeoutMs: 2000,
      retryForMs: 500,
    }).catch((error: unknown) => error)
    if (!(client instanceof ZooKeeperClient)) {
      expect(client).toBeInstanceOf(ZooKeeperError)
      expect((client as Error).message).toContain(attacker.address)
      continue
    }
    const { root } = conversation
    const paths = [root, `${root}/a`, `${root}/b`, `${root}/none`]
    const outcomes = [
      ...(await client.pipeline(operations.getAclRaw, paths)),
      ...(await client.pipeline(operations.multiReadData, [paths])),
      ...(await client.pipeline(operations.getChildren, paths)),
    ]
    for (const outcome of outcomes)
      if (outcome instanceof Error) expect(outcome).toBeInstanceOf(ZooKeeperError)
    await client.close()
  }
})
