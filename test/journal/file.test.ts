import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openJournal, readJournal } from '../../src/journal/index.ts'
import { asJournalProblem } from '../../src/journal/problems.ts'
import { checkFileSystem } from '../../src/journal/safe-file.ts'
import { JournalProblem } from '../../src/tree/errors.ts'
import { directory, scratchFolder, setup } from './examples.ts'
import { compiledJournal, startProcess } from './other-process.ts'

const folder = scratchFolder()
const holder = { command: 'zkferry copy' }
const mode = (file: string) => statSync(file).mode & 0o777
let compiled: ReturnType<typeof compiledJournal>
beforeAll(() => {
  compiled = compiledJournal()
})
afterAll(() => compiled.remove())

function opening(file: string): () => unknown {
  return () => openJournal(file, holder)
}

function example(name: string, rows = 1): string {
  const file = join(folder, name)
  const journal = openJournal(file, holder)
  const run = journal.begin(setup)
  run.record({
    directories: Array.from({ length: rows }, (_, i) => directory(`d${i}`)),
  })
  run.interrupt({})
  journal.close()
  return file
}

test('journal, WAL and lock are for their owner only, whatever the umask', () => {
  const before = process.umask(0)
  try {
    const file = join(folder, 'private')
    const journal = openJournal(file, holder)
    journal.begin(setup)
    expect([file, `${file}-wal`, `${file}-shm`, `${file}.lock`].map(mode)).toEqual([
      0o600, 0o600, 0o600, 0o600,
    ])
    journal.close()
    chmodSync(file, 0o644)
    openJournal(file, holder).close()
    expect(mode(file)).toBe(0o600)
  } finally {
    process.umask(before)
  }
})

test('a planted symlink is refused, and what it points to is not touched', () => {
  const precious = join(folder, 'precious')
  for (const end of ['', '.lock', '-wal']) {
    const file = join(folder, `planted${end.replace('.', '-')}.journal`)
    writeFileSync(precious, '')
    symlinkSync(precious, file + end)
    expect(opening(file)).toThrow(/is a symbolic link, and a journal must be a plain file/)
    expect(statSync(precious).size).toBe(0)
  }
  expect(() => readJournal(join(folder, 'planted.journal'))).toThrow(/symbolic link/)
})

test('a missing folder, a folder as the file, and a folder that cannot be written are each named', () => {
  expect(opening(join(folder, 'no', 'such', 'j'))).toThrow(`there is no folder ${join(folder, 'no', 'such')}`)
  mkdirSync(join(folder, 'sub'))
  expect(opening(join(folder, 'sub'))).toThrow(/is a folder, and a journal must be a plain file/)
  // Where even root may make no file; for others, a folder without the right to write.
  const closed = process.getuid?.() === 0 ? '/sys/kernel' : join(folder, 'closed')
  if (closed !== '/sys/kernel') mkdirSync(closed, { mode: 0o500 })
  expect(opening(join(closed, 'j'))).toThrow(
    /cannot be made \(E[A-Z]+\); name a file in a folder that you may write/,
  )
  expect(() => readJournal(join(folder, 'absent'))).toThrow(`There is no journal ${join(folder, 'absent')}`)
})

test('a file that is no journal is left as it is, with nothing beside it', () => {
  const text = join(folder, 'notes.txt')
  writeFileSync(text, 'not a database, and dear to someone\n'.repeat(100), {
    mode: 0o644,
  })
  const foreign = join(folder, 'browser-history')
  const db = new Database(foreign)
  db.exec('CREATE TABLE visits (url TEXT)')
  db.close()
  for (const file of [text, foreign]) {
    const before = readFileSync(file)
    expect(opening(file)).toThrow(/not a zkferry journal/)
    expect(() => readJournal(file)).toThrow(/not a zkferry journal/)
    expect(readFileSync(file)).toEqual(before)
    expect(existsSync(`${file}.lock`)).toBe(false)
  }
  expect(mode(text)).toBe(0o644)
})

test('a journal of a newer layout is refused, and keeps everything', () => {
  const file = example('newer')
  const db = new Database(file)
  db.pragma('user_version = 9')
  db.close()
  const sentence = /written by a newer zkferry \(layout 9; this one knows 3\)/
  expect(opening(file)).toThrow(sentence)
  expect(() => readJournal(file)).toThrow(sentence)
  const after = new Database(file)
  after.pragma('user_version = 3')
  after.close()
  const reader = readJournal(file)
  expect(reader.runs()).toHaveLength(1)
  reader.close()
})

