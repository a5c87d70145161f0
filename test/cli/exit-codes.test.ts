import { expect, test } from 'vitest'
import { type Circumstances, exitCodeOfStatus, outcomeOfError } from '../../src/cli/exit-codes.ts'
import {
  Interrupted,
  JournalProblem,
  LocationProblem,
  SafetyRefusal,
  UsageProblem,
} from '../../src/tree/errors.ts'

const plain: Circumstances = { signal: null, singleLocation: false, begun: false }

test.each([
  [new UsageProblem('x'), plain, 'refused', 2],
  [new LocationProblem('source', 'x'), plain, 'failed', 4],
  [new LocationProblem('target', 'x'), plain, 'failed', 5],
  [new LocationProblem('target', 'x'), { ...plain, singleLocation: true }, 'failed', 4],
  [new JournalProblem('x'), plain, 'refused', 6],
  [new JournalProblem('x'), { ...plain, begun: true }, 'failed', 6],
  [new SafetyRefusal('x'), plain, 'refused', 7],
  [new TypeError('x'), plain, 'failed', 70],
  ['thrown text', plain, 'failed', 70],
  [new Interrupted('x'), { ...plain, signal: 'SIGINT' }, 'interrupted', 130],
  [new Interrupted('x'), { ...plain, signal: 'SIGTERM' }, 'interrupted', 143],
] as const)('%o under %o ends %s with %d', (error, circumstances, status, exitCode) => {
  expect(outcomeOfError(error, circumstances)).toEqual({ status, exitCode })
})

test.each([
  ['done', 0],
  ['identical', 0],
  ['different', 1],
  ['incomplete', 3],
  ['refused', 7],
  ['interrupted', 130],
] as const)('a job that ends %s exits with %d', (status, exitCode) => {
  expect(exitCodeOfStatus(status, plain)).toBe(exitCode)
})
