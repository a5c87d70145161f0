import { statSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { defaultJournalFile, journalFiles, openJournal, stateDirectory } from '../../src/journal/index.ts'
import { scratchFolder } from './examples.ts'

const folder = scratchFolder()

test('the state folder is found as the environment says', () => {
  expect(stateDirectory({ ZKFERRY_STATE: '/s', XDG_STATE_HOME: '/x', HOME: '/h' })).toBe('/s')
  expect(stateDirectory({ XDG_STATE_HOME: '/x', HOME: '/h' })).toBe('/x/zkferry')
  expect(stateDirectory({ HOME: '/h' })).toBe('/h/.local/state/zkferry')
})

test('the name is stable, tells the two locations, and does not depend on how hosts are listed', () => {
  const state = join(folder, 'a', 'state')
  const file = defaultJournalFile(state, 'zk2:2181,zk1:2181/codis3', 'new:2181/codis3')
  expect(dirname(file)).toBe(state)
  expect(basename(file)).toMatch(/^zk1_codis3--new_codis3-[0-9a-f]{10}\.journal$/)
  expect(statSync(state).mode & 0o777).toBe(0o700)
  expect(defaultJournalFile(state, 'zk://ZK1,zk2/codis3', 'new/codis3')).toBe(file)
  const others = [
    defaultJournalFile(state, 'new:2181/codis3', 'zk1:2181,zk2:2181/codis3'),
    defaultJournalFile(state, 'zk1:2181,zk2:2181/codis4', 'new:2181/codis3'),
    defaultJournalFile(state, 'zks://zk1:2181,zk2:2181/codis3', 'new:2181/codis3'),
    defaultJournalFile(state, 'archive:zk1:2181,zk2:2181#/codis3', 'new:2181/codis3'),
  ]
  expect(new Set([file, ...others]).size).toBe(5)
})

test('long locations still give a name that a file system takes', () => {
  const hosts = Array.from({ length: 40 }, (_, i) => `zookeeper-${i}.example.com:2181`).join(',')
  const file = defaultJournalFile(folder, `${hosts}/a`, `${hosts}/b`)
  expect(basename(file).length).toBeLessThan(200)
  openJournal(file, { command: 'x' }).close()
})

test('journals in a state folder are listed, without what lies beside them', () => {
  const state = join(folder, 'listed')
  expect(journalFiles(state)).toEqual([])
  const files = ['b:1/x', 'a:1/x'].map((source) => defaultJournalFile(state, source, 't:1/x'))
  for (const file of files) openJournal(file, { command: 'x' }).close()
  expect(journalFiles(state)).toEqual([...files].sort())
})
