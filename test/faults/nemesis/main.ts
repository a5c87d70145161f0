/**
 * npm run test:nemesis -- --runs 200 [--seed N] [--members 3] [--source 3.4.14] [--target 3.9.5]
 *
 * Random trees, jobs and faults. The seed repeats the schedule: run 17 of seed 5 alone is `--seed 5 --only 17`.
 */
import { parseArgs } from 'node:util'
import { type Plan, planOf } from './plan.ts'
import { oneRun, type Verdict } from './run.ts'
import { Stage } from './stage.ts'

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '200' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    only: { type: 'string' },
    members: { type: 'string', default: '1' },
    source: { type: 'string', default: '3.4.14' },
    target: { type: 'string', default: '3.9.5' },
    minutes: { type: 'string', default: '100000' },
    verbose: { type: 'boolean', default: false },
  },
})

const { seed, only } = values
const [first, last] = only === undefined ? [1, Number(values.runs)] : [Number(only), Number(only)]
const begun = performance.now()
console.log(
  `nemesis: seed ${seed}, runs ${first} to ${last}, ${values.source} to ${values.target} with ${values.members} member(s)`,
)
process.exitCode = (await campaign()) ? 0 : 1

async function campaign(): Promise<boolean> {
  const versions = { source: values.source, target: values.target }
  const stage = await Stage.open(seed, versions, Number(values.members))
  const stop = () => process.exit(130)
  process.once('SIGINT', stop)
  const jobs = new Map<string, number>()
  const ends = new Map<string, number>()
  const failed: number[] = []
  let [done, faults] = [0, 0]
  try {
    for (let at = first; at <= last; at++) {
      if (performance.now() - begun > Number(values.minutes) * 60_000) break
      const plan = planOf(`${seed}/${at}`)
      const verdict = await oneRun(plan, stage)
      done++
      faults += plan.faults.length
      jobs.set(plan.job, (jobs.get(plan.job) ?? 0) + 1)
      for (const end of verdict.history) {
        const code = end.split(' ')[0] as string
        ends.set(code, (ends.get(code) ?? 0) + 1)
      }
      if (verdict.wrong.length > 0) failed.push(at)
      if (verdict.wrong.length > 0 || values.verbose) tell(at, plan, verdict)
    }
  } finally {
    await stage.close()
  }
  const minutes = ((performance.now() - begun) / 60_000).toFixed(1)
  const list = (counts: Map<string, number>) =>
    [...counts].map(([what, count]) => `${what}: ${count}`).join(', ')
  console.log(
    `${done} runs with ${faults} faults in ${minutes} min (${list(jobs)}); processes ended with ${list(ends)}`,
  )
  console.log(
    failed.length === 0
      ? 'all that must hold has held'
      : `WRONG in ${failed.length} runs: ${failed.map((at) => `--seed ${seed} --only ${at}`).join('; ')}`,
  )
  return failed.length === 0
}

function tell(at: number, plan: Plan, { wrong, history, seconds }: Verdict): void {
  const { job, znodes, args, known } = plan
  const faults = plan.faults.map(({ at: ms, fault }) => `${ms} ms: ${JSON.stringify(fault)}`)
  console.log(
    `run ${at}: ${job} of ${znodes} znodes${known ? '' : ', unknown to the target'} (${args.join(' ')}), ${seconds.toFixed(1)} s`,
  )
  for (const line of [...faults, ...history.map((end) => `ended: ${end}`)]) console.log(`    ${line}`)
  for (const line of wrong) console.log(`  ! ${line}`)
}
