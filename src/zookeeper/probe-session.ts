/** Asks an ensemble whether it knows a session. */
import { ZooKeeperClient } from './client.ts'
import type { ClientOptions } from './client-options.ts'
import { SessionExpiredError } from './errors.ts'

/**
 * Attaches a session that was begun elsewhere: an ensemble that accepts it is the one where it was begun.
 * An accepted session is closed by this, so it must be a throwaway.
 * @throws what `ZooKeeperClient.connect` throws, but for `SessionExpiredError`
 */
export async function probeSession(
  connect: ClientOptions['connect'],
  sessionId: bigint,
  password: Buffer,
  options: Omit<ClientOptions, 'connect' | 'resume'> = {},
): Promise<boolean> {
  try {
    const client = await ZooKeeperClient.connect({ ...options, connect, resume: { sessionId, password } })
    await client.close()
    return true
  } catch (error) {
    if (error instanceof SessionExpiredError) return false
    throw error
  }
}
