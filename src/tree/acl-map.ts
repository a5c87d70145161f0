/** `--acl-map`: identities that are others on the target. The source is read as if they had been so all along. */
import { type AclList, aclList } from './acl.ts'
import type { ListReply, RootIdentity, StatReply, TreeReader, TreeSource } from './contracts.ts'
import { ZnodeError } from './contracts.ts'
import type { Quota, QuotaReader } from './quota.ts'

/** `scheme:id` on both sides. */
export type AclMapping = readonly [from: string, to: string]

export class AclMap {
  /** Sorted: what a map says does not depend on the order of its lines. */
  readonly mappings: readonly AclMapping[]
  readonly #to: ReadonlyMap<string, string>
  readonly #known = new WeakMap<AclList, AclList>()

  constructor(mappings: readonly AclMapping[]) {
    this.mappings = [...mappings].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
    this.#to = new Map(mappings)
  }

  /** A masked list stays as it is: what it hides is not known, so it cannot be mapped either. */
  apply(list: AclList): AclList {
    if (list.masked) return list
    const known = this.#known.get(list)
    if (known !== undefined) return known
    const mapped = this.#map(list)
    this.#known.set(list, mapped)
    return mapped
  }

  #map(list: AclList): AclList {
    if (!list.entries.some((entry) => this.#to.has(keyOf(entry.scheme, entry.id)))) return list
    const entries = list.entries.map((entry) => {
      const to = this.#to.get(keyOf(entry.scheme, entry.id))
      if (to === undefined) return entry
      const colon = to.indexOf(':')
      return { perms: entry.perms, scheme: to.slice(0, colon), id: Buffer.from(to.slice(colon + 1)) }
    })
    // Two that have become one: a server keeps an entry once.
    const once = new Map(entries.map((entry) => [`${entry.perms} ${keyOf(entry.scheme, entry.id)}`, entry]))
    return aclList([...once.values()])
  }
}

/** The map on record in a journal; null where there is none. */
export function restoreAclMap(stored: unknown): AclMap | null {
  if (!Array.isArray(stored)) return null
  return new AclMap(stored.map(([from, to]: [unknown, unknown]): AclMapping => [String(from), String(to)]))
}

export function withAclMap(source: TreeSource, map: AclMap | null): TreeSource {
  return map === null ? source : new MappedSource(source, map)
}

class MappedSource implements TreeSource {
  readonly #source: TreeSource
  readonly #map: AclMap

  constructor(source: TreeSource, map: AclMap) {
    this.#source = source
    this.#map = map
  }

  get side() {
    return this.#source.side
  }

  get name(): string {
    return this.#source.name
  }

  get rootPath(): string {
    return this.#source.rootPath
  }

  get sessionsOpened(): number {
    return this.#source.sessionsOpened
  }

  get reconnects(): number {
    return this.#source.reconnects
  }

  get groups(): number {
    return this.#source.groups
  }

  get throttled(): number {
    return this.#source.throttled
  }

  get losses(): readonly string[] {
    return this.#source.losses ?? []
  }

  get holds(): TreeSource['holds'] {
    return this.#source.holds
  }

  get moment(): string | undefined {
    return this.#source.moment
  }

  get lacksAcls(): boolean {
    return this.#source.lacksAcls === true
  }

  get quotas(): QuotaReader | undefined {
    const { quotas } = this.#source
    if (quotas === undefined) return undefined
    const mapped = (quota: Quota): Quota => ({ ...quota, acl: this.#map.apply(quota.acl) })
    return {
      list: async () => (await quotas.list()).map((one) => ('error' in one ? one : mapped(one))),
      read: async (path) => {
        const one = await quotas.read(path)
        return one === null || one instanceof ZnodeError ? one : mapped(one)
      },
    }
  }

  identity(): Promise<RootIdentity | null> {
    return this.#source.identity()
  }

  position(): Promise<bigint> {
    return this.#source.position()
  }

  lane(after: bigint): TreeReader {
    const lane = this.#source.lane(after)
    return {
      list: (paths): Promise<(ListReply | ZnodeError)[]> => lane.list(paths),
      stat: async (paths) => (await lane.stat(paths)).map((reply) => this.#mapped(reply)),
      data: (paths, sizes) => lane.data(paths, sizes),
    }
  }

  close(): Promise<void> {
    return this.#source.close()
  }

  #mapped(reply: StatReply | ZnodeError): StatReply | ZnodeError {
    if (reply instanceof ZnodeError) return reply
    const acl = this.#map.apply(reply.acl)
    return acl === reply.acl ? reply : { ...reply, acl }
  }
}

/** Ids are bytes: what is no UTF-8 equals no text. */
function keyOf(scheme: string, id: Buffer): string {
  const text = id.toString()
  return text.includes('\ufffd') ? '' : `${scheme}:${text}`
}
