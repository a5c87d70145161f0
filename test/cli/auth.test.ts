import { existsSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test, vi } from 'vitest'
import { type AuthSource, parseIdentities, readIdentities } from '../../src/cli/auth.ts'
import { Interrupted } from '../../src/tree/errors.ts'

const folder = mkdtempSync(join(tmpdir(), 'zkferry-auth-'))
const none: AuthSource = { flag: '--source-auth', file: undefined, command: undefined, variables: [] }
const shown = (identities: { scheme: string; auth: Buffer }[]) =>
  identities.map(({ scheme, auth }) => `${scheme} ${auth}`)

test('lines of scheme and credentials; blank lines and comments say nothing', () => {
  const text = '# who we are\n\n  digest  admin:pass word:x \r\nip 10.0.0.1\n'
  expect(shown(parseIdentities(text, 'x'))).toEqual(['digest admin:pass word:x', 'ip 10.0.0.1'])
})

test.each(['hunter2', 'digest', 'digest hunter2', 'digest :hunter2', 'admin:hunter2 secret', '?hunter2 x'])(
  '%j is refused, and not repeated',
  (line) => {
    const read = () => parseIdentities(`# one\n${line}`, '--auth-file f')
    expect(read).toThrow('--auth-file f, line 2')
    expect(read).not.toThrow('hunter2')
  },
)

describe('where identities come from', () => {
  test('nowhere: none', async () => {
    expect(await readIdentities({ ...none, variables: ['ZKFERRY_SOURCE_AUTH'] }, {})).toEqual([])
  })

  test('the first variable that is set', async () => {
    const variables = ['ZKFERRY_TARGET_AUTH', 'ZKFERRY_AUTH']
    const env = { ZKFERRY_AUTH: 'digest a:b' }
    expect(shown(await readIdentities({ ...none, variables }, env))).toEqual(['digest a:b'])
    expect(
      shown(await readIdentities({ ...none, variables }, { ...env, ZKFERRY_TARGET_AUTH: 'digest c:d' })),
    ).toEqual(['digest c:d'])
  })

  test('a file, which beats the environment', async () => {
    const file = join(folder, 'identities')
    writeFileSync(file, 'digest file:1\ndigest file:2\n')
    const read = readIdentities({ ...none, file, variables: ['V'] }, { V: 'digest a:b' })
    expect(shown(await read)).toEqual(['digest file:1', 'digest file:2'])
  })

  test('the stdout of a command', async () => {
    const command = 'printf "digest %s\\n" "cmd:secret"'
    expect(shown(await readIdentities({ ...none, command }, {}))).toEqual(['digest cmd:secret'])
  })

  test('a command that fails is named by its program alone, with how it ended', async () => {
    await expect(readIdentities({ ...none, command: 'echo digest a:b; exit 3' }, {})).rejects.toThrow(
      '--source-auth-command (echo …) failed (exit code 3).',
    )
    await expect(readIdentities({ ...none, command: 'kill -9 $$' }, {})).rejects.toThrow('failed (SIGKILL)')
  })

  test('what is too long to be one is not read to its end', async () => {
    const sentence = 'is longer than 1 MiB, and no secret is'
    await expect(readIdentities({ ...none, file: '/dev/zero' }, {})).rejects.toThrow(
      `--source-auth-file /dev/zero ${sentence}`,
    )
    await expect(readIdentities({ ...none, command: 'yes' }, {})).rejects.toThrow(
      `--source-auth-command (yes …) ${sentence}`,
    )
  })

  test('an interruption does not wait for a command', async () => {
    const controller = new AbortController()
    const started = join(folder, 'started')
    const command = `touch ${started}; exec sleep 3600`
    const read = expect(readIdentities({ ...none, command }, {}, controller.signal)).rejects.toThrow(
      Interrupted,
    )
    await vi.waitFor(() => expect(existsSync(started)).toBe(true), { timeout: 30_000, interval: 20 })
    controller.abort()
    await read
    await expect(readIdentities({ ...none, command }, {}, controller.signal)).rejects.toThrow(Interrupted)
  })
})
