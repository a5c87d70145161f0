/** Two ensembles with a proxy before each member, and sessions of our own that go past the proxies. Kept for all runs. */
import { ZooKeeperClient } from '../../../src/zookeeper/index.ts'
import { type Ensemble, type Server, startEnsemble, startServer } from '../../servers/index.ts'
import { FaultProxy } from '../proxy.ts'
import type { Side } from './plan.ts'
import { OWNER } from './tree.ts'

export interface Place {
  members: Server[]
  proxies: FaultProxy[]
  /** Past the proxies; knows the owner's password. */
  client: ZooKeeperClient
  /** Through the proxies. */
  address: string
  stop(): Promise<void>
}

const JVM = ['-Xmx160m']

export class Stage {
  readonly places: Record<Side, Place>

  private constructor(places: Record<Side, Place>) {
    this.places = places
  }

  /** `members`: of the target; 1 or 3. */
  static async open(seed: string, versions: Record<Side, string>, members: number): Promise<Stage> {
    const source = await place(await startServer({ version: versions.source, jvm: JVM }), `source ${seed}`)
    const target =
      members === 1
        ? await startServer({ version: versions.target, jvm: JVM })
        : await startEnsemble({ version: versions.target, jvm: JVM, size: members })
    return new Stage({ source, target: await place(target, `target ${seed}`) })
  }

  async close(): Promise<void> {
    await Promise.all([this.places.source.stop(), this.places.target.stop()])
  }
}

async function place(servers: Server | Ensemble, seed: string): Promise<Place> {
  const members = 'members' in servers ? servers.members : [servers]
  const proxies = await Promise.all(
    members.map((member, at) => FaultProxy.before(member.port, { seed: `${seed} ${at}`, record: false })),
  )
  const client = await ZooKeeperClient.connect({
    connect: servers.connectString,
    sessionTimeoutMs: 60_000,
    auth: [{ scheme: 'digest', auth: Buffer.from(OWNER) }],
  })
  return {
    members,
    proxies,
    client,
    address: proxies.map((proxy) => proxy.connectString).join(','),
    async stop() {
      await client.close()
      await Promise.all(proxies.map((proxy) => proxy.close()))
      await servers.stop()
    },
  }
}
