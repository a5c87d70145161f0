import { join } from 'node:path'
import { expect, test } from 'vitest'
import { canonicalOptions, differenceOfJobs, openJournal, type RunSetup } from '../../src/journal/index.ts'
import { scratchFolder, setup } from './examples.ts'

const folder = scratchFolder()

function compare(change: Partial<RunSetup>, begun: Partial<RunSetup> = {}): string | null {
  const journal = openJournal(join(folder, 'j'), { command: 'x' })
  try {
    return differenceOfJobs(journal.begin({ ...setup, ...begun }).info, {
      ...setup,
      ...change,
    })
  } finally {
    journal.close()
  }
}

test('rule 3: host lists may be written differently, the order of keys does not matter', () => {
  expect(compare({})).toBeNull()
  expect(compare({ source: 'old2,old1/pegasus', version: '0.2.0' })).toBeNull()
  expect(compare({ options: { acl: true, exclude: ['**/topom'] } })).toBeNull()
})

test('rule 3: other roots, filters or options are another job, and the sentence names what differs', () => {
  expect(compare({ sourceIdentity: { ...setup.sourceIdentity, czxid: 1n } })).toMatch(/^another source root/)
  expect(compare({ sourceIdentity: { ...setup.sourceIdentity, ctime: 1n } })).toMatch(/^another source root/)
  expect(compare({ command: 'verify' })).toBe('the command copy, not verify')
  expect(compare({ options: { acl: false, exclude: ['**/topom'] } })).toBe(
    'other options (acl: then true, now false)',
  )
  expect(compare({ options: { acl: true } })).toBe('other options (exclude: then ["**/topom"], now null)')
  expect(compare({ options: { acl: true, exclude: [] } })).toMatch(
    /exclude: then \["\*\*\/topom"\], now \[\]/,
  )
})

test('rule 3: a target root is compared once the run knows it', () => {
  const known = { targetIdentity: { czxid: 5n, ctime: 6n } }
  expect(compare(known)).toBeNull()
  expect(compare(known, known)).toBeNull()
  expect(compare({ targetIdentity: { czxid: 7n, ctime: 6n } }, known)).toMatch(/^another target root/)
  expect(compare({ targetIdentity: null }, known)).toMatch(/^another target root/)
})

test('options are canonical at every depth; arrays keep their order', () => {
  expect(canonicalOptions({ b: [{ d: 1, c: 2 }], a: null })).toBe('{"a":null,"b":[{"c":2,"d":1}]}')
})
