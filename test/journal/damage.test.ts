/** Journals with values that nobody wrote: read as what they are, or a problem that does not repeat them. */
import { copyFileSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { expect, test } from 'vitest'
import { issueLine, issueRecord, runDetails, runRecord, runsTable } from '../../src/cli/runs-format.ts'
import { differenceOfJobs, openJournal, readJournal } from '../../src/journal/index.ts'
import { restoreAclMap } from '../../src/tree/acl-map.ts'
import { JournalProblem } from '../../src/tree/errors.ts'
import { Filter } from '../../src/tree/filter.ts'
import { cli } from '../cli/run-cli.ts'
import { pair, plant } from '../helpers/places.ts'
import { directory, end, scratchFolder, setup } from './examples.ts'

const folder = scratchFolder()
const SECRET = 'TOPSECRET'
const ONLY_WORKED_WITH = new Set(['secrets.secret', 'directories.state', 'runs.root_digest'])
const VALUES = [
  null,
  SECRET,
  Buffer.from(SECRET),
  Buffer.from([0]),
  '',
  -1,
  1.5,
  9e300,
  '{',
  'null',
  '[]',
  `{"include":5,"user":"${SECRET}"}`,
  `{"exclude":[["${SECRET}"]]}`,
  '{"aclMap":[5]}',
  Buffer.from(`{"user":"u","password":"${SECRET}"}`),
  Buffer.from(`{"user":"u","password":"${SECRET}","algorithm":"none"}`),
]

/** Everything that is read of a journal, and made of what was read. */
function readAll(file: string): void {
  const journal = readJournal(file)
  try {
    for (const run of journal.runs()) {
      const listed = { journal: file, run }
      for (const made of [runsTable([listed]), runDetails(listed), runRecord(listed)])
        expect(made).toBeTruthy()
      differenceOfJobs(run, setup)
      new Filter(run.options.include as string[], run.options.exclude as string[])
      restoreAclMap(run.options.aclMap)
      for (const issue of journal.issues(run.id)) expect([issueRecord(issue), issueLine(issue)]).toBeTruthy()
      expect([...journal.directories(run.id), ...journal.temporaryAcls(run.id)]).toBeTruthy()
    }
    journal.holder()
  } finally {
    journal.close()
  }
}

/** What only the process that works with it reads. */
function goOn(file: string): void {
  const journal = openJournal(file, { command: 'zkferry copy' })
  try {
    for (const { id, rootDigest } of journal.runs()) {
      const run = journal.open(id)
      run.pending(10)
      run.temporaryIdentity()
      if (rootDigest !== null) run.total()
    }
  } finally {
    journal.close()
  }
}

test('whatever stands in a column, it is read or the journal is damaged, and nothing of it is repeated', () => {
  const whole = join(folder, 'whole.journal')
  const journal = openJournal(whole, { command: 'zkferry copy' })
  const run = journal.begin({ ...setup, targetIdentity: { czxid: 1n, ctime: 2n } })
  run.setRoot(Buffer.alloc(32, 1))
  run.record({
    directories: [directory(''), directory('a', 'partial')],
    issues: [{ kind: 'failed', path: 'a/b', side: 'target', code: 'NOAUTH', reason: 'it is shut' }],
  })
  run.setIdentitySecret(Buffer.from(JSON.stringify({ user: 'u', password: SECRET, algorithm: 'sha1' })))
  run.addTemporaryAcls([{ path: 'a', finalAcl: Buffer.from([1]) }])
  run.finish('done', end)
  journal.close()

  const columns = new Database(whole, { readonly: true })
    .prepare<[], { at: string; name: string }>(
      `SELECT m.name AS at, c.name FROM sqlite_master m, pragma_table_info(m.name) c
       WHERE m.type = 'table' AND c.name NOT IN ('run', 'number', 'one')`,
    )
    .all()
  expect(columns.length).toBeGreaterThan(30)
  readAll(whole)
  const file = join(folder, 'damaged.journal')
  let damaged = 0
  for (const { at, name } of columns) {
    for (const value of VALUES) {
      copyFileSync(whole, file)
      const db = new Database(file)
      try {
        db.pragma('synchronous = OFF')
        db.prepare(`UPDATE ${at} SET ${name} = ?`).run(value)
      } catch {
        // Where NULL, or the same path twice, cannot be.
        continue
      } finally {
        db.close()
      }
      try {
        readAll(file)
        if (ONLY_WORKED_WITH.has(`${at}.${name}`)) goOn(file)
      } catch (error) {
        const what = `${at}.${name} = ${value}: ${(error as Error).stack}`
        expect(error, what).toBeInstanceOf(JournalProblem)
        expect((error as Error).message, what).toMatch(/is damaged/)
        expect(`${(error as Error).message} ${(error as Error).cause}`).not.toContain(SECRET)
        damaged++
      }
    }
  }
  expect(damaged).toBeGreaterThan(100)
})

test('a copy that goes on with one ends with 6, and prints nothing of a secret that cannot be read', async () => {
  const { from, to } = await pair('damaged')
  await plant(from, { '': null, a: 'x' })
  const journal = join(folder, 'secret.journal')
  const args = ['copy', '--verbose', '--journal', journal, from.location, to.location]
  expect((await cli(args)).code).toBe(0)
  const db = new Database(journal)
  db.exec(`UPDATE runs SET state = 'interrupted'; INSERT INTO secrets VALUES (1, CAST('${SECRET}' AS BLOB))`)
  db.close()
  const { code, stdout, stderr } = await cli(args)
  expect(code, stderr).toBe(6)
  expect(stderr).toContain(`The journal ${journal} is damaged (a run's temporary identity makes no sense)`)
  expect(stdout + stderr).not.toContain(SECRET)
})
