/** Each of these ends at once: one sentence that names the value, the right exit code, nothing on stdout. */
import { spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { BIN, cli } from './run-cli.ts'

const folder = mkdtempSync(join(tmpdir(), 'zkferry-bad-'))
const A = '127.0.0.1:1/a'
const B = '127.0.0.2:1/b'

function file(name: string, text: string, mode = 0o600): string {
  const path = join(folder, name)
  writeFileSync(path, text)
  chmodSync(path, mode)
  return path
}

const malformed = file('malformed-auth', 'digest\n')
const nameless = file('nameless-auth', '# who\ndigest hunter2\n')
const empty = file('empty-auth', '\n# nobody\n')
const notJournal = file('not-a-journal', 'this is a text file and no SQLite database at all\n'.repeat(20))

const dataDir = join(folder, 'data')
mkdirSync(join(dataDir, 'version-2'), { recursive: true })

/** What is called, the exit code, what the sentence must say. */
const cases: [string[], number, string | RegExp][] = [
  // The command line itself
  [['cpoy', A, B], 2, "unknown command 'cpoy' (Did you mean copy?)"],
  [['copy', '--dry-rn', A, B], 2, "unknown option '--dry-rn' (Did you mean --dry-run?)"],
  [['copy', '--qota', A, B], 2, "unknown option '--qota'"],
  [['copy', '--source-auth', 'x', A, B], 2, "'--source-auth' (Did you mean --source-auth-file or"],
  [['copy', '--tls-ca', 'x', A, B], 2, '(Did you mean --source-tls-ca or --target-tls-ca?)'],
  [['digest', '--source-auth-file', 'x', A], 2, '(Did you mean --auth-file?)'],
  [['copy', A], 2, "missing required argument 'target'"],
  [['copy', A, B, 'c:1/c'], 2, '"c:1/c" is one argument too many'],
  [['verify', A], 2, 'needs a source and a target'],
  [['verify', '--from-journal', 'x.journal', A, B], 2, `"${B}" is one location too many`],
  [
    ['verify', '--from-journal', 'x.journal', '--rounds', '3', A],
    2,
    '--rounds cannot go with --from-journal',
  ],
  [['verify', '--from-journal', 'x.journal', '--include', 'a', A], 2, '--include cannot go with'],
  [['verify', '--from-journal', 'x.journal', '--combined', 'x', A], 2, 'knows directories, not znodes'],
  // As a script has them whose variable is not set.
  [['rmr', '--yes', '--if-verified', '', A], 2, '--if-verified has an empty value'],
  [['copy', '--journal=', A, B], 2, '--journal has an empty value'],
  [['copy', '--exclude', '', A, B], 2, '--exclude'],
  [['copy', '--undo', '', A, B], 2, '--undo has an empty value'],
  [['runs', 'shw'], 2, '"shw"'],
  [['runs', 'show'], 2, 'needs the ID'],
  [['runs', 'show', 'nosuchid'], 2, '"nosuchid"'],
  // Locations
  [['digest', 'localhost'], 2, '"localhost" names no path'],
  [['digest', '/codis3'], 2, '"/codis3" names no host'],
  [['inspect', '/var/zk'], 2, 'or for a folder datadir:/var/zk (to read)'],
  [['copy', A, './clone'], 2, 'or for a folder datadir:./clone (to read) or snapshot:./clone (to write)'],
  [['digest', `archive:${notJournal}/kafka`], 2, `goes after a #: archive:${notJournal}#/kafka`],
  [['digest', `datadir:${dataDir}/kafka/a`], 2, `goes after a #: datadir:${dataDir}#/kafka/a`],
  [['digest', ''], 2, '"" names no host'],
  [['digest', 'h:0/a'], 2, 'port 0'],
  [['digest', 'h:65536/a'], 2, 'port 65536'],
  [['digest', 'h:21x/a'], 2, '"21x"'],
  [['digest', 'h:1,/a'], 2, 'empty host'],
  [['digest', '[::1/a'], 2, 'bracket'],
  [['digest', 'h:1//a'], 2, 'empty segment'],
  [['digest', 'h:1/a/'], 2, 'ends with a slash: write /a.'],
  [['digest', 'h:1/a/./b'], 2, '"."'],
  [['digest', 'h:1/a/../b'], 2, '".."'],
  [['digest', 'h:1/a\u0007b'], 2, 'U+0007'],
  [['digest', 'ftp://h:1/a'], 2, 'ftp://'],
  [['copy', 'archive:#/a', B], 2, '"archive:#/a" names no file'],
  [['copy', 'archive:x.zkf#/a//b', B], 2, 'has a path behind its # that has an empty segment'],
  [['copy', 'snapshot:/var/zk#/a', B], 2, 'can only be written'],
  [['copy', A, 'datadir:/var/zk#/a'], 2, 'can only be read'],
  [
    ['copy', A, 'archive:x.zkf'],
    2,
    '"archive:x.zkf" names no path: write archive:x.zkf#/a for the same path, or archive:x.zkf#/ for the root.',
  ],
  [
    ['copy', 'archive:x.zkf', 'snapshot:/var/zk#'],
    2,
    'write snapshot:/var/zk#/path, or snapshot:/var/zk#/ for',
  ],
  [['import', 'x.ndjson', 'archive:x.zkf'], 2, '"archive:x.zkf" names no path'],
  [['copy', '--merge', A, 'archive:x.zkf#/a'], 2, '--merge'],
  [['copy', '--at-zxid', '0x5', A, B], 2, '--at-zxid goes with a source of the form datadir:'],
  [['verify', '--at-zxid', 'x5', A, B], 2, '--at-zxid "x5" is no zxid'],
  [['digest', '--at-time', 'yesterday', 'datadir:/var/zk'], 2, '--at-time "yesterday" is no time'],
  [['rmr', '--yes', 'archive:x.zkf#/a'], 2, 'rmr needs an ensemble'],
  [['copy', A, A], 2, 'are the same place'],
  [['copy', 'x:1,Y:2/a', 'y:2,z:3/a'], 2, 'are the same place'],
  [['copy', A, `${A}/b`], 2, 'lies inside the source'],
  [['copy', `${A}/b`, A], 2, 'lies inside the target'],
  [['copy', 'h:1/', 'h:1/b'], 2, 'lies inside the source'],
  [['verify', A, A], 2, 'are the same place'],
  [['copy', A, 'h:1/zookeeper'], 2, 'h:1/zookeeper belongs to the ensemble itself'],
  [['copy', '--dry-run', A, 'h:1/zookeeper/quota/a'], 2, 'h:1/zookeeper/quota/a belongs to the ensemble'],
  [['zkcopy', '-s', A, '-t', 'h:1/zookeeper/a', '-c'], 2, 'h:1/zookeeper/a belongs to the ensemble'],
  [['zkcopy', '-s', A, '-t', A, '-c'], 2, 'are the same place'],
  // Values
  [['copy', '--timeout', '30', A, B], 2, '--timeout "30" is not a duration'],
  [['copy', '--timeout', '0s', A, B], 2, '--timeout "0s"'],
  [['copy', '--retry-for', '-1s', A, B], 2, /--retry-for/],
  [['copy', '--retry-for', '99d', A, B], 2, '--retry-for "99d" is too long'],
  [['copy', '--settle', 'soon', A, B], 2, '--settle "soon"'],
  [['copy', '--concurrency', '0', A, B], 2, '--concurrency "0"'],
  [['copy', '--concurrency', '1.5', A, B], 2, '--concurrency "1.5"'],
  [['copy', '--sessions', 'four', A, B], 2, '--sessions "four"'],
  [['copy', '--rate', '0', A, B], 2, '--rate "0"'],
  [['copy', '--byte-rate', '5XB', A, B], 2, '--byte-rate "5XB"'],
  [['copy', '--rounds', '1e3', A, B], 2, '--rounds "1e3"'],
  [['copy', '--exclude', '/a/**', A, B], 2, '--exclude "/a/**"'],
  [['copy', '--include', '', A, B], 2, '--include ""'],
  [['digest', '--include', 'x/', A], 2, '--include "x/" ends in a slash: write "x"'],
  [['verify', '--exclude', 'x//y', A, B], 2, '--exclude "x//y" has an empty segment: write "x/y"'],
  [['copy', '--include', './**/c', A, B], 2, /begins with "\.\/": .* write "\*\*\/c"/],
  [['copy', '--exclude', 'x/../y', A, B], 2, '--exclude "x/../y" has ".." as a segment'],
  [['copy', '--include', 'x/(z', A, B], 2, '--include "x/(z" has a "(" without its counterpart'],
  [['digest', '--depth', '-', A], 2, '--depth "-"'],
  [['digest', '--ignore', 'data', A], 2, '--ignore "data"'],
  // Flags that contradict each other, or need another
  [['copy', '--keep-existing', A, B], 2, '--keep-existing goes with --merge'],
  [['copy', '--max-delete', '5', A, B], 2, '--max-delete goes with --delete'],
  [['copy', '--delete', A, B], 2, '--delete needs --max-delete or --yes'],
  [['rmr', A], 2, 'rmr needs --yes'],
  [['verify', '--strict-sequence', '--ignore', 'sequence', A, B], 2, 'contradict each other'],
  [['rmr', '--yes', 'h:1/'], 7, 'never removes /'],
  [['rmr', '--yes', 'h:1/zookeeper'], 7, 'never removes /zookeeper'],
  // zkcopy's own
  [['zkcopy', '-s', A, '-t', B], 2, 'it needs --yes'],
  [['zkcopy', '-s', A, '-t', B, '-c', '-i', 'false'], 2, '-i false'],
  [['zkcopy', '-s', A, '-t', B, '-ci'], 2, '-i false'],
  [['zkcopy', '-s', A, '-t', B, '-c', '-m', '1700000000000'], 2, '-m 1700000000000'],
  [['zkcopy', '-s', A, '-t', B, '-c', '-b', '50'], 2, '-b 50'],
  [['zkcopy', '-s', A, '-t', B, '-c', '-m', 'x'], 2, '--mtime "x"'],
  [['zkcopy', '-s', A, '-t', B, '-c', 'perhaps'], 2, '"perhaps"'],
  [['zkcopy', `-s=${A}`, `-t=${B}`, '-w=0', '-c'], 2, '--workers "0"'],
  // Identities
  [['copy', '--source-auth-file', join(folder, 'none'), A, B], 2, `${join(folder, 'none')} does not exist`],
  [['copy', '--target-auth-file', folder, A, B], 2, `${folder} cannot be read (EISDIR)`],
  [['copy', '--target-auth-file', malformed, A, B], 2, `${malformed}, line 1`],
  [['digest', '--auth-file', nameless, A], 2, `${nameless}, line 2`],
  [['digest', '--auth-file', empty, A], 2, 'holds no identity'],
  [['digest', '--auth-command', 'exit 9', A], 2, 'failed (exit code 9)'],
  [['digest', '--auth-file', empty, '--auth-command', 'true', A], 2, 'cannot be used together'],
  // Journals
  [['copy', '--journal', join(folder, 'no/such/run.journal'), A, B], 6, join(folder, 'no/such')],
  [['copy', '--journal', notJournal, A, B], 6, notJournal],
  [['verify', '--from-journal', notJournal, B], 6, 'name another file with --from-journal'],
  [['copy', '--journal', '/proc/none.journal', A, B], 6, '/proc/none.journal'],
  [['runs', '--journal', join(folder, 'none.journal')], 6, 'none.journal'],
  [['verify', '--from-journal', join(folder, 'none.journal'), B], 6, 'none.journal'],
  [['verify', '--combined', join(folder, 'no/such/file'), A, B], 2, '--combined'],
]

const sentences = (stderr: string) => stderr.split('\n').filter((line) => line.startsWith('zkferry: '))

describe.concurrent('bad input', { timeout: 60_000 }, () => {
  for (const [args, code, say] of cases) {
    test(`${args
      .map((arg) => JSON.stringify(arg))
      .join(' ')
      .replaceAll(folder, '…')} → ${code}`, async () => {
      const plain = await cli(args)
      expect(plain.code, plain.stderr).toBe(code)
      expect(plain.stdout).toBe('')
      expect(sentences(plain.stderr)).toHaveLength(1)
      expect(sentences(plain.stderr)[0]).toMatch(say)
      expect(plain.stderr).not.toContain('    at ')

      const json = await cli([...args, '--json'])
      expect(json.code).toBe(code)
      expect(json.summary()).toMatchObject({ type: 'summary', exitCode: code, status: 'refused' })
      expect(json.summary().message).toMatch(say)
      expect(sentences(json.stderr)).toHaveLength(1)
    })
  }
})

test('secrets on the command line or in a malformed file are not repeated', async () => {
  const outputs = await Promise.all([
    cli(['copy', 'admin:hunter2@h:1/a', B]),
    cli(['copy', '--source-auth=digest admin:hunter2', A, B]),
    cli(['digest', '--auth-file', nameless, A]),
    cli(['digest', A], { env: { ZKFERRY_AUTH: 'hunter2' } }),
  ])
  for (const { code, stdout, stderr } of outputs) {
    expect(code).toBe(2)
    expect(stdout + stderr).not.toContain('hunter2')
    expect(stderr).toMatch(/^zkferry: /m)
  }
})

test('--combined - cannot share stdout with --json', async () => {
  const result = await cli(['verify', '--json', '--combined', '-', A, B])
  expect(result.code).toBe(2)
  expect(result.summary()).toMatchObject({ status: 'refused', exitCode: 2 })
})

test('without a command the help is shown on stderr, and the exit code says that nothing was done', async () => {
  const result = await cli([])
  expect(result.code).toBe(2)
  expect(result.stdout).toBe('')
  expect(result.stderr).toContain('Usage: zkferry')
})

test('where the system lets it open no more files, that is said: it is no bug', async () => {
  // How many Node itself needs differs; below that it is Node that complains.
  const limits = [22, 24, 26, 28, 30, 32]
  const ended = limits.map((limit) => {
    const command = `ulimit -n ${limit}; exec "$0" "$@"`
    const args = [process.execPath, BIN, 'digest', '--retry-for', '0s', A]
    return spawnSync('sh', ['-c', command, ...args], { encoding: 'utf8' })
  })
  const told = ended.filter(({ stderr }) => stderr.includes('zkferry: The system lets zkferry open no more'))
  expect(told.length, ended.map(({ stderr }) => stderr).join('\n')).toBeGreaterThan(0)
  for (const { status } of told) expect(status).toBe(2)
  for (const { stderr } of ended) expect(stderr).not.toContain('This is a bug')
})

test('a user without a home is told where else a journal may be', async () => {
  const nowhere = { env: { ZKFERRY_STATE: '', HOME: '' } }
  for (const args of [['copy', A, B], ['runs']]) {
    const { code, stderr } = await cli(args, nowhere)
    expect(code, stderr).toBe(6)
    expect(stderr).toContain('--journal, or a folder in ZKFERRY_STATE')
  }
})

test.skipIf(process.getuid?.() !== 0)('nor has a number that no user has', () => {
  const { ZKFERRY_STATE: _, XDG_STATE_HOME: __, HOME: ___, ...env } = process.env
  const program = `import { stateDirectory } from ${JSON.stringify(new URL('../../dist/journal/place.js', import.meta.url))}
    process.setuid(54321)
    try { stateDirectory() } catch (error) { console.log(error.name) }`
  const said = spawnSync(process.execPath, ['--input-type=module', '-e', program], { env })
  expect(String(said.stdout), String(said.stderr)).toBe('JournalProblem\n')
})

test('a state folder that cannot be made ends the copy: also below /proc, where mkdir says ENOENT for good', async () => {
  const result = await cli(['copy', '--json', A, B], { env: { ZKFERRY_STATE: '/proc/none/at/all' } })
  expect(result.code, result.stderr).toBe(6)
  expect(result.summary()).toMatchObject({ status: 'refused', exitCode: 6 })
  expect(result.stderr).toContain('The state folder /proc/none/at/all cannot be made (ENOENT)')
})
