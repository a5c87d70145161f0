/** What runs tells of copies that ended well, badly, or not. */
import { expect, test } from 'vitest'
import { pair, parseAcl, plant, plantMany } from '../helpers/places.ts'
import { freshJournal, SOME_DONE, zkferry, zkferryUntil } from '../helpers/zkferry.ts'

test('a run with failed and skipped znodes is shown with both, as the copy printed them', async () => {
  const { from, to } = await pair('runs')
  await plant(from, { '': null, a: 'x', alive: { ephemeral: true }, shut: 'y' })
  await from.client.setACL(from.at('shut'), [parseAcl('31:digest:nobody:x=')])
  const journal = freshJournal()
  const copied = await zkferry(['copy', '--journal', journal, from.location, to.location])
  expect(copied.code).toBe(3)
  const { code, of } = await zkferry(['runs', 'show', String(copied.summary.runId), '--journal', journal])
  expect(code).toBe(0)
  expect(of('run')[0]).toMatchObject({
    runId: copied.summary.runId,
    state: 'finished',
    status: 'incomplete',
    verified: false,
    source: from.location,
    target: to.location,
    counts: { read: copied.summary.znodes.read, created: copied.summary.znodes.created, skipped: 1 },
  })
  expect(of('skipped')).toEqual([expect.objectContaining({ path: 'alive', reason: 'ephemeral' })])
  expect(of('failed')).toContainEqual(
    expect.objectContaining({ path: 'shut', side: 'source', code: 'NOAUTH' }),
  )
})

test('an interrupted run is resumed under its own ID, and a second copy is a run of its own', async () => {
  const { from, to } = await pair('runs')
  await plantMany(from, 20, 50)
  const journal = freshJournal()
  const args = ['copy', '--journal', journal, from.location, to.location]
  const stopped = await zkferryUntil([...args, '--rate', '400'], SOME_DONE, 'SIGTERM')
  expect(stopped.code).toBe(143)
  const list = async () => (await zkferry(['runs', '--journal', journal])).of('run')
  expect(await list()).toEqual([
    expect.objectContaining({ runId: stopped.summary.runId, state: 'interrupted' }),
  ])
  const resumed = await zkferry(args)
  expect(resumed.summary.runId).toBe(stopped.summary.runId)
  // The summary is the process's own; what the journal has is the run's.
  const whole = 20 * 50 + 20 + 1
  expect(resumed.summary.znodes.created).toBeLessThan(whole)
  expect((await list())[0]?.counts).toMatchObject({ created: whole })
  const again = await zkferry(args)
  expect(again.summary.runId).not.toBe(stopped.summary.runId)
  expect((await list()).map(({ state, status, verified }) => `${state} ${status} ${verified}`)).toEqual([
    'finished done true',
    'finished done true',
  ])
})

const SKIPPED = /"type":"skipped"/

test('what was skipped before an interruption is still in the list after it', async () => {
  const { from, to } = await pair('runs')
  await plantMany(from, 20, 50)
  await plant(from, { 'd00000/alive': { ephemeral: true } })
  const journal = freshJournal()
  const args = ['copy', '--journal', journal, from.location, to.location]
  const stopped = await zkferryUntil([...args, '--rate', '400'], SKIPPED, 'SIGTERM')
  expect(stopped.code).toBe(143)
  expect(stopped.skipped()).toEqual(['d00000/alive: ephemeral'])
  expect((await zkferry(args)).code).toBe(0)
  const { of } = await zkferry(['runs', 'show', String(stopped.summary.runId), '--journal', journal])
  expect(of('skipped')).toEqual([expect.objectContaining({ path: 'd00000/alive', reason: 'ephemeral' })])
})
