/** `rmr --if-verified`: what has no equal copy stays where it is. */
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, onTestFinished, test } from 'vitest'
import { openEnsemble } from '../../src/locations/ensemble.ts'
import { parseEnsemble } from '../../src/locations/parse-location.ts'
import { rmr } from '../../src/remove/rmr.ts'
import type { UndoRecord } from '../../src/tree/contracts.ts'
import { SafetyRefusal } from '../../src/tree/errors.ts'
import { newCounts } from '../../src/tree/events.ts'
import { type CliResult, cli } from '../cli/run-cli.ts'
import { ephemeral, fill, type Place, place } from '../cli/tree.ts'
import { startServer } from '../servers/index.ts'

const TREE = { '': null, a: 'one', 'a/b': '', c: null, 'c/d': 'two' }
const places: Place[] = []
afterAll(() => Promise.all(places.map(({ client }) => client.close())))

interface Copied {
  from: Place
  to: Place
  remove(...args: string[]): Promise<CliResult>
}

async function open(...args: Parameters<typeof place>): Promise<Place> {
  const opened = await place(...args)
  places.push(opened)
  return opened
}

/** A tree on the old server and its copy on the new one, with the journal of the copy. */
async function copied(...options: string[]): Promise<Copied> {
  const from = await open('verified-from', '3.4.14')
  const to = await open('verified-to')
  await fill(from, TREE)
  const journal = newJournal()
  const result = await cli(['copy', '--journal', journal, ...options, from.location, to.location])
  expect(result.code, result.stderr).toBe(0)
  const remove = (...args: string[]) => cli(['rmr', '--yes', '--if-verified', journal, ...args])
  return { from, to, remove }
}

function newJournal(): string {
  return join(mkdtempSync(join(tmpdir(), 'zkferry-verified-')), 'copy.journal')
}

async function refuses(from: Place, result: CliResult, why: RegExp): Promise<void> {
  expect(result.code, result.stderr).toBe(7)
  const sentence = result.stderr.trimEnd().split('\n').at(-1) ?? ''
  expect(sentence).toMatch(why)
  expect(sentence).toMatch(/^zkferry: .*nothing was deleted\.$/)
  expect(await from.client.exists(`${from.root}/a/b`)).not.toBeNull()
}

describe('a verified copy', () => {
  test('whose source and target are still equal: the source is removed', async () => {
    const { from, to, remove } = await copied()
    const planned = await remove('--dry-run', from.location)
    expect(planned.code, planned.stderr).toBe(0)
    expect(planned.stdout.trimEnd().split('\n')).toHaveLength(5)
    const result = await remove('--json', from.location)
    expect(result.code, result.stderr).toBe(0)
    expect(result.json()).toContainEqual({
      type: 'note',
      message: expect.stringMatching(/ are identical, digest [0-9a-f]{64}$/),
    })
    expect(result.summary()).toMatchObject({
      command: 'rmr',
      status: 'done',
      znodes: { read: 5, deleted: 5, skipped: 0 },
      differences: 0,
    })
    expect(await from.client.exists(from.root)).toBeNull()
    expect((await to.client.getData(`${to.root}/c/d`)).data?.toString()).toBe('two')
  })

  test('that left ephemerals behind is whole; whether they may be removed is asked as ever', async () => {
    const from = await open('verified-from', '3.4.14')
    const to = await open('verified-to')
    await fill(from, TREE)
    await ephemeral(from, 'a/alive')
    const journal = newJournal()
    const result = await cli(['copy', '--journal', journal, from.location, to.location])
    expect(result.code, result.stderr).toBe(0)
    const args = ['rmr', '--yes', '--if-verified', journal]
    const lived = await cli([...args, from.location])
    expect(lived.code).toBe(7)
    expect(lived.stderr).toContain('--with-ephemerals')
    expect(await from.client.exists(`${from.root}/a/b`)).not.toBeNull()
    const removed = await cli([...args, '--with-ephemerals', from.location])
    expect(removed.code, removed.stderr).toBe(0)
    expect(await from.client.exists(from.root)).toBeNull()
  })

  test('behind ACLs is compared with an identity for each side', async () => {
    const env = { ZKFERRY_SOURCE_AUTH: 'digest old:secret', ZKFERRY_TARGET_AUTH: 'digest old:secret' }
    const from = await open('verified-from', '3.4.14')
    const to = await open('verified-to')
    for (const { client } of [from, to]) {
      await client.addAuth({ scheme: 'digest', auth: Buffer.from('old:secret') })
    }
    const acl = [{ perms: 31, scheme: 'auth', id: Buffer.from('') }]
    for (const path of ['', '/a', '/a/b']) await from.client.create(from.root + path, null, { acl })
    const journal = newJournal()
    const copy = await cli(['copy', '--journal', journal, from.location, to.location], { env })
    expect(copy.code, copy.stderr).toBe(0)
    const args = ['rmr', '--yes', '--if-verified', journal, from.location]
    const stranger = await cli(args, { env: { ZKFERRY_AUTH: env.ZKFERRY_SOURCE_AUTH } })
    await refuses(from, stranger, /The copy cannot be compared/)
    const { ZKFERRY_TARGET_AUTH } = env
    const removed = await cli(args, { env: { ZKFERRY_AUTH: env.ZKFERRY_SOURCE_AUTH, ZKFERRY_TARGET_AUTH } })
    expect(removed.code, removed.stderr).toBe(0)
    expect(await from.client.exists(from.root)).toBeNull()
  })
})

