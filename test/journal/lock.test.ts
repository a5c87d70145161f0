import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openJournal, readJournal } from '../../src/journal/index.ts'
import { JournalProblem } from '../../src/tree/errors.ts'
import { directory, scratchFolder, setup } from './examples.ts'
import { compiledJournal, type OtherProcess, startProcess } from './other-process.ts'

const folder = scratchFolder()
let compiled: ReturnType<typeof compiledJournal>
const started: OtherProcess[] = []
beforeAll(() => {
  compiled = compiledJournal()
})
afterAll(async () => {
  for (const other of started) await other.kill('SIGKILL')
  compiled.remove()
})

/** Another process that has begun a run in the journal, written one directory down, and stays. */
async function holding(file: string): Promise<OtherProcess> {
  const other = startProcess(
    compiled.module,
    `const opened = journal.openJournal(${JSON.stringify(file)}, { command: 'zkferry copy a:1/x b:2/x' })
     const run = opened.begin({ command: 'copy', source: 's', target: 't', version: '1', options: {},
       sourceIdentity: { czxid: 1n, ctime: 1n }, targetIdentity: null })
     run.record({ directories: [{ path: 'a', state: 'partial', watermark: 'm', childHash: new Uint8Array(32),
       children: 1, emptyTarget: true }], counts: { read: 1 } })
     console.log('holding')
     setInterval(() => {}, 1000)`,
  )
  started.push(other)
  await other.says('holding')
  return other
}

test('a second process is told who holds the journal; readers are let in', async () => {
  const file = join(folder, 'held')
  const other = await holding(file)
  expect(() => openJournal(file, { command: 'me' })).toThrow(JournalProblem)
  expect(() => openJournal(file, { command: 'me' })).toThrow(
    new RegExp(`in use by "zkferry copy a:1/x b:2/x", process ${other.pid} on \\S+ since 20`),
  )
  const reader = readJournal(file)
  expect(reader.holder()).toMatchObject({
    pid: other.pid,
    command: 'zkferry copy a:1/x b:2/x',
  })
  expect(reader.latest()).toMatchObject({
    state: 'running',
    counts: { read: 1 },
  })
  reader.close()
  await other.kill('SIGTERM')
})

test('a holder that is killed frees the journal, and its run can be resumed with all it wrote down', async () => {
  const file = join(folder, 'killed')
  const other = await holding(file)
  await other.kill('SIGKILL')
  const reader = readJournal(file)
  expect(reader.holder()).toBeNull()
  expect(reader.latest()?.state).toBe('interrupted')
  reader.close()
  const journal = openJournal(file, { command: 'me' })
  const run = journal.resume(journal.latest()?.id as string)
  expect(run.pending(5)).toMatchObject([{ path: 'a', state: 'partial', watermark: 'm' }])
  expect(journal.holder()).toMatchObject({ pid: process.pid, command: 'me' })
  journal.close()
})

test('the same process cannot open a journal twice either, and can after closing', () => {
  const file = join(folder, 'twice')
  const journal = openJournal(file, { command: 'first' })
  expect(() => openJournal(file, { command: 'second' })).toThrow(/in use by "first"/)
  journal.begin(setup).record({ directories: [directory('a')] })
  journal.close()
  journal.close()
  openJournal(file, { command: 'third' }).close()
})
