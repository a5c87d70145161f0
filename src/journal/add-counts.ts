/** A run's counts are those of all its processes together. */

/** What each process counts for itself. All other counts tell how the run stands. */
const ADDED = [
  'read',
  'created',
  'updated',
  'unchanged',
  'deleted',
  'steps',
  'bytesRead',
  'bytesWritten',
  'directories',
]

/** `earlier`: as the processes before this one left them. */
export function addCounts(earlier: Record<string, unknown>, now: object): Record<string, unknown> {
  const sum: Record<string, unknown> = { ...now }
  for (const what of ADDED) sum[what] = added(earlier[what], sum[what])
  if (isRecord(sum.survived) && isRecord(earlier.survived)) {
    const before = earlier.survived
    const entries = Object.entries(sum.survived).map(([what, count]) => [what, added(before[what], count)])
    sum.survived = Object.fromEntries(entries)
  }
  return sum
}

function added(before: unknown, now: unknown): unknown {
  if (typeof before !== 'number' || typeof now !== 'number') return now
  // Seconds are counted in tenths.
  return Math.round((before + now) * 10) / 10
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}
