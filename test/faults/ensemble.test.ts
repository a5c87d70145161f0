/** Members of an ensemble of three that are killed, stopped, restarted and fill their disk, while they are written. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { connect, Place, place, plantMany } from '../helpers/places.ts'
import { type Outcome, zkferry } from '../helpers/zkferry.ts'
import { type Ensemble, type Server, startEnsemble } from '../servers/index.ts'
import { freshRoot } from '../servers/shared.ts'
import { copyDuring, expectWhole } from './during.ts'
import { limitFileSize } from './limits.ts'

let ensemble: Ensemble
let from: Place

beforeAll(async () => {
  // A leader that is silent is given up after two seconds, and one that cannot be reached after one.
  const config = { syncLimit: '4' }
  ensemble = await startEnsemble({ config, jvm: ['-Xmx160m', '-Dzookeeper.cnxTimeout=1000'] })
  from = await place('3.4.14', 'ensemble-from')
  await plantMany(from, 30, 40)
})
afterAll(() => ensemble?.stop())

async function target(): Promise<Place> {
  return new Place(await connect(ensemble.connectString), ensemble.connectString, freshRoot('to'))
}

async function followerOf(some: Ensemble): Promise<Server> {
  const [follower] = await some.followers()
  if (follower === undefined) throw new Error('no follower')
  return follower
}

const survivedBy = ({ summary }: Awaited<ReturnType<typeof copyDuring>>) => summary.survived

describe('a copy onto three members goes on by itself', () => {
  test('when two of three are killed: it says that it waits, and goes on when they are back', async () => {
    const to = await target()
    const said: string[] = []
    const outcome = await copyDuring(
      {
        from,
        to,
        options: {
          onStart: (child) =>
            child.stdout?.on('data', (text: string) => {
              if (text.includes('"waiting"')) said.push(text)
            }),
        },
      },
      async () => {
        const leader = await ensemble.leader()
        const follower = await followerOf(ensemble)
        await Promise.all([leader.kill(), follower.kill()])
        await expect.poll(() => said.length, { timeout: 30_000 }).toBeGreaterThan(0)
        await leader.launch()
        await follower.launch()
        await Promise.all([leader.serving(), follower.serving()])
      },
    )
    await expectWhole({ from, to }, outcome)
    expect(outcome.of('waiting')[0]).toMatchObject({ side: 'target' })
    expect(survivedBy(outcome).waits).toBeGreaterThan(0)
    expect(survivedBy(outcome).waitedSeconds).toBeGreaterThanOrEqual(1)
    expect(survivedBy(outcome).reconnects).toBeGreaterThan(0)
    const { runId, journal } = outcome.summary
    const shown = await zkferry(['runs', 'show', String(runId), '--journal', String(journal)])
    expect(shown.of('run')).toMatchObject([{ counts: { survived: survivedBy(outcome) } }])
  })

  test.each(['a follower', 'the leader'])(
    'when %s stalls for longer than the session timeout',
    async (who) => {
      const to = await target()
      let stalled: Server | undefined
      let outcome: Outcome
      const copying = copyDuring({ from, to }, async () => {
        stalled = who === 'the leader' ? await ensemble.leader() : await followerOf(ensemble)
        await stalled.pause()
      })
      try {
        // It ends while the member is still stalled: nobody has to wait for it.
        outcome = await copying
      } finally {
        await stalled?.resume()
      }
      await expect.poll(() => stalled?.mode(), { timeout: 60_000 }).toBeTruthy()
      await expectWhole({ from, to }, outcome)
    },
  )

  test('when all three are killed one after another, the leader among them, and come back with their data', async () => {
    const to = await target()
    const outcome = await copyDuring({ from, to, args: ['--rate', '400'] }, async () => {
      for (const member of ensemble.members) await member.restart()
    })
    await expectWhole({ from, to }, outcome)
  })

  test('when a member can write to its disk no more, and ends', async () => {
    const to = await target()
    const full = await followerOf(ensemble)
    const outcome = await copyDuring({ from, to }, async () => {
      limitFileSize(full.pid, 0)
      await expect.poll(() => full.mode(), { timeout: 60_000 }).toBeUndefined()
    })
    await full.restart()
    await expectWhole({ from, to }, outcome)
  })
})
