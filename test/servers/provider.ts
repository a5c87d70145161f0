import { docker } from './docker.ts'
import { WHAT_TO_INSTALL } from './jars.mjs'
import { installed, maven } from './java.ts'
import type { Provider } from './machine.ts'

const PROVIDERS: Provider[] = [docker, maven, installed]

const ready = new Map<string, Promise<Ready>>()

export interface Ready {
  provider: Provider
  /** The version that will run: an installed ZooKeeper stands in for any. */
  version: string
}

/**
 * The first provider that can run `version`, or the one that the environment's ZKFERRY_SERVERS names.
 * Asked once for each version in a process.
 */
export function providerFor(version: string): Promise<Ready> {
  let answer = ready.get(version)
  if (!answer) {
    answer = findProvider(version)
    ready.set(version, answer)
  }
  return answer
}

async function findProvider(version: string): Promise<Ready> {
  const forced = process.env.ZKFERRY_SERVERS
  if (forced === 'none') throw new Error('no ZooKeeper server shall be started (ZKFERRY_SERVERS=none)')
  const candidates = forced ? PROVIDERS.filter((provider) => provider.name === forced) : PROVIDERS
  if (candidates.length === 0) {
    throw new Error(`ZKFERRY_SERVERS=${forced} names no provider: use docker, maven or installed`)
  }
  const reasons: string[] = []
  for (const provider of candidates) {
    try {
      return { provider, version: await provider.prepare(version) }
    } catch (error) {
      reasons.push(`${provider.name}: ${error instanceof Error ? error.message : error}`)
    }
  }
  throw new Error(`${WHAT_TO_INSTALL} (${reasons.join('; ')})`)
}
