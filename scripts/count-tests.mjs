// Prints "123 passed, 0 failed" (and ", 2 skipped") from vitest's JSON report; exits 1 unless tests ran and none failed.
import { readFileSync } from 'node:fs'

const report = read(process.argv[2] ?? '')
// A file that could not even be loaded has no test that failed, and counts as one.
const brokenFiles = report.testResults.filter(
  (file) => file.status === 'failed' && file.assertionResults.every((test) => test.status !== 'failed'),
).length
const passed = report.numPassedTests
const failed = report.numFailedTests + brokenFiles
const skipped = report.numPendingTests + report.numTodoTests
console.log(`${passed} passed, ${failed} failed${skipped ? `, ${skipped} skipped` : ''}`)
process.exitCode = passed > 0 && failed === 0 ? 0 : 1

/**
 * @param {string} file
 * @returns {{numPassedTests: number, numFailedTests: number, numPendingTests: number, numTodoTests: number,
 *   testResults: {status: string, assertionResults: {status: string}[]}[]}}
 */
function read(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'))
  } catch {
    // The suite did not get far enough to write its report: the step before has said why.
    return { numPassedTests: 0, numFailedTests: 1, numPendingTests: 0, numTodoTests: 0, testResults: [] }
  }
}
