import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { openJournal, readJournal } from '../../src/journal/index.ts'
import { JournalProblem } from '../../src/tree/errors.ts'
import { ZxidRanges } from '../../src/tree/zxid-ranges.ts'
import { directory, end, hash, scratchFolder, setup } from './examples.ts'

const folder = scratchFolder()
let files = 0
const freshFile = () => join(folder, `${++files}.journal`)
const fresh = () => openJournal(freshFile(), { command: 'zkferry copy' })
const identity = { user: 'zkferry-1', password: 'hush', algorithm: 'sha1' }

test('a run is remembered with all it was told, 64-bit numbers exact', () => {
  const journal = fresh()
  const run = journal.begin({
    ...setup,
    targetIdentity: { czxid: (1n << 63n) - 1n, ctime: 0n },
  })
  expect(journal.run(run.id)).toMatchObject({
    ...setup,
    targetIdentity: { czxid: (1n << 63n) - 1n, ctime: 0n },
    state: 'running',
    status: null,
    lastWrite: null,
    ended: null,
  })
  const lateWrites = ZxidRanges.of([
    [5n, 7n],
    [(1n << 63n) - 1n, (1n << 63n) - 1n],
  ])
  run.finish('done', { ...end, lateWrites })
  expect([...run.info.lateWrites]).toEqual([...lateWrites])
  expect(run.info).toMatchObject({ ...end, lateWrites, state: 'finished', status: 'done' })
  expect(run.info.ended).toBeInstanceOf(Date)
  expect(journal.run('nosuchid')).toBeNull()
  journal.close()
})

test('runs are listed oldest first; latest and latestFinished tell them apart', () => {
  const journal = fresh()
  expect(journal.latest()).toBeNull()
  const first = journal.begin(setup)
  first.finish('done', end)
  const second = journal.begin(setup)
  expect(journal.runs().map((run) => run.id)).toEqual([first.id, second.id])
  expect(journal.latest()?.id).toBe(second.id)
  expect(journal.latestFinished()?.id).toBe(first.id)
  journal.close()
})

test('the frontier holds what is not done, in path order, in pages', () => {
  const journal = fresh()
  const run = journal.begin(setup)
  const other = journal.begin(setup)
  other.record({ directories: [directory('elsewhere', 'pending')] })
  run.record({
    directories: [
      directory('', 'partial', {
        watermark: 'm',
        children: 7,
        childHash: hash(99),
      }),
      directory('b'),
    ],
    discovered: [directory('c'), directory('a'), directory('a/x', 'pending', { emptyTarget: true })],
  })
  expect(run.pending(10).map((row) => row.path)).toEqual(['', 'a', 'a/x', 'c'])
  expect(run.pending(1)).toEqual([
    {
      path: '',
      state: 'partial',
      watermark: 'm',
      childHash: hash(99),
      children: 7,
      emptyTarget: false,
    },
  ])
  expect(run.pending(2, 'a').map((row) => row.path)).toEqual(['a/x', 'c'])
  expect(run.directory('a/x')).toMatchObject({
    state: 'pending',
    emptyTarget: true,
    childHash: new Uint8Array(32),
  })
  run.record({
    directories: run.pending(10).map((row) => ({ ...row, state: 'done' as const })),
  })
  expect(run.pending(10)).toEqual([])
  journal.close()
})

test('discovering a directory again takes nothing back', () => {
  const journal = fresh()
  const run = journal.begin(setup)
  run.record({
    directories: [directory('a', 'done', { childHash: hash(5), children: 2 })],
  })
  run.record({ discovered: [directory('a', 'pending')] })
  expect(run.directory('a')).toMatchObject({
    state: 'done',
    childHash: hash(5),
    children: 2,
  })
  journal.close()
})

test('a batch that fails in its middle leaves nothing behind', () => {
  const journal = fresh()
  const run = journal.begin(setup)
  const broken = {
    ...directory('b'),
    children: undefined as unknown as number,
  }
  expect(() => run.record({ directories: [directory('a'), broken], lastWrite: 9n })).toThrow(JournalProblem)
  expect([...run.directories()]).toEqual([])
  expect(run.info.lastWrite).toBeNull()
  journal.close()
})

