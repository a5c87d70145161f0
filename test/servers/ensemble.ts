import { appendFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ServerOptions } from './options.ts'
import { claimPort } from './ports.ts'
import { retryingPorts, Server } from './server.ts'

const ELECTION_LIMIT_MS = 60_000

export interface EnsembleOptions extends Omit<ServerOptions, 'dataDir'> {
  /** Voting members. @default 3 */
  size?: number
  /** Members that do not vote, after the voting ones. @default 0 */
  observers?: number
  /** Data directories to start on, one a member, kept when the ensemble stops. */
  dataDirs?: string[]
}

/** Starts an ensemble on loopback ports and resolves when every member serves. */
export async function startEnsemble(options: EnsembleOptions = {}): Promise<Ensemble> {
  return retryingPorts(async () => {
    const members = await createMembers(options)
    try {
      for (const member of members) await member.launch()
      await Promise.all(members.map((member) => member.serving()))
      return new Ensemble(members)
    } catch (error) {
      await Promise.all(members.map((member) => member.stop()))
      throw error
    }
  })
}

async function createMembers(options: EnsembleOptions): Promise<Server[]> {
  const { size = 3, observers = 0, dataDirs, ...serverOptions } = options
  const members: Server[] = []
  for (let index = 0; index < size + observers; index++) {
    const config = { ...(index >= size && { peerType: 'observer' }), ...serverOptions.config }
    const dataDir = dataDirs?.[index]
    const member = await Server.create({ ...serverOptions, config, ...(dataDir && { dataDir }) })
    member.ownPorts.push(await claimPort(), await claimPort())
    members.push(member)
  }
  const peers = members.map((member, index) => {
    const role = index >= size ? ':observer' : ''
    return `server.${index + 1}=${member.host}:${member.ownPorts.join(':')}${role}\n`
  })
  for (const [index, member] of members.entries()) {
    await appendFile(member.configFile, peers.join(''))
    await writeFile(join(member.dataDir, 'myid'), `${index + 1}\n`)
  }
  return members
}

export class Ensemble {
  readonly members: Server[]

  constructor(members: Server[]) {
    this.members = members
  }

  /** All members, also those that are down. */
  get connectString(): string {
    return this.members.map((member) => member.connectString).join(',')
  }

  get version(): string {
    return this.members[0]?.version ?? ''
  }

  /** The member that leads, waited for while an election runs; rejects after 60 seconds without one. */
  async leader(): Promise<Server> {
    const end = Date.now() + ELECTION_LIMIT_MS
    while (Date.now() < end) {
      const [leader] = await this.#inMode('leader')
      if (leader) return leader
      await sleep(50)
    }
    throw new Error(`the ensemble ${this.connectString} has no leader after 60 s`)
  }

  /** The members that follow a leader now. */
  followers(): Promise<Server[]> {
    return this.#inMode('follower')
  }

  /** Ends every member and removes its data. */
  async stop(): Promise<void> {
    await Promise.all(this.members.map((member) => member.stop()))
  }

  async #inMode(mode: string): Promise<Server[]> {
    const modes = await Promise.all(this.members.map((member) => member.mode()))
    return this.members.filter((_, index) => modes[index] === mode)
  }
}
