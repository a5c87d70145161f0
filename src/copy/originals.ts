/**
 * The source's ephemerals while they are held: which there are, and what they hold. The directories in which one was
 * ever seen are read about once a second; a walk through the whole tree, now and then, finds new directories.
 */
import { type AclList, OPEN_ACL } from '../tree/acl.ts'
import {
  type DataReply,
  type ListReply,
  type StatReply,
  type TreeSource,
  ZnodeError,
} from '../tree/contracts.ts'
import { type MarchOptions, march } from '../tree/march.ts'
import { isEphemeral } from '../tree/pairs.ts'
import { childPath, parentPath } from '../tree/path.ts'
import type { Data, Stat } from '../tree/znode.ts'

/** Reading takes a small part of the time, however large the tree. */
const LOOK_SHARE = 1 / 4
const WALK_SHARE = 1 / 20
const WALK_LEAST_MS = 1_000

export interface Original {
  data: Data
  acl: AclList
  /** Another one means that it has changed. */
  state: string
}

export class Originals {
  /** By path. What cannot be read any more stays as it was read last: only what is surely gone leaves. */
  readonly wanted = new Map<string, Original>()
  readonly unreadable = new Map<string, ZnodeError>()
  readonly #source: TreeSource
  readonly #options: MarchOptions
  readonly #keepsAcl: boolean
  /** Directories to look at, with the names in them that are persistent. */
  readonly #directories = new Map<string, Set<string>>()
  /** The root itself is an ephemeral. */
  #root = false
  /** No later read may show an older state than this zxid's. */
  #newest = 0n
  #nextLook = 0
  #nextWalk = 0
  #walking: Promise<void> | null = null
  #walked = false

  constructor(source: TreeSource, options: MarchOptions) {
    this.#source = source
    this.#keepsAcl = options.acl
    this.#options = { ...options, acl: true, data: false, descendTargetOnly: false }
  }

  /** Brings `wanted` up to date, unless that was done a moment ago. @throws LocationProblem */
  async look(): Promise<void> {
    this.#walk()
    if (!this.#walked) await this.#walking
    const begun = performance.now()
    if (this.#options.signal.aborted || begun < this.#nextLook) return
    await this.#read()
    const ended = performance.now()
    this.#nextLook = ended + (ended - begun) / LOOK_SHARE
  }

  /** Walks beside the looks. One that fails is heard of at the next look, which meets the same source. */
  #walk(): void {
    if (this.#walking !== null || performance.now() < this.#nextWalk) return
    const begun = performance.now()
    this.#walking = this.#findDirectories().finally(() => {
      const ended = performance.now()
      this.#nextWalk = ended + Math.max(WALK_LEAST_MS, (ended - begun) / WALK_SHARE)
      this.#walking = null
    })
    this.#walking.catch(() => {})
  }

  async #findDirectories(): Promise<void> {
    const hand = {
      pairs: async (pairs: readonly { path: string; counted: boolean; source: { stat: Stat } | null }[]) => {
        for (const { path, counted, source } of pairs) {
          if (!counted || source === null || !isEphemeral(source.stat)) continue
          const directory = parentPath(path)
          if (directory === null) this.#root = true
          else if (!this.#directories.has(directory)) this.#directories.set(directory, new Set())
          // What became an ephemeral is no persistent znode any more.
          else this.#directories.get(directory)?.delete(path.slice(path.lastIndexOf('/') + 1))
        }
      },
      // What cannot be listed now may be at the next walk; what is held from there is looked at by its path.
      unlisted: () => {},
    }
    const whole = await march(this.#source, this.#source, hand, this.#options, {
      from: 'root',
      target: false,
    })
    this.#walked ||= whole
  }

  async #read(): Promise<void> {
    const candidates = await this.#listed()
    if (this.#root) candidates.add('')
    // What is not listed any more is looked at on its own before it counts as gone.
    for (const path of this.wanted.keys()) candidates.add(path)
    for (const path of this.unreadable.keys()) candidates.add(path)
    const paths = [...candidates]
    const lane = this.#source.lane(this.#newest)
    const stats = await lane.stat(paths)
    const changed: { path: string; read: StatReply }[] = []
    for (const [at, path] of paths.entries()) {
      const reply = stats[at] as StatReply | ZnodeError
      if (this.#isChanged(path, reply)) changed.push({ path, read: reply as StatReply })
    }
    if (changed.length === 0) return
    const data = await lane.data(
      changed.map(({ path }) => path),
      changed.map(({ read }) => read.stat.dataLength),
    )
    for (const [at, { path, read }] of changed.entries()) {
      this.#take(path, read, data[at] as DataReply | ZnodeError)
    }
  }

  /** Paths in the known directories that are not known to be persistent. */
  async #listed(): Promise<Set<string>> {
    const found = new Set<string>()
    const directories = [...this.#directories.keys()]
    const lists = await this.#source.lane(this.#newest).list(directories)
    for (const [at, directory] of directories.entries()) {
      const reply = lists[at] as ListReply | ZnodeError
      if (reply instanceof ZnodeError) {
        if (reply.gone) this.#directories.delete(directory)
        continue
      }
      this.#saw(reply.zxid)
      const persistent = this.#directories.get(directory) as Set<string>
      const stillThere = new Set<string>()
      for (const name of reply.names) {
        if (persistent.has(name)) stillThere.add(name)
        else {
          const path = childPath(directory, name)
          if (this.#options.filter.judge(path) === 'in') found.add(path)
        }
      }
      this.#directories.set(directory, stillThere)
    }
    return found
  }

  /** Takes in what a Stat tells; true when the data have to be read. */
  #isChanged(path: string, reply: StatReply | ZnodeError): boolean {
    if (reply instanceof ZnodeError) {
      if (reply.gone) this.#forget(path)
      else this.unreadable.set(path, reply)
      return false
    }
    this.#saw(reply.zxid)
    if (!isEphemeral(reply.stat)) {
      this.#forget(path)
      const directory = parentPath(path)
      if (directory !== null) this.#directories.get(directory)?.add(path.slice(path.lastIndexOf('/') + 1))
      return false
    }
    if (this.#keepsAcl && reply.acl.masked) {
      this.unreadable.set(path, MASKED)
      return false
    }
    if (this.wanted.get(path)?.state !== stateOf(reply.stat)) return true
    this.unreadable.delete(path)
    return false
  }

  #take(path: string, { stat, acl }: StatReply, reply: DataReply | ZnodeError): void {
    if (reply instanceof ZnodeError) {
      if (reply.gone) this.#forget(path)
      else this.unreadable.set(path, reply)
      return
    }
    // The ACL that was read belongs to another state than the data: the next look reads both again.
    if (reply.stat.czxid !== stat.czxid || reply.stat.aversion !== stat.aversion) return
    this.unreadable.delete(path)
    this.wanted.set(path, {
      // A copy: what was read is a view of a larger frame.
      data: reply.data === null ? null : Buffer.from(reply.data),
      acl: this.#keepsAcl ? acl : OPEN_ACL,
      state: stateOf(reply.stat),
    })
  }

  #forget(path: string): void {
    this.wanted.delete(path)
    this.unreadable.delete(path)
  }

  #saw(zxid: bigint): void {
    if (zxid > this.#newest) this.#newest = zxid
  }
}

function stateOf({ czxid, mzxid, aversion }: Stat): string {
  return `${czxid} ${mzxid} ${aversion}`
}

const MASKED = new ZnodeError(
  'MASKED',
  'the server shows this ACL masked (user:x), so it cannot be kept; an identity with ADMIN on this znode, or a super user, would see it',
)
