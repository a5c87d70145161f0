/** No secret comes out: not in any output, not in the journal's bytes, not where `ps` looks. */
import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { describe, expect, test } from 'vitest'
import { pair, place, plant, plantMany } from '../helpers/places.ts'
import { commandLines, filesOf, Secrets } from '../helpers/secrets.ts'
import { freshJournal } from '../helpers/zkferry.ts'
import { type CliOptions, type CliResult, cli } from './run-cli.ts'

const BOTH = [[], ['--verbose'], ['--json', '--progress', '--verbose'], ['--quiet']]
const digest = (user: string, password: string) =>
  `31:digest:${user}:${createHash('sha1').update(`${user}:${password}`).digest('base64')}`

/** Runs a command; none of the secrets may be in what it prints, nor in what `ps` shows of it meanwhile. */
async function quietly(secrets: Secrets, args: string[], options: CliOptions = {}): Promise<CliResult> {
  let shown = ''
  const result = await cli([...args, '--retry-for', '2s'], {
    ...options,
    onStart: (child) => {
      const look = setInterval(() => {
        shown += commandLines(child.pid as number)
      }, 5)
      child.on('close', () => clearInterval(look))
    },
  })
  expect(shown).toContain('zkferry')
  secrets.expectNoneIn(`what ps shows of ${args[0]}`, shown)
  secrets.expectNoneIn(`stdout of ${args.join(' ')}`, result.stdout)
  secrets.expectNoneIn(`stderr of ${args.join(' ')}`, result.stderr)
  return result
}

describe('digest passwords', () => {
  const secrets = new Secrets()
  const [reader, writer] = [secrets.make('the reader'), secrets.make('the writer')]
  const folder = mkdtempSync(join(tmpdir(), 'zkferry-secrets-'))
  const file = join(folder, 'identities')
  writeFileSync(file, `digest writer:${writer}\n`)
  const env = { ZKFERRY_SOURCE_AUTH: `digest reader:${reader}` }

  test('from the environment, a file and a command: in no output of any command, and in no journal', async () => {
    const { from, to } = await pair('secrets')
    await plant(from, {
      '': null,
      shut: { data: 'x', acl: [digest('reader', reader), digest('writer', writer)] },
    })
    for (const [at, flags] of BOTH.entries()) {
      const journal = freshJournal()
      const target = at % 2 === 0 ? ['--target-auth-file', file] : ['--target-auth-command', `cat ${file}`]
      const args = ['--journal', journal, '--merge', from.location, to.location, ...target, ...flags]
      const { code, stderr } = await quietly(secrets, ['copy', ...args], { env })
      expect(code, stderr).toBe(0)
      secrets.expectNoneOnDisk(journal)
      const id = /run ([a-z0-9]{8})/.exec((await cli(['runs', '--journal', journal])).stdout)?.[1]
      const shown = await cli(['runs', '--journal', journal, '--json'])
      const run = id ?? String(shown.json().find(({ type }) => type === 'run')?.id)
      for (const more of [[], ['--json']])
        await quietly(secrets, ['runs', 'show', run, '--journal', journal, ...more])
    }
    const verified = await quietly(
      secrets,
      ['verify', from.location, to.location, '--target-auth-file', file, '--verbose'],
      { env },
    )
    expect(verified.code, verified.stderr).toBe(0)
    await quietly(secrets, ['digest', from.location, '--verbose'], {
      env: { ZKFERRY_AUTH: `digest reader:${reader}` },
    })
    await quietly(secrets, ['rmr', '--yes', to.location, '--verbose'], {
      env: { ZKFERRY_AUTH: `digest writer:${writer}` },
    })
  })

  test('that are wrong, of schemes that nobody knows, or refused: the sentence names the user', async () => {
    const from = await place('3.9.5', 'secrets')
    await plant(from, { '': null, shut: { data: 'x', acl: ['31:digest:nobody:x='] } })
    const wrong = { ZKFERRY_AUTH: `digest reader:${reader}` }
    const refused = await quietly(secrets, ['digest', from.location, '--verbose'], { env: wrong })
    expect(refused.code).toBe(3)
    expect(refused.stderr).toContain('digest user reader')
    const scheme = { ZKFERRY_AUTH: `carrier-pigeon ${reader}` }
    const unknown = await quietly(secrets, ['digest', from.location, '--verbose'], { env: scheme })
    expect(unknown.code).toBe(4)
    expect(unknown.stderr).toContain("whose scheme is not one of ZooKeeper's own")
  })

  test('that have a space, without a scheme before them: no part of them', async () => {
    const from = await place('3.9.5', 'secrets')
    await plant(from, { '': null })
    for (const line of [`reader:${reader} ${writer}`, `${reader} ${writer}`]) {
      const env = { ZKFERRY_AUTH: line }
      const result = await quietly(secrets, ['digest', from.location, '--verbose'], { env })
      expect(result.stderr).toMatch(/expected "scheme credentials"|whose scheme is not one of/)
    }
  })

  test.each([
    ['a line without a scheme', { ZKFERRY_AUTH: reader }, []],
    ['a digest without a user', { ZKFERRY_AUTH: `digest ${reader}` }, []],
    ['a second line that is wrong', { ZKFERRY_AUTH: `digest a:${reader}\n${writer}` }, []],
    ['a command that prints it and fails', {}, ['--auth-command', `cat ${file}; exit 3`]],
    ['a command that prints no identity', {}, ['--auth-command', `cut -d: -f2 ${file}`]],
    ['a file and a command', {}, ['--auth-file', file, '--auth-command', `cat ${file}`]],
    ['a file that is a folder', {}, ['--auth-file', folder]],
  ])('%s is told without it', async (_, given, args) => {
    const { code, stderr } = await quietly(secrets, ['digest', '127.0.0.1:1/x', ...args, '--verbose'], {
      env: given as Record<string, string>,
    })
    expect(code, stderr).toBe(2)
  })

  test('in a command that is wrong, or in a location: they are not repeated', async () => {
    for (const args of [
      ['digest', '127.0.0.1:1/x', '--auth-command', `echo ${reader}`],
      ['digest', '127.0.0.1:1/x', '--auth-command', `PASSWORD=${reader} false`],
      ['digest', `reader:${reader}@127.0.0.1:2181/x`],
      ['copy', `zk://reader:${reader}@127.0.0.1:2181/x`, '127.0.0.1:1/y'],
    ]) {
      const { code, stdout, stderr } = await cli([...args, '--verbose'])
      expect(code, stderr).toBe(2)
      secrets.expectNoneIn('stderr', stderr)
      secrets.expectNoneIn('stdout', stdout)
    }
  })

  test('in a crash: the stack is there, and they are not', async () => {
    const { from, to } = await pair('secrets')
    await plantMany(from, 20, 50)
    const journal = freshJournal()
    // Whatever may go wrong in the middle of things.
    const crash = `data:text/javascript,setTimeout(() => { throw Object.assign(new Error('the roof fell in'), { environment: process.env }) }, 700)`
    const { code, stderr } = await quietly(
      secrets,
      [
        'copy',
        '--journal',
        journal,
        from.location,
        to.location,
        '--rate',
        '200',
        '--verbose',
        '--target-auth-file',
        file,
      ],
      { env: { ...env, NODE_OPTIONS: `--import "${crash}"` } },
    )
    expect(code, stderr).toBe(70)
    expect(stderr).toContain('the roof fell in')
    expect(stderr).toMatch(/^\s+at /m)
    secrets.expectNoneOnDisk(journal)
  })
})

