/** `npm run test:fuzz-archive -- [--cases 10000] [--seed 1]` */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { encryptedCampaign, plainCampaign } from './campaign.ts'

const { values } = parseArgs({
  options: { cases: { type: 'string', default: '10000' }, seed: { type: 'string', default: '1' } },
})
const [cases, seed] = [Number(values.cases), Number(values.seed)]
const folder = mkdtempSync(join(tmpdir(), 'zkferry-fuzz-'))
try {
  const encrypted = await encryptedCampaign(folder, Math.ceil(cases / 5), seed)
  const plain = await plainCampaign(folder, cases - Math.ceil(cases / 5), seed)
  console.log(JSON.stringify({ seed, plain, encrypted }))
} catch (error) {
  console.error((error as Error).message)
  process.exitCode = 1
} finally {
  rmSync(folder, { recursive: true })
}