describe('exit 7, and nothing is deleted', () => {
  test('a znode was changed on the target', async () => {
    const { from, to, remove } = await copied()
    await to.client.setData(`${to.root}/a/b`, Buffer.from('other'))
    const result = await remove(from.location)
    expect(result.stdout).toBe('data  a/b\n')
    await refuses(from, result, /are not identical now: 1 znode differs;/)
  })

  test('a znode was made on the source', async () => {
    const { from, remove } = await copied()
    await from.client.create(`${from.root}/a/new`, null)
    const result = await remove('--json', from.location)
    expect(result.json()).toContainEqual({ type: 'difference', path: 'a/new', what: ['missing-in-target'] })
    expect(result.summary()).toMatchObject({ status: 'refused', exitCode: 7, znodes: { deleted: 0 } })
    await refuses(from, result, /are not identical now/)
  })

  test('a sequence counter of the target is behind', async () => {
    const { from, remove } = await copied()
    await from.client.create(`${from.root}/c/gone`, null)
    await from.client.delete(`${from.root}/c/gone`)
    const result = await remove(from.location)
    expect(result.stdout).toBe('sequence  c\n')
    await refuses(from, result, /are not identical now/)
  })

  test('the copy was filtered', async () => {
    const { from, remove } = await copied('--exclude', 'nothing-of-that-name')
    await refuses(from, await remove(from.location), /was filtered/)
  })

  test('the copy was made without ACLs', async () => {
    const { from, remove } = await copied('--no-acl')
    await refuses(from, await remove(from.location), /was made without ACLs/)
  })

  test('the copy was not verified', async () => {
    const { from, remove } = await copied('--no-verify')
    await refuses(
      from,
      await remove(from.location),
      /has no verified copy of .* was not verified \(--no-verify\)/,
    )
  })

  test('another subtree, a part of it, the copy itself', async () => {
    const { from, to, remove } = await copied()
    const other = await open('verified-other', '3.4.14')
    await fill(other, TREE)
    await refuses(other, await remove(other.location), /has no verified copy of .* copied /)
    await refuses(from, await remove(`${from.location}/a`), /has no verified copy of/)
    await refuses(to, await remove(to.location), /has no verified copy of/)
  })

  test('the source root was made anew', async () => {
    const { from, remove } = await copied()
    for (const path of Object.keys(TREE).reverse()) {
      await from.client.delete(path === '' ? from.root : `${from.root}/${path}`)
    }
    await fill(from, TREE)
    await refuses(from, await remove(from.location), /has no verified copy of .* made anew after run/)
  })

  test('the target root is gone, or was made anew', async () => {
    const { from, to, remove } = await copied()
    expect((await cli(['rmr', '--yes', to.location])).code).toBe(0)
    await refuses(from, await remove(from.location), /is not the root .* copied to: it does not exist/)
    await fill(to, TREE)
    await refuses(from, await remove(from.location), /is not the root .* copied to;/)
  })

  test('the target cannot be reached', async () => {
    const server = await startServer()
    const from = await open('verified-from', '3.4.14')
    await fill(from, TREE)
    const journal = newJournal()
    try {
      const target = `${server.connectString}/copy`
      const copy = await cli(['copy', '--journal', journal, from.location, target])
      expect(copy.code, copy.stderr).toBe(0)
    } finally {
      await server.stop()
    }
    const result = await cli(['rmr', '--yes', '--if-verified', journal, '--retry-for', '2s', from.location])
    expect(result.stderr).toContain('waiting for the target')
    await refuses(from, result, /The copy cannot be compared \(.*\)/)
  })

  test('a znode was made after the comparison', async () => {
    const { from, location, removal } = await opened()
    const copiedUpTo = await location.position()
    await from.client.create(`${from.root}/a/late`, null)
    await expect(removal(copiedUpTo)).rejects.toThrow(SafetyRefusal)
    await expect(removal(copiedUpTo)).rejects.toThrow('such as a/late; nothing was deleted')
    expect(await from.client.exists(`${from.root}/a/b`)).not.toBeNull()
    expect(await removal(await location.position())).toMatchObject({ status: 'done' })
    expect(await from.client.exists(from.root)).toBeNull()
  })
})

