/** Names, data, hosts and files that hold more than letters: nothing of it reaches a terminal as it is. */
import { mkdtempSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { OPEN_ACL, operations } from '../../src/zookeeper/index.ts'
import { type CliResult, cli } from '../cli/run-cli.ts'
import { type Place, place, plant } from '../helpers/places.ts'
import { contents, readTree } from '../helpers/read-tree.ts'

/** Text that turns around, hides, joins, breaks lines: all that servers of 3.9 let through. */
const NAMES = [
  'abc\u202ecba',
  'zero\u200bwidth',
  'line\u2028break',
  'paragraph\u2029break',
  'isolate\u2066x\u2069',
  'mark\u061cx',
  'soft\u00adhyphen',
  'bom\ufeff',
  '<img src=x onerror=alert(1)>',
  '$(reboot);`id`',
  "'; DROP TABLE runs; --",
  '%s%n%d',
  '\\x1b[2J',
  '-rf',
  '--yes',
  '# comment',
]
/** What only servers of 3.4 let through. */
const OLD_NAMES = ['unit\u001fseparator', 'delete\u007f', 'c1\u009f']
const EVIL_DATA = '\u001b[2J\u001b]0;title\u0007\r\nfailed\u009b31m\u202e'
const UNSAFE = /(?!\n)[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u

async function clean(args: string[], code: number): Promise<CliResult> {
  const result = await cli([...args, '--retry-for', '2s'])
  expect(result.code, result.stderr).toBe(code)
  expect(result.stdout).not.toMatch(UNSAFE)
  expect(result.stderr).not.toMatch(UNSAFE)
  return result
}

const folder = mkdtempSync(join(tmpdir(), 'zkferry-names-'))
const MODES = [['--verbose'], ['--json', '--progress', '--verbose']]

describe('a tree of such names', () => {
  let from: Place
  let to: Place
  beforeAll(async () => {
    from = await place('3.4.14', 'names')
    to = await place('3.9.5', 'names')
    await plant(from, { '': EVIL_DATA })
    // A pipeline does not judge paths: new clients refuse what old servers take.
    const paths = [...NAMES, ...OLD_NAMES].flatMap((name) => [from.at(name), from.at(`${name}/${name}`)])
    const data = Buffer.from(EVIL_DATA)
    const made = await from.client.pipeline(
      operations.create,
      paths.map((path) => ({ path, data, acl: OPEN_ACL })),
    )
    expect(made.filter((outcome) => outcome instanceof Error)).toEqual([])
    await plant(from, { 'lock\u202e': { data: EVIL_DATA, ephemeral: true } })
  })

  test('is planned, copied, compared, listed and removed, and all of it is told in plain text', async () => {
    for (const mode of MODES) await clean(['copy', '--dry-run', from.location, to.location, ...mode], 0)
    const journal = join(folder, 'copy.journal')
    // What 3.9 does not take is named, and the rest is done.
    const copied = await clean(['copy', '--journal', journal, from.location, to.location], 3)
    expect(copied.stderr).toContain('unit\\x1fseparator')
    expect(copied.stderr).toContain('lock\\u202e')
    const wanted = contents(await readTree(from)).filter(
      ([path]) => !OLD_NAMES.some((name) => path.includes(name)),
    )
    expect(contents(await readTree(to))).toEqual(wanted)

    const combined = join(folder, 'combined')
    for (const mode of MODES)
      await clean(['verify', from.location, to.location, '--combined', combined, '--rounds', '0', ...mode], 1)
    const lines = readFileSync(combined, 'utf8')
    expect(lines).not.toMatch(UNSAFE)
    expect(lines.trimEnd().split('\n')).toHaveLength(1 + 2 * (NAMES.length + OLD_NAMES.length))
    for (const mode of MODES) await clean(['digest', '--depth', '3', from.location, ...mode], 0)

    const runs = await clean(['runs', '--journal', journal, '--json'], 0)
    const id = String(runs.json().find(({ type }) => type === 'run')?.runId)
    for (const mode of [[], ['--json']]) {
      await clean(['runs', '--journal', journal, ...mode], 0)
      const shown = await clean(['runs', 'show', id, '--journal', journal, ...mode], 0)
      expect(shown.stdout).toContain(mode.length === 0 ? 'unit\\x1fseparator' : 'unit\\u001fseparator')
    }
    await clean(['rmr', '--dry-run', to.location], 0)
    await clean(['rmr', '--yes', to.location, '--verbose'], 0)
    expect((await readTree(to)).size).toBe(0)
  })

  test('as roots, excluded, included, and as what was wanted and is not there', async () => {
    for (const name of ['abc\u202ecba', 'line\u2028break']) {
      await clean(['digest', `${from.location}/${name}`, '--verbose'], 0)
      await clean(['copy', `${from.location}/${name}`, `${to.location}-root/${name}`], 0)
      await clean(['copy', `${from.location}/none${name}`, `${to.location}-none`], 2)
      await clean(['verify', `${from.location}`, `${to.location}/${name}`, '--rounds', '0'], 1)
      await clean(['digest', from.location, '--include', `**/*${name}`, '--exclude', name], 0)
      await clean(['digest', from.location, '--include', `nothing${name}`, '--json'], 0)
    }
  })
})

test.each([
  'ev\u001b[2Jil:2181/x',
  'evil\u202e:1/x',
  '127.0.0.1:1/a\nfailed',
  '127.0.0.1:x\u009b1/x',
  'archive:/no\u001b]0;x\u0007/such#/a',
])('the location %j', async (location) => {
  for (const args of [
    ['digest', location],
    ['copy', location, '127.0.0.1:1/y'],
    ['rmr', '--yes', location],
  ])
    for (const mode of MODES) {
      const { code, stdout, stderr } = await cli([...args, ...mode, '--retry-for', '0s'])
      expect([2, 4, 6]).toContain(code)
      expect(stdout + stderr).not.toMatch(UNSAFE)
    }
})

test.each([
  'evil\u001b[2J.journal',
  'two\nlines.journal',
  'turned\u202e.journal',
  'no\u009b/such/folder.journal',
])('the journal %j', async (name) => {
  const [from, to] = [await place(), await place()]
  await plant(from, { '': EVIL_DATA, a: 'x' })
  const journal = join(mkdtempSync(join(tmpdir(), 'zkferry-names-')), name)
  for (const mode of MODES) {
    const { code, stdout, stderr } = await cli([
      'copy',
      '--merge',
      '--journal',
      journal,
      from.location,
      to.location,
      ...mode,
    ])
    expect([0, 6]).toContain(code)
    expect(stdout + stderr).not.toMatch(UNSAFE)
    for (const args of [
      ['runs', '--journal', journal],
      ['runs', 'show', 'x\u001b[2J', '--journal', journal],
    ]) {
      const shown = await cli([...args, ...mode.filter((flag) => flag === '--json')])
      expect(shown.stdout + shown.stderr).not.toMatch(UNSAFE)
    }
  }
})

test('1 MB of JSON is copied exactly, and nothing of it is printed', async () => {
  const [from, to] = [await place('3.4.14'), await place('3.9.5')]
  const json = JSON.stringify({
    evil: EVIL_DATA,
    partitions: Array.from({ length: 200_000 }, (_, at) => at % 10),
  })
  const data = Buffer.from(json.padEnd(1_000_000, ' '))
  await plant(from, {
    '': null,
    large: data,
    broken: data.subarray(1),
    'not-utf8': Buffer.alloc(900_000, 0xff),
  })
  const { stdout, stderr } = await clean(['copy', from.location, to.location, '--verbose', '--json'], 0)
  expect(stdout.length + stderr.length).toBeLessThan(10_000)
  expect((await to.client.getData(to.at('large'))).data?.equals(data)).toBe(true)
  expect(contents(await readTree(to))).toEqual(contents(await readTree(from)))
})
