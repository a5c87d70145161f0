/** What other tools have written is read; what is damaged or hostile is one sentence, and nothing is written. */
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, describe, expect, test } from 'vitest'
import { openExportSource } from '../../src/locations/export/open-export.ts'
import type { ReadFormat } from '../../src/locations/export/read.ts'
import { UsageProblem } from '../../src/tree/errors.ts'
import { cli } from '../cli/run-cli.ts'
import { freshJournal } from '../helpers/zkferry.ts'

const folder = mkdtempSync(join(tmpdir(), 'zkferry-input-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

let made = 0
function fileOf(content: string | Buffer): string {
  const file = join(folder, `in-${made++}`)
  writeFileSync(file, content)
  return file
}

const HEADER = '{"format":"zkferry-export","version":1}\n'
const ROOT = '{"path":"","data":null,"acl":["world:anyone:cdrwa"]}\n'
const END = '{"end":true}\n'
const b64 = (text: string) => Buffer.from(text).toString('base64')

async function importing(content: string | Buffer, ...flags: string[]) {
  const archive = join(folder, `out-${made++}.zkferry`)
  const args = ['import', '--journal', freshJournal(), ...flags, fileOf(content), `archive:${archive}#/x`]
  const { code, stderr } = await cli(args)
  return { code, stderr, archive, sentence: stderr.trimEnd().split('\n').at(-1) }
}

async function records(archive: string, ...flags: string[]): Promise<Record<string, unknown>[]> {
  const { stdout } = await cli(['export', ...flags, `archive:${archive}#/x`])
  return stdout
    .split('\n')
    .filter((line) => line.includes('"path"'))
    .map((line) => JSON.parse(line))
}

const zoo = (fields: Record<string, unknown>) => ({
  aversion: 0,
  ctime: 1,
  cversion: 0,
  czxid: 2,
  ephemeralOwner: 0,
  mtime: 1,
  mzxid: 2,
  pzxid: 2,
  version: 0,
  data: null,
  acls: [{ id: 'anyone', scheme: 'world', perms: 31 }],
  ...fields,
})

describe('what others write', () => {
  const dump = {
    '/app': zoo({ data: b64('root'), cversion: 5, version: 3 }),
    '/app/n0000000002': zoo({ data: b64('{"a":1}'), acls: [{ id: 'u:h=', scheme: 'digest', perms: 1 }] }),
    '/app/session': zoo({ ephemeralOwner: 72057594037927936, data: '' }),
    '/app/empty': zoo({ data: '' }),
    '/zookeeper': zoo({}),
  }
  test.each([
    ['as it is', JSON.stringify(dump)],
    ['pretty, as gzip', gzipSync(JSON.stringify(dump, null, 2))],
  ])("zoocreeper's file, %s", async (_, content) => {
    const { code, stderr, archive } = await importing(content, '--root', '/app')
    expect(code, stderr).toBe(0)
    expect(stderr).toMatch(/skipped {2}session {2}\(ephemeral\)/)
    expect(stderr).toMatch(/sequence counters are computed from the file/)
    expect(await records(archive)).toEqual([
      // (5 + 3 children) / 2
      { path: '', data: 'root', acl: ['world:anyone:cdrwa'], sequence: 4 },
      { path: 'empty', data: '', acl: ['world:anyone:cdrwa'] },
      { path: 'n0000000002', data: '{"a":1}', acl: ['digest:u:h=:r'] },
    ])
  })

  test("zk_shell's file", async () => {
    const acls = [{ perms: 31, id: { scheme: 'world', id: 'anyone' } }]
    const content = JSON.stringify({
      '/': { content: b64('root'), acls },
      '/b': { content: null, acls: [] },
      '/b/c': { content: 'AP8=', acls: [{ perms: 5, id: { scheme: 'ip', id: '10.0.0.0/8' } }] },
    })
    const { code, stderr, archive } = await importing(content)
    expect(code, stderr).toBe(0)
    expect(await records(archive)).toEqual([
      { path: '', data: 'root', acl: ['world:anyone:cdrwa'] },
      { path: 'b', data: null, acl: ['world:anyone:cdrwa'] },
      { path: 'b/c', base64: 'AP8=', acl: ['ip:10.0.0.0/8:cr'] },
    ])
  })

  test('paths and texts alone, with --no-acl', async () => {
    const content = '{"/": null, "/brokers": "", "/brokers/ids": "[1]"}'
    expect(await importing(content)).toMatchObject({
      code: 2,
      sentence: expect.stringMatching(/add --no-acl\.$/),
    })
    const { code, archive } = await importing(content, '--no-acl')
    expect(code).toBe(0)
    expect((await records(archive, '--no-acl')).map(({ path, data }) => [path, data])).toEqual([
      ['', null],
      ['brokers', ''],
      ['brokers/ids', '[1]'],
    ])
  })

  test('stdin', async () => {
    const archive = join(folder, 'stdin.zkferry')
    const args = ['bin/zkferry.js', 'import', '--journal', freshJournal(), '-', `archive:${archive}#/x`]
    const child = spawn(process.execPath, args, { stdio: ['pipe', 'ignore', 'ignore'] })
    child.stdin.end(HEADER + ROOT + END)
    expect(await new Promise((resolve) => child.on('close', resolve))).toBe(0)
    expect(await records(archive)).toHaveLength(1)
  })
})

const BAD: [string, string | Buffer, RegExp, ReadFormat?][] = [
  ['nothing', '', /it is empty/],
  ['something else', 'hello', /none of the formats/],
  ['no end', HEADER + ROOT, /lacks the end .* cut off/],
  ['cut within a line', `${HEADER + ROOT}{"path":"a","da`, /line 3 is no JSON/],
  ['something after the end', HEADER + ROOT + END + ROOT, /line 4 comes after the end/],
  ['another version', `${HEADER.replace('1', '9')}${END}`, /line 1 has version 9/],
  ['a path twice', HEADER + ROOT + ROOT + END, /line 3 has the path "", which is there already/],
  ['no root', HEADER + ROOT.replace('""', '"a"') + END, /it has no root \//],
  ['no parent', HEADER + ROOT + ROOT.replace('""', '"a/b"') + END, /holds "a\/b", and not the znode "a"/],
  [
    'an absolute path',
    HEADER + ROOT + ROOT.replace('""', '"/a"') + END,
    /line 3 .* without a slash before them/,
  ],
  ['..', HEADER + ROOT + ROOT.replace('""', '"a/../b"') + END, /line 3 .* has "\.\." as a segment/],
  ['an empty name', HEADER + ROOT + ROOT.replace('""', '"a//b"') + END, /has an empty segment/],
  ['NUL in a path', HEADER + ROOT + ROOT.replace('""', '"a\\u0000"') + END, /U\+0000/],
  [
    'a bad ACL',
    HEADER + ROOT.replace('cdrwa', 'cdrwx') + END,
    /"world:anyone:cdrwx", which is not of the form/,
  ],
  ['an ACL without parts', HEADER + ROOT.replace('world:anyone:cdrwa', 'world') + END, /not of the form/],
  [
    'some without ACL',
    `${HEADER + ROOT}{"path":"a","data":""}\n${END}`,
    /\("a"\) has no ACL, and those before/,
  ],
  ['data that are a number', HEADER + ROOT.replace('null', '1') + END, /data 1 that are no text/],
  ['data that are no base64', HEADER + ROOT.replace('"data":null', '"base64":"%%"') + END, /no base64/],
  ['half a character', HEADER + ROOT.replace('null', '"\\ud800"') + END, /no Unicode text/],
  ['no data', HEADER + ROOT.replace('"data":null,', '') + END, /needs either data or base64/],
  ['a counter out of range', HEADER + ROOT.replace('}', ',"sequence":-1}') + END, /a sequence of -1/],
  ['a stray field', HEADER + ROOT.replace('}', ',"sequenze":1}') + END, /a field "sequenze"/],
  ['no UTF-8', Buffer.concat([Buffer.from(HEADER), Buffer.from([0xff, 0x0a])]), /no UTF-8/],
  ['gzip, cut off', gzipSync(HEADER + ROOT + END).subarray(0, 60), /gzip data are damaged or cut off/],
  ['deep nesting', `${HEADER}{"path":${'['.repeat(100_000)}\n`, /line 2: it is nested/],
  ['deep nesting of JSON', `[${'['.repeat(1_000_000)}`, /it is nested/],
  ['deep nesting of YAML', `---\n${'['.repeat(100_000)}\n`, /it is nested/],
  ['deep nesting of YAML lists', `---\n${'- '.repeat(100_000)}\n`, /it is nested/],
  ['deep nesting of YAML keys', `---\n${'? '.repeat(100_000)}\n`, /it is nested/],
  [
    'deep nesting of YAML lines',
    `---\n${Array.from({ length: 3000 }, (_, at) => `${' '.repeat(at)}a:`).join('\n')}\n`,
    /it is nested/,
  ],
  [
    'keys of YAML without end',
    `---\n${Array.from({ length: 100_000 }, (_, at) => `k${at}: 1`).join('\n')}\n`,
    /more than 20000 entries/,
  ],
  ['aliases of YAML', `---\na: &a [x]\nb: [*a, *a]\n`, /no YAML/],
  ['JSON, cut off', `[${HEADER},${ROOT}`, /it is cut off/],
  ['JSON with a comma too many', `[${HEADER},]`, /nothing where an entry should be/],
  ['JSON and more', '[]x', /something comes after the end/],
  ['an empty object', '{}', /it holds no znode/],
  ['an object of anything', '{"/": [1]}', /neither zoocreeper nor zk_shell/],
  ["zoocreeper's, with bad ACLs", JSON.stringify({ '/': zoo({ acls: 7 }) }), /has ACLs 7 that are no list/],
  ["zoocreeper's, a path twice", '{"/":null,"/":null}', /which is there already/],
  ["zoocreeper's, relative", JSON.stringify({ a: zoo({}) }), /does not begin with a slash/],
  ["zoocreeper's, of a subtree", JSON.stringify({ '/k': zoo({}) }), /no root \/: \/k is .*: --root \/k/],
  [
    'another format than asked',
    HEADER + ROOT + END,
    /is no JSON object or list|is no znode|line/,
    'zk_shell',
  ],
]

test.each(BAD)('%s', async (_, content, wanted, format = 'auto') => {
  const opening = openExportSource({
    file: fileOf(content),
    stdin: process.stdin,
    path: '/',
    side: 'source',
    name: 'export',
    format,
    signal: new AbortController().signal,
    note: () => {},
  })
  const problem = await opening.then(
    () => null,
    (error: Error) => error,
  )
  expect(problem).toBeInstanceOf(UsageProblem)
  expect(problem?.message).toMatch(wanted)
  expect(problem?.message.length).toBeLessThan(400)
})

test('what cannot be read ends with 2, a file that is not there with 4, and nothing is written', async () => {
  const { code, sentence, archive } = await importing(HEADER + ROOT)
  expect([code, existsSync(archive)]).toEqual([2, false])
  expect(sentence).toMatch(/^zkferry: .* cannot be read: it lacks the end/)
  const missing = await cli([
    'import',
    '--journal',
    freshJournal(),
    join(folder, 'nowhere'),
    `archive:${archive}#/x`,
  ])
  expect([missing.code, missing.stderr]).toEqual([4, expect.stringMatching(/there is no such file/)])
  expect(existsSync(archive)).toBe(false)
})

test('a line without end is refused before it fills the memory', async () => {
  const archive = join(folder, 'endless.zkferry')
  const args = [
    '--max-old-space-size=512',
    'bin/zkferry.js',
    'import',
    '--journal',
    freshJournal(),
    '-',
    `archive:${archive}#/x`,
  ]
  const child = spawn(process.execPath, args, { stdio: ['pipe', 'ignore', 'pipe'] })
  let stderr = ''
  child.stderr.setEncoding('utf8').on('data', (text) => {
    stderr += text
  })
  const piece = Buffer.alloc(1024 * 1024, 'a')
  child.stdin.on('error', () => {})
  child.stdin.write(`${HEADER}{"path":"`)
  const more = () => {
    while (child.stdin.writable && child.stdin.write(piece));
  }
  child.stdin.on('drain', more)
  more()
  expect(await new Promise((resolve) => child.on('close', resolve))).toBe(2)
  expect(stderr).toMatch(/line 2: the line has more than 64 Mi characters/)
  expect(existsSync(archive)).toBe(false)
})
