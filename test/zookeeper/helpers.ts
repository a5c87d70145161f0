import { onTestFinished, vi } from 'vitest'
import { type ClientOptions, ZooKeeperClient } from '../../src/zookeeper/index.ts'

/** A client that is closed when the test is over. */
export async function connected(
  connect: string,
  options: Partial<ClientOptions> = {},
): Promise<ZooKeeperClient> {
  const client = await ZooKeeperClient.connect({ connect, ...options })
  onTestFinished(() => client.close())
  return client
}

/** Waits until a check no longer throws. */
export async function eventually(check: () => unknown): Promise<void> {
  await vi.waitFor(check, { timeout: 30_000, interval: 10 })
}

/** The error that a promise rejects with. */
export async function rejection(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => {
      throw new Error('it did not reject')
    },
    (error: unknown) => error,
  )
}
