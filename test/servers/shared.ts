import { randomUUID } from 'node:crypto'
import { inject } from 'vitest'
import { fourLetterWord } from './four-letter.ts'

/**
 * A server that all test files of a run use at once: no test stops or pauses it (start an own one for that),
 * and each test works below its own `freshRoot()`.
 */
export interface SharedServer {
  readonly host: string
  readonly port: number
  readonly connectString: string
  readonly version: string
  fourLetter(word: string): Promise<string>
}

/** The run's server of `version`: 3.4.14 or 3.9.5. For another version call `startServer`. */
export function sharedServer(version: '3.4.14' | '3.9.5' = '3.9.5'): SharedServer {
  const shared = inject('sharedServers')[version]
  if (!shared) throw new Error(`no shared server of version ${version}`)
  if ('error' in shared) throw new Error(shared.error)
  const host = '127.0.0.1'
  return {
    host,
    port: shared.port,
    connectString: `${host}:${shared.port}`,
    version: shared.version,
    fourLetter: (word) => fourLetterWord(host, shared.port, word),
  }
}

/** A path that nobody else uses, such as `/copy-1f0c2b7e`. The test creates it. */
export function freshRoot(name = 'test'): string {
  return `/${name}-${randomUUID().slice(0, 8)}`
}
