import type { Summary } from '../../src/report/summary.ts'
import { nothingSurvived } from '../../src/tree/events.ts'

export function exampleSummary(changes: Partial<Summary> = {}): Summary {
  return {
    type: 'summary',
    command: 'copy',
    status: 'done',
    exitCode: 0,
    znodes: { read: 20_021, created: 20_021, updated: 0, unchanged: 0, deleted: 0, skipped: 3, failed: 0 },
    steps: 0,
    bytes: { read: 6_000_000, written: 6_000_000 },
    directories: 12,
    digest: { source: 'ab'.repeat(32), target: 'ab'.repeat(32) },
    differences: 0,
    sourceMoved: 0,
    consistency: 'quiet',
    reconnects: 0,
    throttled: 0,
    survived: nothingSurvived(),
    seconds: 12.5,
    runId: 'k3v9x2ab',
    journal: '/state/x.journal',
    undo: null,
    ...changes,
  }
}
