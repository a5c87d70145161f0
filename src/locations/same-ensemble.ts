/**
 * Whether two names lead to one ensemble. A throwaway session of the one is attached at the other: accepted means the
 * same ensemble. Stats cannot tell, since two ensembles may have been booted from one snapshot.
 */
import { type ClientOptions, probeSession, ZooKeeperClient, ZooKeeperError } from '../zookeeper/index.ts'
import { isLost } from './failures.ts'

const sessionTimeoutMs = 10_000
/** Sessions that are lost under the question. */
const MOST_TRIES = 5

export type Reach = Pick<ClientOptions, 'connect' | 'auth' | 'retryForMs'>

export async function isSameEnsemble(one: Reach, other: Reach): Promise<boolean> {
  const { connect, ...options } = other
  for (let tries = 1; ; tries++) {
    const throwaway = await ZooKeeperClient.connect({ ...one, sessionTimeoutMs })
    try {
      const { sessionId, sessionPassword } = throwaway
      if (await probeSession(connect, sessionId, sessionPassword, { ...options, sessionTimeoutMs }))
        return true
      // A session that has expired is known nowhere: only of one that lives does that say anything.
      await throwaway.exists('/')
      return false
    } catch (error) {
      if (tries === MOST_TRIES || !(error instanceof ZooKeeperError) || !isLost(error)) throw error
    } finally {
      await throwaway.close()
    }
  }
}