test('the temporary identity is in the journal only as long as a resume needs it, and nowhere else', async () => {
  const { from, to } = await pair('secrets')
  await plant(from, { '': null, shut: 'x' })
  await plantMany({ client: from.client, root: from.at('shut/many') }, 20, 50)
  await from.client.setACL(from.at('shut'), [{ perms: 1, scheme: 'world', id: Buffer.from('anyone') }])
  const journal = freshJournal()
  const args = ['copy', '--journal', journal, from.location, to.location, '--verbose']
  let stderr = ''
  const killed = await cli([...args, '--json', '--progress', '--rate', '300'], {
    onStart: (child) => {
      let stdout = ''
      child.stderr?.on('data', (text) => {
        stderr += text
      })
      child.stdout?.on('data', (text) => {
        stdout += text
        if (/"type":"progress".*"znodes":[1-9]/.test(stdout)) child.kill('SIGKILL')
      })
    },
  })
  expect(killed.code).toBeNull()
  const db = new Database(journal, { readonly: true })
  const stored = db.prepare<[], { secret: Buffer }>('SELECT secret FROM secrets').all()
  db.close()
  expect(stored).toHaveLength(1)
  const { password } = JSON.parse(String(stored[0]?.secret)) as { password: string }
  const secrets = new Secrets()
  secrets.add('the temporary identity', password)
  // As long as the run may be resumed it is there; that is what the search finds.
  expect(filesOf(journal).flatMap((file) => secrets.in(readFileSync(file)))).not.toEqual([])
  secrets.expectNoneIn('stdout of the first run', killed.stdout)
  secrets.expectNoneIn('stderr of the first run', stderr)
  for (const show of [
    ['runs', '--journal', journal],
    ['runs', '--journal', journal, '--json'],
  ])
    await quietly(secrets, show)
  const resumed = await quietly(secrets, args)
  expect(resumed.code, resumed.stderr).toBe(0)
  secrets.expectNoneOnDisk(journal)
})
