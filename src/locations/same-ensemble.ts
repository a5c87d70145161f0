/**
 * Whether two names lead to one ensemble. A throwaway session of the one is attached at the other: accepted means the
 * same ensemble. Stats cannot tell, since two ensembles may have been booted from one snapshot.
 */
import { type ClientOptions, probeSession, ZooKeeperClient } from '../zookeeper/index.ts'

const sessionTimeoutMs = 10_000

export type Reach = Pick<ClientOptions, 'connect' | 'auth' | 'retryForMs'>

export async function isSameEnsemble(one: Reach, other: Reach): Promise<boolean> {
  const throwaway = await ZooKeeperClient.connect({ ...one, sessionTimeoutMs })
  try {
    const { auth, retryForMs } = other
    const { sessionId, sessionPassword } = throwaway
    return await probeSession(other.connect, sessionId, sessionPassword, {
      auth,
      retryForMs,
      sessionTimeoutMs,
    })
  } finally {
    await throwaway.close()
  }
}
