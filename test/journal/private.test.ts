/** What lies beside a run belongs to its user alone, and is nobody else's file. */
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdtempSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openJournal } from '../../src/journal/index.ts'
import { defaultJournalFile } from '../../src/journal/place.ts'
import { setup } from './examples.ts'

const mode = (file: string) => statSync(file).mode & 0o777
const fresh = () => mkdtempSync(join(tmpdir(), 'zkferry-private-'))

test('the folder is 0700 and every file in it 0600, whatever the umask, while a run is written and after', () => {
  const before = process.umask(0o000)
  try {
    const folder = join(fresh(), 'state', 'zkferry')
    const file = defaultJournalFile(folder, 'a:1/x', 'b:1/y')
    expect([mode(join(folder, '..')), mode(folder)]).toEqual([0o700, 0o700])
    const journal = openJournal(file, { command: 'copy' })
    const run = journal.begin(setup)
    run.setIdentitySecret(Buffer.from('a secret'))
    const beside = ['', '-wal', '-shm', '.lock'].map((end) => file + end)
    expect(beside.filter((each) => !existsSync(each))).toEqual([])
    expect(beside.map((each) => mode(each).toString(8))).toEqual(beside.map(() => '600'))
    journal.close()
    expect(beside.filter(existsSync).map((each) => mode(each).toString(8))).toEqual(['600', '600'])
  } finally {
    process.umask(before)
  }
})

test('a journal that others may read is taken from them before anything is written', () => {
  const file = join(fresh(), 'run.journal')
  openJournal(file, { command: 'copy' }).close()
  for (const each of [file, `${file}.lock`]) chmodSync(each, 0o666)
  const journal = openJournal(file, { command: 'copy' })
  journal.begin(setup)
  for (const end of ['', '-wal', '-shm', '.lock']) expect(mode(file + end).toString(8), end).toBe('600')
  journal.close()
})

test.each(['', '-wal', '-shm', '-journal', '.lock'])(
  'a symlink planted as run.journal%s is refused, and what it leads to stays',
  (end) => {
    const folder = fresh()
    const file = join(folder, 'run.journal')
    const victim = join(folder, 'victim')
    writeFileSync(victim, 'precious', { mode: 0o644 })
    symlinkSync(victim, file + end)
    expect(() => openJournal(file, { command: 'copy' })).toThrow('is a symbolic link')
    expect(readFileSync(victim, 'utf8')).toBe('precious')
    expect(mode(victim)).toBe(0o644)
    expect(lstatSync(file + end).isSymbolicLink()).toBe(true)
  },
)

test.each(['', '.lock'])('a symlink to nothing, run.journal%s, is not followed either', (end) => {
  const folder = fresh()
  const file = join(folder, 'run.journal')
  symlinkSync(join(folder, 'elsewhere'), file + end)
  expect(() => openJournal(file, { command: 'copy' })).toThrow('is a symbolic link')
  expect(existsSync(join(folder, 'elsewhere'))).toBe(false)
})
