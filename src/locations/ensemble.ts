/** An ensemble as a source and as a target. */
import type { AclList } from '../tree/acl.ts'
import {
  type Change,
  type ChangeOutcome,
  type EphemeralHolder,
  type KindSupport,
  type RootIdentity,
  type Side,
  type TemporaryIdentities,
  type TreeReader,
  type TreeTarget,
  type UndoRecord,
  type Work,
  ZnodeError,
} from '../tree/contracts.ts'
import type { Emit } from '../tree/events.ts'
import type { ZxidRanges } from '../tree/zxid-ranges.ts'
import {
  type AuthInfo,
  findLeaders,
  operations,
  type Stat,
  transportOf,
  type ZooKeeperClient,
  ZooKeeperError,
} from '../zookeeper/index.ts'
import { AclCache } from './acl-cache.ts'
import { takesAcl } from './acl-probe.ts'
import { createAncestors } from './ensemble-ancestors.ts'
import { EnsembleHolder } from './ensemble-holder.ts'
import { EnsembleIdentities } from './ensemble-identities.ts'
import { EnsembleKinds } from './ensemble-kinds.ts'
import { EnsembleLane, Reading } from './ensemble-lane.ts'
import { EnsembleOccupation } from './ensemble-occupation.ts'
import { EnsembleQuotas } from './ensemble-quotas.ts'
import { EnsembleWriter } from './ensemble-writer.ts'
import { Failures } from './failures.ts'
import { type Identity, identitiesOf, introduction, permissionsOf } from './identities.ts'
import { OneEnsemble } from './one-ensemble.ts'
import { Outages } from './outages.ts'
import type { ParsedEnsemble } from './parse-location.ts'
import { provedIdentities } from './proved-identities.ts'
import { GENTLE, MILD, ResponseTimes } from './response-times.ts'
import { SessionKeeper } from './session-keeper.ts'
import { Sounding } from './sounding.ts'

export interface EnsembleSetup {
  location: ParsedEnsemble
  side: Side
  auth: AuthInfo[]
  sessionTimeoutMs: number
  /** How long to wait for a server before giving up. */
  retryForMs: number
  /** Sessions for reading, at most. */
  sessions: number
  emit: Emit
  /** Smaller windows that follow the servers' response times closely. */
  gentle?: boolean
  /** Sessions are opened on followers and observers where there are any. */
  avoidLeader?: boolean
}

/** Another session joins in after so many lanes: a small tree needs one only. */
const LANES_A_SESSION = 4

/** Batches of work that are too little to measure response times for. */
const SPARED_BATCHES = 32
/** So often it is said that servers are slow. */
const SAY_SLOWED_MS = 10_000

/** Connects one session; the others follow when there is work for them. @throws LocationProblem */
export async function openEnsemble(setup: EnsembleSetup): Promise<Ensemble> {
  const avoid = setup.avoidLeader ? await leadersOf(setup) : undefined
  const ensemble = new Ensemble(setup, avoid)
  await ensemble.connect()
  return ensemble
}

export class Ensemble implements TreeTarget {
  readonly side: Side
  readonly name: string
  readonly rootPath: string
  readonly #readers: SessionKeeper[]
  readonly #writing: SessionKeeper
  readonly #listening: SessionKeeper
  readonly #sounding: Sounding
  readonly #times: ResponseTimes
  readonly #writer: EnsembleWriter
  readonly #failures: Failures
  readonly #together: OneEnsemble
  readonly #reading: Reading
  readonly #identities: Identity[]
  /** Asked twice of each znode, and there are few distinct ACLs. */
  readonly #permissions = new WeakMap<AclList, number>()
  readonly #proved: (session: SessionKeeper) => Promise<Identity[]>
  readonly temporary: TemporaryIdentities
  readonly #kinds: EnsembleKinds
  readonly #occupation: EnsembleOccupation
  readonly quotas: EnsembleQuotas
  readonly #makeHolder: () => EphemeralHolder
  #lanes = 0

