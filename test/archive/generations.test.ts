/** Several trees and generations in one file: shared content, listing, checking, pruning, and who may write. */
import {
  copyFileSync,
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { openArchiveSource, openArchiveTarget } from '../../src/locations/archive/open.ts'
import { takeWriteLock } from '../../src/locations/archive/write-lock.ts'
import { OPEN_ACL } from '../../src/tree/acl.ts'
import { cli } from '../cli/run-cli.ts'
import { zkferry } from '../helpers/zkferry.ts'
import { freshFolder } from './folders.ts'
import { addGeneration, digestOf, noPassphrase, sampleTree } from './fuzz/samples.ts'

const WIDE = 3000

describe('generations', () => {
  test('a new one stores only what has changed, and each can be read', async () => {
    const file = join(freshFolder(), 'a.zkferry')
    const first = await addGeneration({ file, path: '/app' }, sampleTree(WIDE))
    const size = statSync(file).size
    const second = await addGeneration({ file, path: '/app' }, sampleTree(WIDE, 1))
    await addGeneration({ file, path: '/elsewhere' }, sampleTree(WIDE))
    expect(second).not.toBe(first)
    expect(statSync(file).size).toBeLessThan(size * 1.6)

    const { of, summary } = await zkferry(['archive', 'list', file])
    expect(summary).toMatchObject({ status: 'done', exitCode: 0 })
    expect(
      of('generation').map(({ generation, tree, digest, complete }) => [generation, tree, digest, complete]),
    ).toEqual([
      [1, '/app', first, true],
      [2, '/app', second, true],
      [3, '/elsewhere', first, true],
    ])
    for (const [generation, digest] of [
      [null, second],
      [1, first],
      [2, second],
    ] as const) {
      const source = await openArchiveSource({
        file,
        path: '/app',
        side: 'source',
        name: 'it',
        generation,
        passphrase: noPassphrase,
      })
      expect(await digestOf(source)).toEqual({ digest, failed: [], znodes: WIDE + 43 })
      await source.close()
    }
    // A subtree of the newest, and what is not there.
    expect((await zkferry(['digest', `archive:${file}#/app/wide`])).code).toBe(0)
    expect((await zkferry(['digest', `archive:${file}#/app/none`])).code).toBe(2)
    expect((await zkferry(['digest', '--generation', '3', `archive:${file}#/app`])).summary.message).toBe(
      `Generation 3 of the archive ${file} is of the tree /elsewhere, which does not hold /app; the archive has /elsewhere (generation 3), /app (generations 2, 1).`,
    )
    const checked = await zkferry(['archive', 'check', file])
    expect(checked.code).toBe(0)
    expect(checked.of('checked').map(({ whole, digest }) => [whole, digest])).toEqual([
      [true, first],
      [true, second],
      [true, first],
    ])
  })

  test('a path is read from the newest that holds it, though a newer one is of a tree that might', async () => {
    const file = join(freshFolder(), 'a.zkferry')
    const older = await addGeneration({ file, path: '/codis3' }, sampleTree(5))
    await addGeneration({ file, path: '/' }, sampleTree(5, 1))
    const read = async (path: string, ...flags: string[]) => {
      const { code, summary, of } = await zkferry(['digest', ...flags, `archive:${file}#${path}`])
      return { code, message: summary.message, digest: summary.digest.source, notes: of('note') }
    }
    const said = new RegExp(
      `^Generation 1 of ${file} is read, made 2.*Z: it is the newest that holds /codis3\\.$`,
    )
    expect(await read('/codis3')).toMatchObject({
      code: 0,
      digest: older,
      notes: [{ message: expect.stringMatching(said) }],
    })
    expect(await read('/wide')).toMatchObject({ code: 0, notes: [] })
    const trees = '/ (generation 2), /codis3 (generation 1)'
    expect(await read('/codis3', '--generation', '2')).toMatchObject({
      code: 2,
      message: `Generation 2 of the archive ${file} is of the tree /, which does not hold /codis3; the archive has ${trees}.`,
    })
    expect(await read('/none')).toMatchObject({
      code: 2,
      message: `No generation of the archive ${file} holds /none: it has ${trees}; write archive:FILE#/.`,
    })
    for (let turn = 0; turn < 10; turn++) await addGeneration({ file, path: '/many' }, sampleTree(0, turn))
    expect((await read('/none')).message).toContain('/many (generations 12, 11, 10, 9, 8, 7, 6, 5, …), / (')
    // What a target lacks is a difference.
    const missing = ['verify', '--rounds', '0', `archive:${file}#/codis3`, `archive:${file}#/none`]
    expect((await zkferry(missing)).summary.status).toBe('different')
  })

  test('prune keeps what it is told to, and the last complete one of each tree', async () => {
    const file = join(freshFolder(), 'a.zkferry')
    const digests: string[] = []
    for (let turn = 0; turn < 4; turn++)
      digests.push(await addGeneration({ file, path: '/app' }, sampleTree(WIDE, turn)))
    await addGeneration({ file, path: '/other' }, sampleTree(10))
    await addGeneration({ file, path: '/other', status: 'incomplete' }, sampleTree(10, 1))
    const before = readFileSync(file)
    const dry = await zkferry(['archive', 'prune', '--keep-last', '1', '--dry-run', file])
    expect(dry.of('dropped').map(({ generation }) => generation)).toEqual([1, 2, 3])
    expect(dry.of('note')).toEqual([
      {
        message:
          'generation 5 of /other stays: the last complete one of its tree (--drop-complete drops it, too)',
      },
    ])
    const none = await cli(['archive', 'prune', '--keep-last', '0', '--dry-run', file])
    expect(none.stderr).toContain(
      'generations 4 of /app, 5 of /other stay: the last complete ones of their trees',
    )
    expect(readFileSync(file).equals(before)).toBe(true)
    expect((await zkferry(['archive', 'prune', '--keep-last', '1', file])).summary.message).toBe(
      'archive prune needs --yes when there is no terminal to ask on.',
    )
    expect((await zkferry(['archive', 'prune', '--yes', file])).code).toBe(2)
    expect((await zkferry(['archive', 'prune', '--keep-last', '1', '--yes', file])).code).toBe(0)
    expect(statSync(file).size).toBeLessThan(before.length)
    expect(await idsIn(file)).toEqual([4, 5, 6])
    const { summary } = await zkferry(['digest', `archive:${file}#/app`])
    expect(summary.digest.source).toBe(digests[3])
    // All were made on one day.
    await zkferry([
      'archive',
      'prune',
      '--keep-daily',
      '3',
      '--yes',
      '--drop-complete',
      `archive:${file}#/other`,
    ])
    expect(await idsIn(file)).toEqual([4, 5])
    expect(readdirSync(join(file, '..'))).toEqual(['a.zkferry'])
  })

  test('one that is known to lack something says so, and ends no job as done', async () => {
    const file = join(freshFolder(), 'a.zkferry')
    const digest = await addGeneration({ file, path: '/app', status: 'incomplete' }, sampleTree(10))
    const { code, summary } = await zkferry(['digest', `archive:${file}#/app`])
    expect(code).toBe(3)
    expect(summary.message).toContain('is not whole: the job that made generation 1 ended as incomplete')
    // Nothing is wrong with the file.
    const checked = await cli(['archive', 'check', file])
    expect([checked.code, checked.stdout]).toEqual([
      0,
      `generation 1 of /app: undamaged, digest ${digest}; the job that made generation 1 ended as incomplete\n`,
    ])
    expect((await zkferry(['archive', 'check', file])).of('checked')).toMatchObject([
      { whole: true, flaw: null, complete: false },
    ])
  })

  test('a filtered one is compared in what it holds', async () => {
    const [file, other] = [join(freshFolder(), 'a.zkferry'), join(freshFolder(), 'b.zkferry')]
    const some = [...sampleTree(10)].filter(({ path }) => !path.startsWith('topic'))
    await addGeneration({ file, path: '/app', options: { exclude: ['topic*'] } }, some)
    await addGeneration({ file: other, path: '/app' }, sampleTree(10))
    const [part, whole] = [`archive:${file}#/app`, `archive:${other}#/app`]
    expect((await zkferry(['verify', '--rounds', '0', part, whole])).summary.status).toBe('identical')
    expect((await zkferry(['verify', '--rounds', '0', whole, part])).summary.status).toBe('different')
  })
})

async function idsIn(file: string): Promise<unknown[]> {
  return (await zkferry(['archive', 'list', file])).of('generation').map(({ generation }) => generation)
}

describe('files', () => {
  const open = (file: string, more: { encrypt?: boolean; passphrase?: string } = {}) =>
    openArchiveTarget({
      file,
      path: '/app',
      name: file,
      compression: 'gzip',
      encrypt: more.encrypt ?? false,
      passphrase: async () => (more.passphrase === undefined ? null : Buffer.from(more.passphrase)),
    })

  test('what is no archive is never overwritten', async () => {
    const folder = freshFolder()
    const text = join(folder, 'text')
    writeFileSync(text, 'somebody else wrote this, and it is longer than a header')
    await expect(open(text)).rejects.toThrow(`The file ${text} is no zkferry archive; it is left as it is.`)
    await expect(open(folder)).rejects.toThrow(`${folder} is a folder, and an archive is one file.`)
    await expect(open(join(folder, 'none', 'a'))).rejects.toThrow('There is no folder')
    symlinkSync(join(folder, 'nowhere'), join(folder, 'dangling'))
    await expect(open(join(folder, 'dangling'))).rejects.toThrow('is a symbolic link to nothing')
    expect(readFileSync(text, 'utf8')).toContain('somebody else')
    expect(readdirSync(folder).sort()).toEqual(['dangling', 'text'])
  })

  test('a link stays a link, and what it names is written', async () => {
    const folder = freshFolder()
    const [file, link] = [join(folder, 'a.zkferry'), join(folder, 'latest')]
    await addGeneration({ file, path: '/app' }, sampleTree(5))
    symlinkSync(file, link)
    await addGeneration({ file: link, path: '/app' }, sampleTree(5))
    expect(await idsIn(file)).toEqual([1, 2])
    expect(readdirSync(folder).sort()).toEqual(['a.zkferry', 'latest'])
  })

  test('two writers at once: the second is refused, and leftovers of a killed one go', async () => {
    const folder = freshFolder()
    const file = join(folder, 'a.zkferry')
    writeFileSync(`${file}.0123456789ab.partial`, 'left over')
    writeFileSync(join(folder, 'b.zkferry.0123456789ab.partial'), 'of another archive')
    writeFileSync(`${file}-wal`, 'of an undo')
    await expect(open(file)).rejects.toThrow(`${file}-wal belongs to ${file}, which a job is writing`)
    rmSync(`${file}-wal`)
    const first = await open(file)
    expect(existsSync(`${file}.0123456789ab.partial`)).toBe(false)
    await expect(open(file)).rejects.toThrow(`The archive ${file} is being written by another process.`)
    await first.close()
    expect(readdirSync(folder)).toEqual(['b.zkferry.0123456789ab.partial'])
    const lock = takeWriteLock(file)
    expect(lock).not.toBeNull()
    lock?.release()
  })

  test('a file that somebody else put in its place meanwhile is left as it is', async () => {
    const folder = freshFolder()
    const [file, other] = [join(folder, 'a.zkferry'), join(folder, 'b.zkferry')]
    await addGeneration({ file: other, path: '/other' }, sampleTree(3))
    const target = await open(file)
    for (const change of sampleTree(3)) await target.write([change])
    copyFileSync(other, file)
    const provenance = {
      source: '',
      status: 'done',
      message: '',
      since: 0n,
      consistency: '',
      options: {},
      version: '',
    }
    await expect(
      target.staging?.publish({ ...provenance, digest: { source: null, target: null } }),
    ).rejects.toThrow('was changed by somebody else meanwhile')
    await target.close()
    expect(readFileSync(file).equals(readFileSync(other))).toBe(true)
    expect(readdirSync(folder).sort()).toEqual(['a.zkferry', 'b.zkferry'])
  })

  test('encrypted: nothing of it can be read without the passphrase', async () => {
    const file = join(freshFolder(), 'a.zkferry')
    const env = { ZKFERRY_ARCHIVE_PASSPHRASE: 'open sesame' }
    const digest = await addGeneration({ file, path: '/app', passphrase: 'open sesame' }, sampleTree(50))
    const bytes = readFileSync(file)
    for (const word of ['topic', 'wide', '/app', 'zk1', 'leader', 'anyone'])
      expect(bytes.includes(word)).toBe(false)
    const at = `archive:${file}#/app`
    expect((await zkferry(['digest', at], { env })).summary.digest.source).toBe(digest)
    const wrong = await cli(['digest', at, '--passphrase-command', 'echo open says me'])
    expect([wrong.code, wrong.stderr.trim()]).toEqual([
      2,
      `zkferry: The passphrase is not the one that the archive ${file} was encrypted with.`,
    ])
    expect((await cli(['archive', 'list', file])).stderr).toContain('is encrypted: give its passphrase in')
    expect((await cli(['archive', 'list', file], { env })).stdout).toMatch(/ \/app +2[-\d]+ [:\d]+Z /)
    // With --encrypt or without, what is added is encrypted, too; and a plain one stays plain.
    const more = await open(file, { passphrase: 'open sesame' })
    await more.close()
    const plain = join(freshFolder(), 'plain.zkferry')
    await addGeneration({ file: plain, path: '/app' }, sampleTree(3))
    await expect(open(plain, { encrypt: true, passphrase: 'x' })).rejects.toThrow(
      'is not encrypted, and --encrypt',
    )
    await expect(open(join(freshFolder(), 'new'), { encrypt: true })).rejects.toThrow(
      '--encrypt needs a passphrase',
    )
  })
})

test('a znode is kept with everything that it has', async () => {
  const file = join(freshFolder(), 'a.zkferry')
  const target = await openArchiveTarget({
    file,
    path: '/',
    name: file,
    compression: 'none',
    encrypt: false,
    passphrase: noPassphrase,
  })
  const stat = {
    czxid: 0x7fff_ffff_ffff_fff0n,
    mzxid: 0x7fff_ffff_ffff_ffffn,
    pzxid: 3n,
    ctime: -5n,
    mtime: 1_700_000_000_123n,
    version: 2_147_483_647,
    cversion: -2,
    aversion: -1,
    ephemeralOwner: 0n,
    dataLength: 0,
    numChildren: 0,
  }
  const acl = OPEN_ACL
  await target.write([
    { kind: 'create', path: '', data: null, acl, origin: { ...stat, cversion: 10 } },
    { kind: 'create', path: 'container', data: Buffer.alloc(0), acl, mode: 'container', origin: stat },
    { kind: 'create', path: 'ttl', data: null, acl, mode: { ttlMs: 0xfffffffffe }, origin: stat },
    { kind: 'create', path: 'ﬃ', data: Buffer.from([0, 255]), acl, origin: stat },
  ])
  const reader = target.lane(0n)
  expect(await reader.list([''])).toMatchObject([{ names: ['container', 'ttl', 'ﬃ'] }])
  const [root, container, ttl, other] = await reader.stat(['', 'container', 'ttl', 'ﬃ'])
  // Five sequential children were made, and three are there.
  expect(root).toMatchObject({ stat: { cversion: 7, numChildren: 3 } })
  expect(container).toMatchObject({ mode: 'container', stat: { ...stat, cversion: -2 }, acl })
  expect(ttl).toMatchObject({ mode: { ttlMs: 0xfffffffffe } })
  expect(other).toMatchObject({ mode: 'persistent', stat: { dataLength: 2 } })
  const data = await reader.data(['', 'container', 'ﬃ', 'none'])
  expect(data.map((reply) => ('data' in reply ? reply.data : reply.code))).toEqual([
    null,
    Buffer.alloc(0),
    Buffer.from([0, 255]),
    'NONODE',
  ])
  await target.close()
  expect(existsSync(file)).toBe(false)
})
