/**
 * Stalls of 45 seconds, as a slow disk makes them, and an ensemble without a quorum, with the usual timeouts.
 * ZKFERRY_QUORUM_LOSS=720 for the full twelve minutes; a minute otherwise.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { caughtUp } from '../faults/during.ts'
import { connect, Place, place, plantMany } from '../helpers/places.ts'
import { contents, readTree } from '../helpers/read-tree.ts'
import { expectWrittenOnce } from '../helpers/written-once.ts'
import { freshJournal, type Outcome, zkferry } from '../helpers/zkferry.ts'
import { type Ensemble, type Server, startEnsemble } from '../servers/index.ts'
import { freshRoot } from '../servers/shared.ts'

const STALL_MS = 45_000
const MORE_MS = 30_000
const QUORUM_LOSS_MS = Number(process.env.ZKFERRY_QUORUM_LOSS ?? 60) * 1000

let ensemble: Ensemble
beforeAll(async () => {
  const config = { tickTime: '2000', initLimit: '10', syncLimit: '5' }
  ensemble = await startEnsemble({ config, jvm: ['-Xmx192m'] })
})
afterAll(() => ensemble?.stop())

async function onEnsemble(name: string): Promise<Place> {
  return new Place(await connect(ensemble.connectString), ensemble.connectString, freshRoot(name))
}

async function followerOf(): Promise<Server> {
  const [follower] = await ensemble.followers()
  if (follower === undefined) throw new Error('no follower')
  return follower
}

/** A copy of some five seconds; `fault` happens when a part of it is there. Returns how long it took from then on. */
async function copyThrough(
  from: Place,
  to: Place,
  fault: () => Promise<unknown>,
): Promise<{ outcome: Outcome; seconds: number }> {
  const args = ['--rate', '400', '--journal', freshJournal(), from.location, to.location]
  const copying = zkferry(['copy', ...args])
  await expect
    .poll(async () => (await to.client.exists(to.root))?.numChildren ?? 0, { timeout: 60_000 })
    .toBeGreaterThan(3)
  const begun = performance.now()
  const faulting = fault()
  const outcome = await copying
  const seconds = (performance.now() - begun) / 1000
  await faulting
  return { outcome, seconds }
}

async function expectCopied(from: Place, to: Place, { code, stderr }: Outcome): Promise<void> {
  expect(code, stderr).toBe(0)
  const target = { client: await connect(to.address), root: to.root }
  const source = { client: await connect(from.address), root: from.root }
  await caughtUp(target)
  await caughtUp(source)
  expect(contents(await readTree(target))).toEqual(contents(await readTree(source)))
  await expectWrittenOnce(target)
}

async function stalled(member: Server): Promise<void> {
  await member.pause()
  await sleep(STALL_MS)
  await member.resume()
}

test.each([
  ['a member of the target', 'target', () => followerOf()],
  ['the leader of the target', 'target', () => ensemble.leader()],
  ['the leader of the source', 'source', () => ensemble.leader()],
] as const)('%s stalls for 45 s: the copy goes on by itself', async (what, side, member) => {
  const [from, to] =
    side === 'target'
      ? [await place('3.4.14', 'stall-from'), await onEnsemble('stall-to')]
      : [await onEnsemble('stall-from'), await place('3.9.5', 'stall-to')]
  await plantMany(from, 40, 50)
  const { outcome, seconds } = await copyThrough(from, to, async () => stalled(await member()))
  console.log(
    `${what} stalls for 45 s: the copy ends after ${seconds.toFixed(1)} s; survived ${JSON.stringify(outcome.summary.survived)}`,
  )
  expect(seconds * 1000).toBeLessThan(STALL_MS + MORE_MS)
  await expectCopied(from, to, outcome)
})

test(`no quorum for ${QUORUM_LOSS_MS / 1000} s: it waits, says so every few seconds, and goes on`, async () => {
  const [from, to] = [await place('3.4.14', 'quorum-from'), await onEnsemble('quorum-to')]
  await plantMany(from, 40, 50)
  const { outcome, seconds } = await copyThrough(from, to, async () => {
    const [leader, follower] = [await ensemble.leader(), await followerOf()]
    await Promise.all([leader.kill(), follower.kill()])
    await sleep(QUORUM_LOSS_MS)
    await leader.launch()
    await follower.launch()
  })
  const said = outcome.of('waiting').map((line) => line.seconds as number)
  console.log(
    `no quorum for ${QUORUM_LOSS_MS / 1000} s: the copy ends after ${seconds.toFixed(1)} s; it said ${said.length} times that it waits; survived ${JSON.stringify(outcome.summary.survived)}`,
  )
  await expectCopied(from, to, outcome)
  const gaps = said.slice(1).map((one, at) => one - (said[at] as number))
  expect(said.length).toBeGreaterThan(QUORUM_LOSS_MS / 15_000)
  expect(Math.max(...gaps)).toBeLessThan(15)
  expect(outcome.summary.survived.waitedSeconds * 1000).toBeGreaterThan(QUORUM_LOSS_MS / 2)
})