test('directories are streamed in path order across pages, while the run writes', () => {
  const journal = fresh()
  const run = journal.begin(setup)
  const paths = ['', ...Array.from({ length: 2500 }, (_, i) => `n${String(i).padStart(5, '0')}`)]
  run.record({ directories: paths.map((path) => directory(path)) })
  const seen: string[] = []
  for (const row of journal.directories(run.id)) {
    seen.push(row.path)
    run.record({ counts: { read: seen.length } })
  }
  expect(seen).toEqual(paths)
  expect(run.info.counts).toEqual({ read: 2501 })
  journal.close()
})

test('the total is the root digest and all child hashes, modulo 2^256', () => {
  const number = fc.bigInt({ min: 0n, max: (1n << 256n) - 1n })
  const journal = fresh()
  fc.assert(
    fc.property(number, fc.array(number, { maxLength: 20 }), (root, hashes) => {
      const run = journal.begin(setup)
      run.setRoot(hash(root))
      run.record({
        directories: hashes.map((value, i) => directory(`d${i}`, 'done', { childHash: hash(value) })),
      })
      const sum = hashes.reduce((total, value) => total + value, root) % (1n << 256n)
      expect(Buffer.from(run.total())).toEqual(hash(sum))
    }),
    { numRuns: 30 },
  )
  journal.close()
})

test('an issue is kept once a path and kind, is limited on request, and cleared', () => {
  const journal = fresh()
  const run = journal.begin(setup)
  const failed = {
    kind: 'failed',
    path: 'b',
    side: 'target',
    code: 'NOAUTH',
    reason: 'may not',
  } as const
  const skipped = {
    kind: 'skipped',
    path: 'z',
    side: 'source',
    code: null,
    reason: 'ephemeral',
  } as const
  run.record({ issues: [failed, skipped, { ...failed, path: 'a' }] })
  run.record({ issues: [{ ...failed, reason: 'still may not' }] })
  const rows = [skipped, { ...failed, path: 'a' }, { ...failed, reason: 'still may not' }]
  expect([...journal.issues(run.id)]).toEqual(rows)
  expect([...journal.issues(run.id, { limit: 2 })]).toEqual(rows.slice(0, 2))
  run.forgetRetried()
  expect([...journal.issues(run.id)]).toEqual([skipped])
  journal.close()
})

test('only an interrupted run can be resumed, and it goes on where it was', () => {
  const journal = fresh()
  const run = journal.begin(setup)
  run.record({
    directories: [directory('a')],
    lastWrite: 12n,
    counts: { read: 4, written: 5n },
  })
  expect(() => journal.resume(run.id)).toThrow(/running and cannot be resumed/)
  run.interrupt({ read: 4 })
  expect(run.info.state).toBe('interrupted')
  const again = journal.resume(run.id)
  expect(again.info).toMatchObject({
    state: 'running',
    lastWrite: 12n,
    counts: { read: 4 },
  })
  expect(again.directory('a')?.state).toBe('done')
  again.finish('done', end)
  expect(() => journal.resume(run.id)).toThrow(/finished and cannot be resumed/)
  expect(() => journal.resume('nosuchid')).toThrow(/has no run nosuchid/)
  journal.close()
})

test('what each process counted is added up; how the run stands is as the last one left it', () => {
  const journal = fresh()
  const survived = { reconnects: 1, waitedSeconds: 0.2 }
  const run = journal.begin(setup)
  run.record({ counts: { read: 4, created: 3, skipped: 2, survived } })
  run.interrupt({ read: 5, created: 4, skipped: 2, failed: 1, survived })
  const second = journal.resume(run.id)
  second.record({ counts: { read: 1, created: 0, skipped: 2, failed: 0, survived } })
  const counts = {
    read: 6,
    created: 4,
    skipped: 2,
    failed: 0,
    survived: { reconnects: 2, waitedSeconds: 0.4 },
  }
  expect(second.info.counts).toEqual(counts)
  second.interrupt({ read: 2, created: 1, skipped: 3, survived })
  const third = journal.resume(run.id)
  third.finish('done', { ...end, counts: { read: 1, created: 1, skipped: 3, failed: 0, survived } })
  expect(third.info.counts).toMatchObject({ read: 8, created: 6, skipped: 3, survived: { reconnects: 3 } })
  journal.close()
})

