/** What the demo plays on: two real ensembles, the trees in the old one, a folder for journals. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadTree } from '../../fixtures/load.ts'
import { pegasusRoot, pegasusTree } from '../../fixtures/pegasus.ts'
import type { ZnodeRecord } from '../../fixtures/record.ts'
import { recordedTree } from '../../fixtures/recorded.ts'
import { ZooKeeperClient } from '../../src/zookeeper/index.ts'
import { type Ensemble, startEnsemble } from '../../test/servers/index.ts'

const SEED = 7
export const PEGASUS = pegasusRoot(SEED)

export interface Stage {
  old: Ensemble
  new: Ensemble
  /** Holds the applications' ephemerals on the old ensemble for as long as it is open. */
  applications: ZooKeeperClient
  /** Somebody else's session on the new ensemble. */
  somebody: ZooKeeperClient
  stateFolder: string
  znodes: { pegasus: number; codis: number; kafka: number }
}

type Closing = () => Promise<unknown>

/** `onEnd` is told at once of everything that has to be undone, in the order of making. */
export async function setStage(onEnd: (closing: Closing) => void): Promise<Stage> {
  const stateFolder = await mkdtemp(join(tmpdir(), 'zkferry-demo-'))
  onEnd(() => rm(stateFolder, { recursive: true, force: true }))
  const start = async (version: string) => {
    const ensemble = await startEnsemble({ version, size: 3 })
    onEnd(() => ensemble.stop())
    return ensemble
  }
  const [older, newer] = await Promise.all([start('3.4.14'), start('3.9.5')])
  const connect = async (ensemble: Ensemble) => {
    const client = await ZooKeeperClient.connect({ connect: ensemble.connectString })
    onEnd(() => client.close())
    return client
  }
  const [applications, somebody] = [await connect(older), await connect(newer)]
  const pegasus = pegasusTree({ seed: SEED, apps: 80, partitions: 64 })
  const codis = [...recordedTree('codis3'), ...recordedTree('jodis')]
  const kafka = recordedTree('kafka')
  await loadTree(applications, [...pegasus, ...codis, ...kafka])
  return {
    old: older,
    new: newer,
    applications,
    somebody,
    stateFolder,
    znodes: { pegasus: count(pegasus), codis: count(codis), kafka: count(kafka) },
  }
}

/** How many znodes the ensemble has by its own count, the reserved ones included. */
export async function znodeCount(ensemble: Ensemble): Promise<number> {
  const answer = (await ensemble.members[0]?.fourLetter('srvr')) ?? ''
  return Number(/Node count: (\d+)/.exec(answer)?.[1] ?? 0)
}

function count(records: ZnodeRecord[]): number {
  return records.length
}
