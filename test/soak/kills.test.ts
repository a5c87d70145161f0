/**
 * kill -9 at random instants, then the same command again: a thousand times. ZKFERRY_KILLS for another number,
 * ZKFERRY_SOAK_MINUTES for as many as fit, ZKFERRY_SEED to repeat.
 */
import { existsSync } from 'node:fs'
import { expect, test } from 'vitest'
import { RandomStream } from '../../fixtures/random.ts'
import { readJournal } from '../../src/journal/index.ts'
import { ZooKeeperClient } from '../../src/zookeeper/index.ts'
import { readAll, unlike } from '../faults/nemesis/reader.ts'
import { OWNER, plantTree } from '../faults/nemesis/tree.ts'
import { freshJournal, type Outcome, zkferry } from '../helpers/zkferry.ts'
import { freshRoot, sharedServer } from '../servers/shared.ts'

const KILLS = Number(process.env.ZKFERRY_KILLS ?? 1000)
const MINUTES = Number(process.env.ZKFERRY_SOAK_MINUTES ?? 1_000_000)
const SEED = process.env.ZKFERRY_SEED ?? String(Date.now() % 1_000_000)
/** Side by side. */
const LANES = 2
/** From the start of the process: past its end, too, so that each copy comes to its end now and then. */
const LATEST_MS = 900
/** Later with each kill of one copy: a busy machine takes longer to start, and a copy that never goes on shows nothing. */
const LATER_MS = 50

const begun = performance.now()
let kills = 0
let copies = 0
const over = () => kills >= KILLS || performance.now() - begun > MINUTES * 60_000

function ownerAt(address: string): Promise<ZooKeeperClient> {
  return ZooKeeperClient.connect({
    connect: address,
    sessionTimeoutMs: 60_000,
    auth: [{ scheme: 'digest', auth: Buffer.from(OWNER) }],
  })
}

async function runOrKill(args: string[], env: Record<string, string>, afterMs: number): Promise<Outcome> {
  return zkferry(args, {
    env,
    onStart: (child) => {
      const timer = setTimeout(() => child.kill('SIGKILL'), afterMs)
      child.once('exit', () => clearTimeout(timer))
    },
  })
}

/** The latest run came to its end, though its process was killed before it could say so. */
function isDone(file: string): boolean {
  if (!existsSync(file)) return false
  try {
    const journal = readJournal(file)
    const { status } = journal.latest() ?? {}
    journal.close()
    return status === 'done'
  } catch {
    // Killed while it was being made.
    return false
  }
}

/** Copies trees, each killed until one of its processes comes to the end. */
async function lane(name: string): Promise<void> {
  const random = new RandomStream(`kills ${SEED} ${name}`)
  const [near, far] = [sharedServer('3.4.14').connectString, sharedServer('3.9.5').connectString]
  const [source, target] = await Promise.all([ownerAt(near), ownerAt(far)])
  try {
    while (!over()) {
      const seed = `${SEED} ${name} ${copies++}`
      const [from, to] = [freshRoot('kills-from'), freshRoot('kills-to')]
      await plantTree(source, from, { seed, znodes: 50 + random.below(400), ephemerals: random.below(3) })
      const journal = freshJournal()
      const args = ['copy', '--journal', journal, '--settle', '100ms', near + from, far + to]
      // Without the owner's identity, locked directories carry a temporary one: a crash must not leave it there.
      const known = random.below(2) === 0
      const env = {
        ZKFERRY_SOURCE_AUTH: `digest ${OWNER}`,
        ...(known && { ZKFERRY_TARGET_AUTH: `digest ${OWNER}` }),
      }
      for (let latest = LATEST_MS; ; latest += LATER_MS) {
        const { code, stderr, of } = await runOrKill(args, env, random.below(latest))
        // Without an identity there, what is locked can be proved once: a run that is done is not begun anew.
        if (code === 0 || isDone(journal)) break
        const said = [...of('run'), ...of('note'), ...of('failed').slice(0, 5)].map((line) =>
          JSON.stringify(line),
        )
        expect(code, `seed ${seed} after ${kills} kills: ${stderr}${said.join('\n')}`).toBeNull()
        kills++
      }
      const wrong = unlike(await readAll(source, from), await readAll(target, to), {
        mayBeAhead: false,
        writtenOnce: true,
      })
      expect(wrong, `seed ${seed}`).toEqual([])
      for (const [client, root] of [
        [source, from],
        [target, to],
      ] as const) {
        const paths = [...(await readAll(client, root)).keys()].reverse()
        await Promise.all(paths.map((path) => client.delete(path === '' ? root : `${root}/${path}`)))
      }
    }
  } finally {
    await Promise.all([source.close(), target.close()])
  }
}

test(`killed ${KILLS} times and resumed: nothing is lost or doubled, no counter is ahead`, async () => {
  console.log(`kills: seed ${SEED}`)
  await Promise.all(Array.from({ length: LANES }, (_, at) => lane(String(at))))
  const minutes = ((performance.now() - begun) / 60_000).toFixed(1)
  console.log(`${kills} kills in ${copies} copies, ${minutes} min: 0 lost, 0 doubled, no counter ahead`)
})