test('discard abandons unfinished runs and forgets their directories, but not their temporary ACL entries', () => {
  const journal = fresh()
  const finished = journal.begin(setup)
  finished.record({ directories: [directory('kept')] })
  finished.finish('done', end)
  const run = journal.begin(setup)
  run.record({ directories: [directory('a')] })
  run.setIdentitySecret(Buffer.from(JSON.stringify(identity)))
  run.addTemporaryAcls([{ path: 'locked', finalAcl: Buffer.from([1, 2, 3]) }])
  journal.discard()
  expect(run.info.state).toBe('abandoned')
  expect([...journal.directories(run.id)]).toEqual([])
  expect(journal.temporaryAcls(run.id)).toEqual([{ path: 'locked', finalAcl: Buffer.from([1, 2, 3]) }])
  expect(journal.open(run.id).temporaryIdentity()).toEqual(identity)
  expect([...journal.directories(finished.id)]).toHaveLength(1)
  journal.close()
})

test('the secret of a temporary identity leaves the disk with the run', () => {
  const file = freshFile()
  const journal = openJournal(file, { command: 'zkferry copy' })
  const run = journal.begin(setup)
  const secret = Buffer.from('correct horse battery staple')
  run.setIdentitySecret(secret)
  run.addTemporaryAcls([{ path: 'a', finalAcl: Buffer.from('acl') }])
  expect(onDisk(file).includes(secret)).toBe(true)
  expect(run.info.hasTemporaryIdentity).toBe(true)
  run.removeTemporaryAcls(['a'])
  run.finish('done', end)
  expect(onDisk(file).includes(secret)).toBe(false)
  expect(run.info.hasTemporaryIdentity).toBe(false)
  journal.close()
  expect(onDisk(file).includes(secret)).toBe(false)
})

test('a run that ends with its temporary entries still on the target keeps the secret that can take them back', () => {
  const journal = fresh()
  const run = journal.begin(setup)
  run.setIdentitySecret(Buffer.from(JSON.stringify(identity)))
  run.addTemporaryAcls([{ path: 'a', finalAcl: Buffer.from('acl') }])
  run.finish('incomplete', { ...end, verified: false })
  expect(run.temporaryIdentity()).toEqual(identity)
  run.removeTemporaryAcls(['a'])
  run.wipeIdentitySecret()
  expect(run.temporaryIdentity()).toBeNull()
  journal.close()
})

test('of finished runs, the directories of the last one and of the last verified one are kept', () => {
  const journal = fresh()
  const ids = [true, true, false, false].map((verified, i) => {
    const run = journal.begin(setup)
    run.record({ directories: [directory(`d${i}`)] })
    run.finish(verified ? 'done' : 'incomplete', { ...end, verified })
    return run.id
  })
  expect(ids.map((id) => [...journal.directories(id)].length)).toEqual([0, 1, 0, 1])
  journal.close()
})

test('and those of the last run of each filter that wrote, and of the last that was done', () => {
  const journal = fresh()
  const finish = (exclude: string[], status: 'done' | 'refused', lastWrite: bigint | null) => {
    const run = journal.begin({ ...setup, options: { include: [], exclude } })
    run.record({ directories: [directory('a')] })
    run.finish(status, { ...end, verified: false, lastWrite })
    return run.id
  }
  const ids = [
    finish([], 'done', 5n),
    finish([], 'done', 6n),
    finish(['b'], 'done', 7n),
    finish(['c'], 'refused', 8n),
    finish(['b'], 'done', 9n),
    finish([], 'refused', null),
    finish([], 'refused', null),
  ]
  expect(ids.map((id) => [...journal.directories(id)].length)).toEqual([0, 1, 0, 1, 1, 0, 1])
  journal.close()
})

test('the target identity may come later', () => {
  const journal = fresh()
  const run = journal.begin(setup)
  run.setTargetIdentity({ czxid: 77n, ctime: 88n })
  expect(run.info.targetIdentity).toEqual({ czxid: 77n, ctime: 88n })
  journal.close()
})

test('what is committed is there for a reader at once', () => {
  const journal = fresh()
  const run = journal.begin(setup)
  const reader = readJournal(journal.file)
  run.record({ directories: [directory('a')], counts: { read: 1 } })
  expect(reader.run(run.id)).toMatchObject({
    state: 'running',
    counts: { read: 1 },
  })
  expect([...reader.directories(run.id)].map((row) => row.path)).toEqual(['a'])
  expect(reader.holder()).toMatchObject({
    pid: process.pid,
    command: 'zkferry copy',
  })
  journal.close()
  expect(reader.holder()).toBeNull()
  reader.close()
})

function onDisk(file: string): Buffer {
  const parts = ['', '-wal'].map((end) => {
    try {
      return readFileSync(file + end)
    } catch {
      return Buffer.alloc(0)
    }
  })
  return Buffer.concat(parts)
}