  constructor(setup: EnsembleSetup, avoid?: ReadonlySet<string>) {
    this.side = setup.side
    const { location } = setup
    this.name = location.text
    this.rootPath = location.path
    this.#failures = new Failures(setup.side, location.text, introduction(setup.auth, location.transport))
    this.#identities = identitiesOf(setup.auth)
    this.#proved = (session) => provedIdentities(session, setup.auth, location.transport)
    this.#together = new OneEnsemble(location, location.path, setup.auth, this.#failures)
    const options = {
      connect: { ...location, hosts: [...location.hosts] },
      sessionTimeoutMs: setup.sessionTimeoutMs,
      retryForMs: setup.retryForMs,
      auth: setup.auth,
      ...(avoid === undefined ? {} : { avoid }),
      outages: new Outages(setup.side, setup.emit),
      meet: (client: ZooKeeperClient) => this.#together.meet(client),
    }
    const pacing = setup.gentle ? GENTLE : MILD
    const times = new ResponseTimes(pacing, slowedEvents(setup))
    this.#times = times
    // What these go through is nothing that the job has to get over.
    const { outages: _, ...silent } = options
    this.#readers = Array.from(
      { length: setup.sessions },
      () => new SessionKeeper(options, this.#failures, times),
    )
    this.#writing = new SessionKeeper(options, this.#failures, times, 'writes')
    this.#listening = new SessionKeeper(silent, this.#failures)
    this.#sounding = new Sounding(this.#listening, times, pacing.everyMs, setup.gentle ? 0 : SPARED_BATCHES)
    this.#makeHolder = () => new EnsembleHolder(options, location.path, this.#failures)
    this.#kinds = new EnsembleKinds(() => new SessionKeeper(silent, this.#failures), this.#failures)
    this.#reading = new Reading(location.path, this.#failures, new AclCache())
    this.#writer = new EnsembleWriter(this.#writing, location.path, this.#failures, times)
    this.#occupation = new EnsembleOccupation({
      session: this.#writing,
      root: location.path,
      failures: this.#failures,
      place: `the ${setup.side} ${location.text}`,
    })
    this.quotas = new EnsembleQuotas({
      root: location.path,
      session: setup.side === 'target' ? this.#writing : this.#first,
      acls: this.#reading.acls,
      failures: this.#failures,
      wrote: (zxid) => this.#writer.wrote(zxid),
    })
    this.temporary = new EnsembleIdentities({
      options: silent,
      root: location.path,
      sessions: [...this.#readers, this.#writing],
      writing: this.#writing,
      writer: this.#writer,
      acls: this.#reading.acls,
      failures: this.#failures,
    })
  }

  async connect(): Promise<void> {
    const client = await this.#first.client()
    await this.#together.meetAll(client)
    // Where an address is translated on the way, an ACL may grant less than this says; the server then refuses.
    if (client.localAddress !== null) this.#identities.push({ scheme: 'ip', id: client.localAddress })
    this.#identities.push(...(await this.#proved(this.#first)))
  }

  get #first(): SessionKeeper {
    return this.#readers[0] as SessionKeeper
  }

  get reconnects(): number {
    return [...this.#readers, this.#writing].reduce((sum, session) => sum + session.reconnects, 0)
  }

  get sessionsOpened(): number {
    return [...this.#readers, this.#writing, this.#listening].reduce(
      (sum, session) => sum + session.opened,
      0,
    )
  }

  get lastWrite(): bigint {
    return this.#writer.lastWrite
  }

  markProof(): void {
    this.#writer.markProof()
  }

  get lateWrites(): ZxidRanges | null {
    return this.#writer.lateWrites
  }

  async identity(): Promise<RootIdentity | null> {
    const { rootPath } = this
    if (rootPath === '/') return this.#oldestChild()
    const [reply] = await this.#first.read(operations.exists, [rootPath])
    if (reply instanceof ZooKeeperError) throw this.#refused(reply, `looking at ${rootPath}`)
    if (reply === undefined || reply.stat === null) return null
    // A root that may not be read leaves nothing to do: better said at once than for every znode.
    const [data] = await this.#first.read(operations.getData, [rootPath])
    if (data instanceof ZooKeeperError && data.code !== 'NONODE')
      throw this.#refused(data, `reading ${rootPath}`)
    return { czxid: reply.stat.czxid, ctime: reply.stat.ctime }
  }

  async position(): Promise<bigint> {
    const opened = this.#readers.slice(0, Math.max(1, this.#width))
    const zxids = await Promise.all(opened.map((session) => session.sync()))
    // biome-ignore lint/complexity/useMathMinMax: Math.max knows no bigint
    return zxids.reduce((newest, zxid) => (zxid > newest ? zxid : newest), 0n)
  }

  get groups(): number {
    return this.#times.groups
  }

  get throttled(): number {
    return this.#times.throttled
  }

  lane(after: bigint): TreeReader {
    this.#lanes++
    this.#sounding.work()
    const session = this.#readers[this.#lanes % this.#width] as SessionKeeper
    return new EnsembleLane(session, this.#reading, after)
  }

  /** How many sessions are in use by now. */
  get #width(): number {
    return Math.min(this.#readers.length, 1 + Math.floor(this.#lanes / LANES_A_SESSION))
  }

  write(changes: readonly Change[]): Promise<ChangeOutcome[]> {
    this.#sounding.work()
    return this.#writer.write(changes, false)
  }

  writeEach(changes: readonly Change[]): Promise<ChangeOutcome[]> {
    return this.#writer.write(changes, true)
  }

  beforeWrites(tell: (changes: readonly Change[]) => void): void {
    this.#writer.before = tell
  }

  keepUndo(record: UndoRecord): void {
    this.#writer.undo = record
  }

  async settle(): Promise<void> {
    await this.#writing.sync()
  }

  takesAcl(acl: AclList): Promise<boolean> {
    return takesAcl(acl, this.#writing, this.#failures)
  }

  get settled(): TreeReader {
    return new EnsembleLane(this.#writing, this.#reading, 0n)
  }

  createAncestors(dryRun = false): Promise<number> {
    const setup = {
      name: this.name,
      root: this.rootPath,
      session: this.#writing,
      acls: this.#reading.acls,
      refused: (error: ZooKeeperError | undefined, what: string) => this.#refused(error, what),
    }
    return createAncestors(setup, dryRun)
  }

  occupy(work: Work): Promise<string | null> {
    return this.#occupation.occupy(work)
  }

  vacate(): Promise<void> {
    return this.#occupation.vacate()
  }

  supports(kind: 'container' | 'ttl'): Promise<KindSupport> {
    return this.#kinds.supports(kind)
  }

  holder(): EphemeralHolder {
    return this.#makeHolder()
  }

  permissionsUnder(acl: AclList): number {
    const known = this.#permissions.get(acl)
    if (known !== undefined) return known
    const permissions = permissionsOf(acl, this.#identities)
    this.#permissions.set(acl, permissions)
    return permissions
  }

  /** For questions about the ensemble itself. */
  get session(): SessionKeeper {
    return this.#first
  }

  async close(): Promise<void> {
    this.#sounding.close()
    await Promise.all([...this.#readers, this.#writing, this.#listening].map((session) => session.close()))
  }

  async #oldestChild(): Promise<RootIdentity> {
    const [reply] = await this.#first.read(operations.getChildren, ['/'])
    if (reply === undefined || reply instanceof ZooKeeperError) throw this.#refused(reply, 'listing /')
    const paths = reply.children.filter((name) => name !== 'zookeeper').map((name) => `/${name}`)
    const outcomes = await this.#first.read(operations.exists, paths)
    let oldest: Stat | null = null
    for (const outcome of outcomes) {
      if (outcome instanceof ZooKeeperError || outcome.stat === null) continue
      if (oldest === null || outcome.stat.czxid < oldest.czxid) oldest = outcome.stat
    }
    return oldest === null ? { czxid: 0n, ctime: 0n } : { czxid: oldest.czxid, ctime: oldest.ctime }
  }

  #refused(error: ZooKeeperError | undefined, what: string): Error {
    if (error?.code === 'NOAUTH') return this.#failures.unauthorised(what)
    return this.#failures.ofLocation(error ?? new ZnodeError('NOREPLY', `no reply to ${what}`))
  }
}

function slowedEvents({ side, emit }: EnsembleSetup): (answerMs: number, usualMs: number) => void {
  let last = Number.NEGATIVE_INFINITY
  return (answerMs, usualMs) => {
    emit({ type: 'survived', side, what: 'throttled', amount: 1 })
    const now = performance.now()
    if (now - last < SAY_SLOWED_MS) return
    last = now
    const rounded = (ms: number) => Math.round(ms * 10) / 10
    emit({ type: 'slowed', side, answerMs: rounded(answerMs), usualMs: rounded(usualMs) })
  }
}

async function leadersOf({ location, side, emit }: EnsembleSetup): Promise<ReadonlySet<string>> {
  const { leaders, known } = await findLeaders(location.hosts, transportOf(location))
  if (known === 0)
    emit({
      type: 'note',
      message: `No server of the ${side} tells whether it leads (the four-letter word srvr is not answered), so --avoid-leader takes any.`,
    })
  return leaders
}
