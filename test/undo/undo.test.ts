/** What a job overwrites or deletes can be brought back, exactly. */
import { existsSync, mkdtempSync, readdirSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { CreateFlag } from '../../src/zookeeper/index.ts'
import { type Place, pair, parseAcl, place, plant } from '../helpers/places.ts'
import { contents, readTree, zxids } from '../helpers/read-tree.ts'
import { freshJournal, type Outcome, zkferry } from '../helpers/zkferry.ts'

const OPEN = '31:world:anyone'
const READERS = ['31:world:anyone', '1:ip:10.1.2.3']

interface Undone extends Outcome {
  undo: string
}

async function copied(from: Place, to: Place, ...flags: string[]): Promise<Undone> {
  const outcome = await zkferry(['copy', '--journal', freshJournal(), ...flags, from.location, to.location])
  return { ...outcome, undo: (outcome.summary as unknown as { undo: string }).undo }
}

/** Brings it back, and says how that ended. */
async function broughtBack(undo: string, to: Place, ...flags: string[]): Promise<Outcome> {
  const outcome = await zkferry([
    'copy',
    ...['--journal', freshJournal(), '--merge', ...flags],
    `archive:${undo}`,
    to.location,
  ])
  expect(outcome.code, outcome.stderr).toBe(0)
  return outcome
}

/** The number that the next sequential child gets. */
async function nextNumber({ client, at }: Place, below: string, where: Place): Promise<number> {
  const made = await client.create(`${at.call(where, below)}/n-`, null, { flags: CreateFlag.persistentSequential })
  return Number(made.path.slice(-10))
}

test('data and ACLs that a copy overwrote come back, and what was not overwritten is left alone', async () => {
  const { from, to } = await pair('undo')
  await plant(from, {
    '': 'new root',
    same: 'same',
    data: 'new',
    null: 'was null',
    empty: null,
    acl: { data: 'x', acl: [OPEN] },
    both: { data: 'new', acl: [OPEN] },
    'both/child': 'new child',
    'deep/below': 'n',
    ...{ deep: null },
  } as never).catch(() => {})
  await plant(to, {
    '': 'old root',
    same: 'same',
    data: 'old',
    null: null,
    empty: '',
    acl: { data: 'x', acl: READERS },
    both: { data: 'old', acl: READERS },
    deep: null,
    'deep/below': Buffer.from([0, 255, 1]),
    mine: 'only here',
  })
  const before = contents(await readTree(to))
  const { code, summary, undo, stderr } = await copied(from, to, '--merge')
  expect(code, stderr).toBe(0)
  expect(summary.znodes.updated).toBeGreaterThan(5)
  expect(statSync(undo).mode & 0o777).toBe(0o600)
  expect(readdirSync(dirname(undo)).filter((name) => /-(wal|shm|journal)$/.test(name))).toEqual([])
  const after = await readTree(to)
  expect(contents(after)).not.toEqual(before)

  const back = await broughtBack(undo, to)
  expect(back.summary.znodes.created).toBe(0)
  const now = await readTree(to)
  const made = contents(now).filter(([path]) => !before.some(([was]) => was === path))
  expect(made.map(([path]) => path)).toEqual(['both/child'])
  expect(contents(now).filter(([path]) => path !== 'both/child')).toEqual(before)
  // What was equal, and what the source did not have, was written by neither.
  for (const path of ['same', 'mine']) expect(now.get(path)?.stat.mzxid).toBe(after.get(path)?.stat.mzxid)
})
