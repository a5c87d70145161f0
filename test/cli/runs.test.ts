/** `runs` over journals as they are written by runs that ended, and by one that was killed. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { openJournal, type RunSetup } from '../../src/journal/index.ts'
import { newCounts } from '../../src/tree/events.ts'
import { cli } from './run-cli.ts'

const state = mkdtempSync(join(tmpdir(), 'zkferry-runs-'))
const env = { ZKFERRY_STATE: state }
const ids = { done: '', killed: '' }

function setup(target: string): RunSetup {
  return {
    command: 'copy',
    source: 'old:2181/codis3',
    target,
    sourceIdentity: { czxid: 1n, ctime: 2n },
    targetIdentity: null,
    options: { acl: true },
    version: '0.0.1',
  }
}

beforeAll(() => {
  const first = openJournal(join(state, 'first.journal'), { command: 'copy' })
  const done = first.begin(setup('new:2181/codis3'))
  ids.done = done.id
  done.record({
    issues: [
      { kind: 'skipped', path: 'topom\u001b', side: null, code: null, reason: 'ephemeral' },
      { kind: 'failed', path: 'secret', side: 'target', code: 'NOAUTH', reason: 'not allowed' },
    ],
  })
  done.finish('incomplete', {
    message: 'One failed.',
    verified: true,
    sourceDigest: 'ab'.repeat(32),
    targetDigest: 'cd'.repeat(32),
    lateWrites: null,
    lastWrite: 2n ** 63n - 1n,
    counts: { ...newCounts(), read: 12_345, bytesRead: 3_000_000 },
    consistency: 'quiet',
  })
  first.close()
  const second = openJournal(join(state, 'second.journal'), { command: 'copy' })
  ids.killed = second.begin(setup('other:2181/codis3')).id
  second.close()
})

describe('runs', () => {
  test('lists those of all journals under the state folder', async () => {
    const { code, stdout } = await cli(['runs'], { env })
    expect(code).toBe(0)
    const lines = stdout.trimEnd().split('\n')
    expect(lines[0]).toMatch(/^ID +COMMAND +STATE +STARTED +ZNODES +SOURCE +TARGET +JOURNAL$/)
    expect(lines[1]).toMatch(
      new RegExp(
        `^${ids.done} +copy +finished: incomplete +2[-0-9]+ [:0-9]+Z +12,345 +old:2181/codis3 +new:2181/codis3 `,
      ),
    )
    expect(lines[2]).toMatch(new RegExp(`^${ids.killed} +copy +interrupted `))
    expect(lines).toHaveLength(3)
  })

  test('lists those of one journal', async () => {
    const { stdout } = await cli(['runs', '--journal', join(state, 'second.journal')], { env })
    expect(stdout).toContain(ids.killed)
    expect(stdout).not.toContain(ids.done)
  })

  test('--json has a line for each, and a summary', async () => {
    const result = await cli(['runs', 'list', '--json'], { env })
    expect(result.json()).toMatchObject([
      {
        type: 'run',
        runId: ids.done,
        command: 'copy',
        source: 'old:2181/codis3',
        state: 'finished',
        status: 'incomplete',
        lastWrite: '9223372036854775807',
        counts: { read: 12_345 },
      },
      { type: 'run', runId: ids.killed, state: 'interrupted', status: null },
      { type: 'summary', command: 'runs', status: 'done', exitCode: 0 },
    ])
  })

  test('an empty state folder is no error', async () => {
    const empty = { ZKFERRY_STATE: join(state, 'none') }
    expect(await cli(['runs'], { env: empty })).toMatchObject({ code: 0, stdout: '' })
  })
})

describe('runs show', () => {
  test('has the counts, and every skipped and failed znode', async () => {
    const { code, stdout } = await cli(['runs', 'show', ids.done], { env })
    expect(code).toBe(0)
    expect(stdout).toContain('12,345 read')
    expect(stdout).toContain(`${'ab'.repeat(32)} (source)`)
    expect(stdout).toContain('skipped   topom\\x1b  (ephemeral)')
    expect(stdout).toContain('failed    secret  (target, NOAUTH: not allowed)')
  })

  test('--json has them as the events that they were', async () => {
    const result = await cli(['runs', 'show', '--json', ids.done], { env })
    expect(result.json()).toMatchObject([
      { type: 'run', runId: ids.done },
      { type: 'skipped', path: 'topom\u001b', reason: 'ephemeral' },
      { type: 'failed', path: 'secret', side: 'target', code: 'NOAUTH', message: 'not allowed' },
      { type: 'summary', exitCode: 0 },
    ])
  })

  test('an unknown ID is named', async () => {
    const { code, stderr } = await cli(['runs', 'show', 'nosuch'], { env })
    expect(code).toBe(2)
    expect(stderr).toContain('"nosuch"')
  })
})

test('a journal that cannot be read hides none of the others, and is named', async () => {
  const damaged = join(state, 'a-damaged.journal')
  writeFileSync(damaged, 'no journal at all, and long enough to be looked at twice')
  try {
    const listed = await cli(['runs'], { env })
    expect(listed.code).toBe(3)
    expect(listed.stdout).toContain(ids.done)
    expect(listed.stderr).toContain(damaged)
    expect((await cli(['runs', 'show', ids.done], { env })).code).toBe(0)
    // It may be in the one that cannot be read.
    expect((await cli(['runs', 'show', 'nosuchid'], { env })).code).toBe(6)
    expect((await cli(['runs', '--journal', damaged], { env })).code).toBe(6)
  } finally {
    rmSync(damaged)
  }
})
