import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { cli } from './run-cli.ts'

const COMMANDS = ['copy', 'verify', 'digest', 'rmr', 'export', 'import', 'runs', 'zkcopy']

test('--version prints the version alone', async () => {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
  for (const flag of ['--version', '-V']) {
    expect(await cli([flag])).toMatchObject({ code: 0, stdout: `${version}\n`, stderr: '' })
  }
})

test('--help lists every command', async () => {
  const { code, stdout } = await cli(['--help'])
  expect(code).toBe(0)
  for (const command of COMMANDS) expect(stdout).toMatch(new RegExp(`^  ${command} `, 'm'))
})

describe.concurrent.each(COMMANDS)('%s --help', (command) => {
  test('has examples, and ends with the exit codes', async () => {
    const [own, asked] = await Promise.all([cli([command, '--help']), cli(['help', command])])
    expect(own).toMatchObject({ code: 0, stderr: '' })
    expect(asked.stdout).toBe(own.stdout)
    expect(own.stdout).toContain(`EXAMPLES\n  zkferry ${command}`)
    const [, codes = ''] = own.stdout.split('\nEXIT CODES\n')
    expect(codes).toMatch(/^ {4}0 {2}done/)
    expect(codes.trimEnd()).toMatch(/143 {2}interrupted by SIGTERM[^\n]*$/)
  })

  test('has the options that every command has', async () => {
    const { stdout } = await cli([command, '--help'])
    for (const option of ['--json', '--quiet', '--verbose', '--progress', '--no-progress'])
      expect(stdout).toContain(`  ${option} `)
  })
})

test('what can be read, and how globs are, is in the help of those that read', async () => {
  for (const command of ['copy', 'verify', 'digest', 'export']) {
    const { stdout } = await cli([command, '--help'])
    for (const kind of ['archive:', 'datadir:', 'export:']) expect(stdout).toContain(kind)
    expect(stdout).toContain('\nGLOBS\n')
    expect(stdout).toContain('A port that is left out is 2181')
  }
})

test('zkcopy says each default once', async () => {
  const { stdout } = await cli(['zkcopy', '--help'])
  expect(stdout.replace(/\s+/g, ' ')).not.toMatch(/\(default: [^)]*\) \(default|preset/)
})
