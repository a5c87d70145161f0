import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'

let folder: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'zkferry-scripts-'))
})

afterEach(() => rmSync(folder, { recursive: true }))

function write(name: string, text: string): string {
  const file = join(folder, name)
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, text)
  return file
}

function script(name: string, ...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [`scripts/${name}`, ...args], {
    encoding: 'utf8',
  })
  return { status, stdout, stderr }
}

test('imports that the table allows pass', () => {
  write('copy/copy.ts', "import { march } from '../tree/march.ts'\nimport pLimit from 'p-limit'\n")
  write('remove/rmr.ts', "import { verify } from '../verify/verify.ts'\n")
  write('report/display.ts', "import type { Emit } from '../tree/events.ts'\n")
  write(
    'zookeeper/client.ts',
    "import {\n  Reader,\n} from './wire/reader.ts'\nimport { connect } from 'node:net'\n",
  )
  expect(script('check-imports.mjs', folder)).toMatchObject({ status: 0, stdout: 'import table: kept\n' })
})

test.for([
  [
    'copy/copy.ts',
    "import { Client } from '../zookeeper/index.ts'",
    'copy may not import zookeeper/index.ts',
  ],
  [
    'verify/verify.ts',
    "import {\n  a,\n  b,\n} from '../copy/copy.ts'",
    'verify may not import copy/copy.ts',
  ],
  [
    'zookeeper/operations/create.ts',
    "import { ZooKeeperError } from '../errors.ts'\nimport { Client } from '../client.ts'",
    'zookeeper/operations may not import zookeeper/client.ts',
  ],
  ['tree/march.ts', "export * from '../journal/index.ts'", 'tree may not import journal/index.ts'],
  ['verify/verify.ts', "const x = await import('../cli/main.ts')", 'verify may not import cli/main.ts'],
  ['zookeeper/wire/reader.ts', "import { connect } from 'node:net'", 'no I/O there'],
  ['zookeeper/wire/reader.ts', "import '../client.ts'", 'zookeeper/wire may not import zookeeper/client.ts'],
  ['report/display.ts', "import { march } from '../tree/march.ts'", 'report may not import tree/march.ts'],
  ['report/display.ts', "import { newCounts } from '../tree/events.ts'", 'as types only'],
  [
    'tree/znode.ts',
    "import Database from 'better-sqlite3'",
    'tree may not import the package better-sqlite3',
  ],
  ['helpers/all.ts', 'export {}', 'no room of the import table'],
  ['copy/copy.ts', 'process.exit(1)', 'only cli/main.ts may call process.exit()'],
] as const)('%s: %s is refused', ([name, text, reason]) => {
  write(name, `${text}\n`)
  const { status, stderr } = script('check-imports.mjs', folder)
  expect(status).toBe(1)
  expect(stderr).toContain(`src/${name}: `)
  expect(stderr).toContain(reason)
})

function report(counts: object, testResults: object[] = []): string {
  const none = { numPassedTests: 0, numFailedTests: 0, numPendingTests: 0, numTodoTests: 0 }
  return write('report.json', JSON.stringify({ ...none, ...counts, testResults }))
}

test('the count of a suite that passed', () => {
  const file = report({ numPassedTests: 123 })
  expect(script('count-tests.mjs', file)).toMatchObject({ status: 0, stdout: '123 passed, 0 failed\n' })
})

test('failed and skipped tests are counted, and fail', () => {
  const file = report({ numPassedTests: 3, numFailedTests: 1, numPendingTests: 2 })
  expect(script('count-tests.mjs', file)).toMatchObject({
    status: 1,
    stdout: '3 passed, 1 failed, 2 skipped\n',
  })
})

test('a test file that could not be loaded counts as failed', () => {
  const file = report({ numPassedTests: 3 }, [{ status: 'failed', assertionResults: [] }])
  expect(script('count-tests.mjs', file)).toMatchObject({ status: 1, stdout: '3 passed, 1 failed\n' })
})

test('a suite without a report has failed', () => {
  expect(script('count-tests.mjs', join(folder, 'none'))).toMatchObject({ status: 1 })
})

test('the set-up names what it does not know', () => {
  expect(script('setup.mjs', 'lunch').stderr).toBe(
    "zkferry set-up: nothing to set up for 'lunch': use test, demo, bench, build\n",
  )
  expect(script('setup.mjs', 'test', '--versions', '3.3.0').stderr).toContain('ZooKeeper 3.3.0 is not among')
})
