/** Rule 1 after a proof that was broken off: what its rounds had made is ours. */
import type { ChildProcess } from 'node:child_process'
import { expect, onTestFinished, test } from 'vitest'
import { FaultProxy } from '../faults/proxy.ts'
import { pair, parseAcl, plant, plantMany } from '../helpers/places.ts'
import { freshJournal, type Line, type Outcome, zkferry, zkferryUntil } from '../helpers/zkferry.ts'

const SLOWLY = ['--rate', '150', '--concurrency', '1', '--settle', '100ms', '--progress']
const SET_ACL = 7

type Step = [phase: string, holds: (znodes: number) => boolean, act: (child: ChildProcess) => unknown]

/** Runs a slow copy, and takes each step as soon as the progress of the phase lets it. */
async function stepwise(args: string[], steps: Step[]): Promise<Outcome> {
  let [text, at] = ['', 0]
  const outcome = await zkferry([...args, ...SLOWLY], {
    onStart: (child) => {
      child.stdout?.on('data', (more: string) => {
        const lines = (text + more).split('\n')
        text = lines.pop() as string
        for (const line of lines.map((one) => JSON.parse(one) as Line)) {
          const step = steps[at]
          if (line.type !== 'progress' || step === undefined) continue
          const [phase, holds, act] = step
          if (line.phase !== phase || !holds(line.znodes as number)) continue
          at++
          act(child)
        }
      })
    },
  })
  expect(at, outcome.stderr).toBe(steps.length)
  return outcome
}

test('rule 1: interrupted in the second march of its proof, the same command goes on', async () => {
  const { from, to } = await pair('proof')
  await plantMany(from, 10, 60)
  const args = ['copy', '--journal', freshJournal(), from.location, to.location]
  expect((await zkferry(args)).code).toBe(0)
  await from.client.setData(from.at('d00000/z000001'), Buffer.from('v2'))
  const interrupted = await stepwise(args, [
    ['copy', (znodes) => znodes > 150, () => from.client.create(from.at('d00000/new'), Buffer.from('n'))],
    // A child of what a round makes: only another march finds it.
    ['verify', (znodes) => znodes > 200, () => from.client.create(from.at('d00000/new/kid'), null)],
    ['verify', (znodes) => znodes < 150, () => {}],
    ['verify', (znodes) => znodes > 200, (child) => child.kill('SIGINT')],
  ])
  expect(interrupted.code).toBe(130)
  await from.client.setData(from.at('d00003/z000001'), Buffer.from('v3'))
  const { code, stderr } = await zkferry(args)
  expect(code, stderr).toBe(0)
})

test('rule 1: killed while entries are taken out, and again while it is proved, it goes on', async () => {
  const { from, to } = await pair('proof')
  await plantMany(from, 10, 60)
  const proxy = await FaultProxy.before(Number(to.address.split(':')[1]))
  onTestFinished(() => proxy.close())
  const args = ['copy', '--journal', freshJournal(), from.location, proxy.connectString + to.root]
  expect((await zkferry(args)).code).toBe(0)
  await plant(from, { zz: null, 'zz/a': '1' })
  // It locks the tool out.
  await from.client.setACL(from.at('zz'), [parseAcl('1:world:anyone')])
  const killed = await stepwise(args, [
    ['copy', (znodes) => znodes > 150, () => from.client.create(from.at('d00000/new'), Buffer.from('n'))],
    [
      'verify',
      (znodes) => znodes > 100,
      (child) => {
        proxy.alterRequest = (frame, { index }) => {
          if (index === 0 || frame.readInt32BE(8) !== SET_ACL) return frame
          child.kill('SIGKILL')
          return null
        }
      },
    ],
  ])
  expect(killed.code).toBeNull()
  proxy.alterRequest = (frame) => frame
  await from.client.setData(from.at('d00003/z000001'), Buffer.from('v3'))
  const proving = /"type":"progress","phase":"verify","znodes":[1-9]/
  expect((await zkferryUntil([...args, '--rate', '300'], proving, 'SIGKILL')).code).toBeNull()
  const { code, stderr } = await zkferry(args)
  expect(code, stderr).toBe(0)
})