const NO_RECORD: UndoRecord = {
  keep: (znodes) => znodes.map(() => true),
  synced: async () => {},
  release: () => {},
  forget: () => {},
}

test('what was made anew after the count is kept as it is when it goes', async () => {
  const { from, removal } = await opened()
  const kept = new Map<string, string | undefined>()
  const undo: UndoRecord = {
    ...NO_RECORD,
    keep: (znodes) => znodes.map(({ path, former }) => Boolean(kept.set(path, former.data?.toString()))),
  }
  const result = await removal(null, undo, async () => {
    await from.client.delete(`${from.root}/c/d`)
    await from.client.create(`${from.root}/c/d`, Buffer.from('precious'))
  })
  expect(result).toMatchObject({ status: 'done' })
  expect(kept.get('c/d')).toBe('precious')
})

test.each([
  ['without an undo', null],
  ['with one', NO_RECORD],
])('what was made or changed after the count is in no copy, and stays, %s', async (_, undo) => {
  const { from, location, removal } = await opened()
  const result = await removal(await location.position(), undo, async () => {
    await from.client.create(`${from.root}/a/late`, Buffer.from('precious'))
    // Its version is what it was.
    await from.client.delete(`${from.root}/c/d`)
    await from.client.create(`${from.root}/c/d`, Buffer.from('precious'))
  })
  expect(result).toMatchObject({ status: 'incomplete' })
  expect((await from.client.getData(`${from.root}/a/late`)).data?.toString()).toBe('precious')
  expect((await from.client.getData(`${from.root}/c/d`)).data?.toString()).toBe('precious')
  expect(await from.client.exists(`${from.root}/a/b`)).toBeNull()
})

/** A tree, and its removal in this process, with something that happens between the count and the first deletion. */
async function opened() {
  const from = await open('verified-from', '3.4.14')
  await fill(from, TREE)
  const location = await openEnsemble({
    location: parseEnsemble(from.location, 'location'),
    side: 'source',
    auth: [],
    sessionTimeoutMs: 30_000,
    retryForMs: 30_000,
    sessions: 1,
    emit: () => {},
  })
  onTestFinished(() => location.close())
  const options = { dryRun: false, maxDelete: null, keepRoot: false, withEphemerals: false }
  const removal = (copiedUpTo: bigint | null, undo: UndoRecord | null = null, meanwhile = async () => {}) =>
    rmr(
      location,
      {
        ...options,
        copiedUpTo,
        concurrency: 4,
        rate: null,
        confirm: () => meanwhile().then(() => true),
        asks: false,
        undo,
      },
      { emit: () => {}, counts: newCounts(), signal: new AbortController().signal },
    )
  return { from, location, removal }
}

test('a journal that is none: exit 6', async () => {
  const from = await open('verified-from')
  await fill(from, { '': null, a: null })
  const result = await cli(['rmr', '--yes', '--if-verified', '/nowhere/x.journal', from.location])
  expect(result.code, result.stderr).toBe(6)
  expect(await from.client.exists(from.root)).not.toBeNull()
})