test('a journal whose maker was killed in the middle of it is made by the next', () => {
  const making = join(folder, 'making')
  const db = new Database(making)
  // So little cache that it is written before it is committed.
  db.pragma('cache_size = 5')
  db.exec('BEGIN; CREATE TABLE runs (text TEXT)')
  for (let at = 0; at < 50; at++) db.prepare('INSERT INTO runs VALUES (?)').run('x'.repeat(4000))
  const left = join(folder, 'half-made')
  for (const end of ['', '-journal']) copyFileSync(making + end, left + end)
  db.exec('ROLLBACK')
  db.close()
  expect(() => readJournal(left)).toThrow(/is just being made, or whoever made it was killed/)
  const journal = openJournal(left, { command: 'copy' })
  expect(journal.runs()).toEqual([])
  journal.close()
})

test('a damaged journal is noticed when it is opened, and not written to', () => {
  const cut = example('cut', 5000)
  truncateSync(cut, statSync(cut).size - 3 * 4096)
  const scribbled = example('scribbled', 5000)
  const bytes = readFileSync(scribbled)
  bytes.fill(0xa5, 3 * 4096, 30 * 4096)
  writeFileSync(scribbled, bytes)
  for (const file of [cut, scribbled]) {
    const before = readFileSync(file)
    expect(opening(file)).toThrow(/damaged/)
    expect(opening(file)).toThrow(JournalProblem)
    expect(readFileSync(file)).toEqual(before)
  }
})

test('an empty file becomes a journal; to a reader it is one in which nothing was begun', () => {
  const file = join(folder, 'empty')
  writeFileSync(file, '')
  expect(() => readJournal(file)).toThrow(/no run was ever begun/)
  const journal = openJournal(file, holder)
  expect(journal.runs()).toEqual([])
  journal.close()
})

test('network file systems are refused', () => {
  expect(() => checkFileSystem('/mnt/nfs', 0x6969)).toThrow(/is on NFS, where the journal cannot be kept/)
  expect(() => checkFileSystem('/mnt/share', 0xff534d42 | 0)).toThrow(/is on SMB/)
  expect(() => checkFileSystem('/home', 0xef53)).not.toThrow()
})

test('a disk that fills up while a run writes ends with a sentence, and what was committed stays', async () => {
  const file = join(folder, 'full')
  const other = startProcess(
    compiled.module,
    `const opened = journal.openJournal(${JSON.stringify(file)}, { command: 'x' })
     const run = opened.begin({ command: 'copy', source: 's', target: 't', version: '1', options: {},
       sourceIdentity: { czxid: 1n, ctime: 1n }, targetIdentity: null })
     for (let batch = 0; ; batch++) {
       const directories = Array.from({ length: 200 }, (_, i) => ({ path: batch + '/' + i, state: 'done',
         watermark: null, childHash: new Uint8Array(32), children: 1, emptyTarget: true }))
       try { run.record({ directories, counts: { batches: batch + 1 } }) }
       catch (error) { console.error(error.name + ': ' + error.message); process.exit(6) }
     }`,
    // The kernel refuses to let a file grow beyond this many blocks of 512 bytes.
    'ulimit -f 1000;',
  )
  expect(await other.exited()).toBe(6)
  expect(other.stderr()).toMatch(/^JournalProblem: The (disk that holds the )?journal .*full/)
  const reader = readJournal(file)
  const run = reader.latest()
  expect(run?.state).toBe('interrupted')
  const batches = run?.counts.batches as number
  expect(batches).toBeGreaterThan(1)
  expect([...reader.directories(run?.id as string)]).toHaveLength(batches * 200)
  reader.close()
})

test('SQLite saying that the disk is full becomes a sentence that says so', () => {
  const db = new Database(join(folder, 'limited'))
  db.exec('CREATE TABLE t (b BLOB)')
  db.pragma('max_page_count = 4')
  try {
    db.prepare('INSERT INTO t VALUES (?)').run(Buffer.alloc(100_000))
    expect.unreachable()
  } catch (error) {
    const problem = asJournalProblem('/j', error)
    expect(problem).toBeInstanceOf(JournalProblem)
    expect((problem as Error).message).toMatch(/The disk that holds the journal \/j is full/)
  }
  db.close()
  const shm = new Database.SqliteError('disk I/O error', 'SQLITE_IOERR_SHMSIZE')
  expect(String(asJournalProblem('/j', shm))).toMatch(/The disk that holds the journal \/j is full/)
  const bug = new TypeError('a bug of ours')
  expect(asJournalProblem('/j', bug)).toBe(bug)
})
