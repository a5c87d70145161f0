/** Whether a command is the job that a journal already knows. */
import { isDeepStrictEqual } from 'node:util'
import type { RootIdentity } from '../tree/contracts.ts'
import type { RunInfo, RunSetup } from './types.ts'

/** JSON with sorted keys: equal texts, equal options. */
export function canonicalOptions(options: Record<string, unknown>): string {
  return JSON.stringify(options, (_key, value: unknown) =>
    value !== null && typeof value === 'object' && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)))
      : value,
  )
}

/**
 * What makes `setup` another job than `run`, as the end of a sentence ("another source root …"), or `null` when
 * it is the same. Host lists may be written differently: the roots' identities decide.
 * A target root that the run has not made yet is compared with nothing.
 */
export function differenceOfJobs(run: RunInfo, setup: RunSetup): string | null {
  if (run.command !== setup.command) return `the command ${run.command}, not ${setup.command}`
  if (!sameIdentity(run.sourceIdentity, setup.sourceIdentity)) {
    return `another source root (${run.source}, which was made anew since, or is another ensemble's)`
  }
  if (run.targetIdentity !== null && !sameIdentity(run.targetIdentity, setup.targetIdentity)) {
    return `another target root (${run.target}, which was made anew since, or is another ensemble's)`
  }
  const [then, now] = [normal(run.options), normal(setup.options)]
  // A source that has moved on is the same source.
  delete then.moment
  delete now.moment
  const keys = new Set([...Object.keys(then), ...Object.keys(now)])
  const changed = [...keys].filter((key) => !isDeepStrictEqual(then[key], now[key])).sort()
  return changed.length === 0
    ? null
    : `other options (${changed.map((key) => describe(key, then, now)).join('; ')})`
}

function describe(key: string, then: Record<string, unknown>, now: Record<string, unknown>): string {
  return `${key}: then ${JSON.stringify(then[key] ?? null)}, now ${JSON.stringify(now[key] ?? null)}`
}

function normal(options: Record<string, unknown>): Record<string, unknown> {
  return JSON.parse(canonicalOptions(options)) as Record<string, unknown>
}

function sameIdentity(a: RootIdentity, b: RootIdentity | null): boolean {
  return b !== null && a.czxid === b.czxid && a.ctime === b.ctime
}
