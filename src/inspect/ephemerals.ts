/**
 * Which ephemerals a session has, for logs that do not tell which go with it: those of before 3.6. From the snapshot
 * at the logs' beginning, and from the logs.
 */
import type { SnapshotFile } from '../locations/datadir/file-names.ts'
import { kindOf, StatAt } from '../locations/datadir/persisted-stat.ts'
import { SnapshotReader } from '../locations/datadir/snapshot-reader.ts'

export class Ephemerals {
  readonly #bySession = new Map<bigint, Set<string>>()
  readonly #owners = new Map<string, bigint>()
  readonly #wanted: (path: string) => boolean

  /** `wanted`: others are not kept. */
  constructor(wanted: (path: string) => boolean) {
    this.#wanted = wanted
  }

  /** Those that a snapshot holds and that are older than `before`. Rejects with `Damage`. */
  async load(file: SnapshotFile, before: bigint): Promise<void> {
    const reader = await SnapshotReader.open(file.path)
    try {
      const isSession = (id: bigint) => reader.sessions.has(id)
      while (await reader.more()) {
        for (let node = reader.next(); node !== null; node = reader.next()) {
          const owner = node.ephemeralOwner
          if (owner === 0n || kindOf(owner, isSession).kind !== 'ephemeral') continue
          if (node.bytes.readBigInt64BE(node.statFrom + StatAt.czxid) < before) this.add(owner, node.path)
        }
      }
    } finally {
      await reader.close()
    }
  }

  add(session: bigint, path: string): void {
    if (!this.#wanted(path)) return
    this.#owners.set(path, session)
    const own = this.#bySession.get(session)
    if (own === undefined) this.#bySession.set(session, new Set([path]))
    else own.add(path)
  }

  remove(path: string): void {
    const session = this.#owners.get(path)
    if (session === undefined) return
    this.#owners.delete(path)
    this.#bySession.get(session)?.delete(path)
  }

  /** What goes with a session, sorted. */
  end(session: bigint): string[] {
    const paths = [...(this.#bySession.get(session) ?? [])].sort()
    this.#bySession.delete(session)
    for (const path of paths) this.#owners.delete(path)
    return paths
  }
}
