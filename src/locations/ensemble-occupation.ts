/**
 * Tells others of our kind that a root is being worked on, and hears of them: an ephemeral znode below `/zookeeper`,
 * which belongs to no application and is in no copy. It is the writing session's, so it goes when that does, however
 * the process ends; a session that takes the place of an expired one makes it anew before it writes.
 *
 * Whoever comes makes its znode first and then looks round: of two that come at once, the later sees the earlier. Who
 * says more later has a new znode, but not a new place in that order: what stood there without a gap is in its data.
 */
import { createHash, randomBytes } from 'node:crypto'
import { readFileSync, readlinkSync } from 'node:fs'
import { hostname, userInfo } from 'node:os'
import type { Work } from '../tree/contracts.ts'
import { OccupiedRefusal } from '../tree/errors.ts'
import { isWithin } from '../tree/path.ts'
import { CreateFlag, type Stat, type ZooKeeperClient, ZooKeeperError } from '../zookeeper/index.ts'
import { type Failures, isLost } from './failures.ts'
import type { SessionKeeper } from './session-keeper.ts'

const FOLDER = '/zookeeper'
const PREFIX = 'zkferry-'
/** Everybody may read it; nobody need change it. */
const ACL = [{ perms: 1, scheme: 'world', id: Buffer.from('anyone') }]
const MOST_LOSSES = 3
/** Of a text that a stranger wrote, in a message. */
const MOST_SHOWN = 80
const CZXID = /^\d{1,19}$/

export interface Occupied {
  session: SessionKeeper
  root: string
  failures: Failures
  /** For messages. */
  place: string
}

interface Found {
  data: Buffer | null
  stat: Stat
}

/** What the znode's data say. */
interface Note {
  root: string
  command: string
  run: string | null
  host: string
  /** What process ids mean something to each other on. */
  machine: string | null
  pid: number
  user: string
  since: string
  /** The czxid of the znode that this one took the place of, in one transaction; `null` when it is the first. */
  first: bigint | null
}

export class EnsembleOccupation {
  readonly #occupied: Occupied
  readonly #name = `${PREFIX}${randomBytes(8).toString('hex')}`
  readonly #since = new Date().toISOString()
  #work: Work | null = null
  /** Of the znode that is there now. */
  #first: bigint | null = null

  constructor(occupied: Occupied) {
    this.#occupied = occupied
  }

  /** @throws OccupiedRefusal, LocationProblem */
  async occupy(work: Work): Promise<string | null> {
    const { session, place } = this.#occupied
    const before = this.#work
    if (before !== null && before.command === work.command && before.run === work.run) return null
    this.#work = work
    session.greet = null
    try {
      const why = await this.#begin(before !== null)
      if (why !== null) {
        this.#work = null
        return `That nobody else works on ${place} could not be made sure: ${why}.`
      }
      session.greet = async (next) => void (await this.#settle(next))
      return null
    } catch (error) {
      this.#work = null
      throw error
    }
  }

  async vacate(): Promise<void> {
    const { session } = this.#occupied
    if (this.#work === null) return
    this.#work = null
    session.greet = null
    // Where it cannot be reached any more, the znode goes with its session.
    const client = await session.client().catch(() => null)
    await client?.delete(this.#path).catch(ignoreServer)
  }

  get #path(): string {
    return `${FOLDER}/${this.#name}`
  }

  #data(first: bigint | null): Buffer {
    const { root } = this.#occupied
    const { command, run } = this.#work ?? { command: '', run: null }
    const note: Omit<Note, 'first'> & { first: string | null } = {
      root,
      command,
      run,
      host: hostname(),
      machine: MACHINE,
      pid: process.pid,
      user: userName(),
      since: this.#since,
      first: first === null ? null : String(first),
    }
    return Buffer.from(JSON.stringify(note))
  }

  async #begin(known: boolean): Promise<string | null> {
    const { session } = this.#occupied
    for (let losses = 0; ; losses++) {
      const client = await session.client()
      try {
        return known ? await this.#say(client) : await this.#settle(client)
      } catch (error) {
        if (!(error instanceof ZooKeeperError)) throw error
        if (!isLost(error) || losses === MOST_LOSSES) throw this.#occupied.failures.ofLocation(error)
        // It has expired, or is being looked for: its keeper finds out, and gives up when nobody ever answers.
        await session.sync()
      }
    }
  }

