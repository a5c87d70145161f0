/** `npm run test:fuzz-datadir -- [--cases 10000] [--seed 1]` */
import { parseArgs } from 'node:util'
import { campaign } from './campaign.ts'

const { values } = parseArgs({
  options: { cases: { type: 'string', default: '10000' }, seed: { type: 'string', default: '1' } },
})
const result = await campaign(Number(values.cases), Number(values.seed))
for (const failure of result.failures) console.error(failure)
console.log(
  JSON.stringify({
    ...result,
    failures: result.failures.length,
    slowest: Math.round(result.slowest),
    // Kilobytes, as the system tells it.
    mostMemoryMb: Math.round(process.resourceUsage().maxRSS / 1024),
  }),
)
process.exitCode = result.failures.length > 0 ? 1 : 0
