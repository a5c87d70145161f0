import type { TestProject } from 'vitest/node'
import { startServer } from './server.ts'

/** The versions that a run's shared servers have: the oldest line that is supported, and the newest. */
export const SHARED_VERSIONS = ['3.4.14', '3.9.5']

declare module 'vitest' {
  interface ProvidedContext {
    /** The shared server's address for each version, or the sentence that says why there is none. */
    sharedServers: Record<string, { port: number; version: string } | { error: string }>
  }
}

/** Starts one server a version for all test files of a run. Tests without servers run even where none can start. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const outcomes = await Promise.allSettled(
    SHARED_VERSIONS.map((version) => startServer({ version, jvm: ['-Xmx512m'] })),
  )
  const addresses = outcomes.map((outcome) =>
    outcome.status === 'fulfilled'
      ? { port: outcome.value.port, version: outcome.value.version }
      : { error: String(outcome.reason) },
  )
  project.provide(
    'sharedServers',
    Object.fromEntries(SHARED_VERSIONS.map((version, index) => [version, addresses[index] ?? { error: '' }])),
  )
  return async () => {
    await Promise.all(outcomes.map((outcome) => outcome.status === 'fulfilled' && outcome.value.stop()))
  }
}