  /** Puts our znode there and looks round. Resolves to why that cannot be done, or `null`. */
  async #settle(client: ZooKeeperClient): Promise<string | null> {
    for (let losses = 0; ; losses++) {
      try {
        const own = await this.#put(client)
        if (own === null && losses === MOST_LOSSES) return `${this.#path} does not stay as it is made`
        if (own === null) continue
        await this.#lookRound(client, own)
        this.#first = own
        return null
      } catch (error) {
        if (!(error instanceof ZooKeeperError)) throw error
        if (!isLost(error)) return error.message
        if (error.code === 'SESSIONEXPIRED' || losses === MOST_LOSSES) throw error
        await client.attached()
      }
    }
  }

  /** Our znode's place among the others'; `null` when somebody else's stood where it shall. */
  async #put(client: ZooKeeperClient): Promise<bigint | null> {
    await client
      .create(this.#path, this.#data(null), { acl: ACL, flags: CreateFlag.ephemeral })
      .catch((error) => {
        if (!(error instanceof ZooKeeperError) || error.code !== 'NODEEXISTS') throw error
      })
    const own = await readPath(client, this.#path)
    if (own === null) return null
    if (own.stat.ephemeralOwner === client.sessionId) return orderOf(own)
    // Of our own session before this one, which the servers have not ended yet: nobody else has our name.
    await client.delete(this.#path).catch(ignoreServer)
    return null
  }

  async #lookRound(client: ZooKeeperClient, own: bigint): Promise<void> {
    const { children } = await client.getChildren(FOLDER)
    for (const name of children) {
      if (!name.startsWith(PREFIX) || name === this.#name) continue
      const path = `${FOLDER}/${name}`
      const other = await readPath(client, path)
      if (other === null || other.stat.ephemeralOwner === 0n || orderOf(other) > own) continue
      const note = readNote(other.data)
      if (note !== null && !this.#meets(note.root)) continue
      if (note !== null && this.#isOver(note)) await client.delete(path).catch(ignoreServer)
      else {
        await client.delete(this.#path).catch(ignoreServer)
        throw new OccupiedRefusal(this.#describe(path, note))
      }
    }
  }

  #meets(root: string): boolean {
    return isWithin(root, this.#occupied.root) || isWithin(this.#occupied.root, root)
  }

  /** A run that goes on is its own predecessor; and a process that is gone has only left its session behind. */
  #isOver({ run, machine, pid }: Note): boolean {
    if (run !== null && run === this.#work?.run) return true
    return machine !== null && machine === MACHINE && pid !== process.pid && !isAlive(pid)
  }

  /** Says more than before. */
  async #say(client: ZooKeeperClient): Promise<string | null> {
    // Nobody has the right to change it in place, so that nobody can put words into our mouth.
    try {
      await client.multi([
        { op: 'delete', path: this.#path },
        {
          op: 'create',
          path: this.#path,
          data: this.#data(this.#first),
          acl: ACL,
          flags: CreateFlag.ephemeral,
        },
      ])
      return null
    } catch (error) {
      if (!(error instanceof ZooKeeperError)) throw error
      // Whatever became of it: put there again, it says what it should.
      return this.#settle(client)
    }
  }

  #describe(path: string, note: Note | null): string {
    const { place } = this.#occupied
    if (note === null)
      return `Another zkferry is at work on ${place}, or near it, and this version cannot read what it says of itself (${path}); wait for it, or end it.`
    const { root, command, run, host, pid, user, since } = note
    const which = run === null ? '' : `, run ${run}`
    return `Another zkferry is at work on ${place}: ${command} of ${root}${which}, process ${pid} of ${user} on ${host} since ${since}; wait for it, or end it. One that was killed is forgotten when its session times out.`
  }
}

async function readPath(client: ZooKeeperClient, path: string): Promise<Found | null> {
  return client.getData(path).catch((error: unknown) => {
    if (error instanceof ZooKeeperError && error.code === 'NONODE') return null
    throw error
  })
}

/** The lower came first. */
function orderOf({ data, stat }: Found): bigint {
  return readNote(data)?.first ?? stat.czxid
}

function readNote(data: Buffer | null): Note | null {
  try {
    const note = JSON.parse(String(data)) as Record<keyof Note, unknown>
    if (typeof note.root !== 'string' || !note.root.startsWith('/')) return null
    return {
      root: note.root,
      command: shown(note.command),
      run: note.run === null ? null : shown(note.run),
      host: shown(note.host),
      machine: typeof note.machine === 'string' ? note.machine : null,
      pid: Number.isInteger(note.pid) && (note.pid as number) > 0 ? (note.pid as number) : 0,
      user: shown(note.user),
      since: shown(note.since),
      first: typeof note.first === 'string' && CZXID.test(note.first) ? BigInt(note.first) : null,
    }
  } catch {
    return null
  }
}

function shown(value: unknown): string {
  return typeof value === 'string' ? value.slice(0, MOST_SHOWN) : 'unknown'
}

function isAlive(pid: number): boolean {
  // 0 would be our own process group: of one that does not say its number nothing is known.
  if (pid === 0) return true
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH'
  }
}

function userName(): string {
  try {
    return userInfo().username
  } catch {
    // A number without a name, as in many containers.
    return String(process.getuid?.() ?? 'unknown')
  }
}

/** Where process ids are the same: one boot of one kernel, and one namespace. `null` where that cannot be known. */
const MACHINE = machine()

function machine(): string | null {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8')
    return createHash('sha256')
      .update(`${boot} ${readlinkSync('/proc/self/ns/pid')}`)
      .digest('hex')
      .slice(0, 16)
  } catch {
    return null
  }
}

function ignoreServer(error: unknown): void {
  if (!(error instanceof ZooKeeperError)) throw error
}
