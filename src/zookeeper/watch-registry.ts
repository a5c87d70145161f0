/** The watches that a session has left on servers, to be set again wherever it moves. */

import { Opcode, type WatchKind, Xid } from './operations/operation.ts'
import {
  type AddWatchMode,
  type WatchEvent,
  type WatchPaths,
  writeSetWatches,
  writeSetWatches2,
} from './operations/watches.ts'
import { encode } from './wire/writer.ts'

/** Well under a server's jute.maxbuffer. */
const BATCH_BYTES = 128 * 1024

type Kind = keyof WatchPaths

export class WatchRegistry {
  readonly #paths: Record<Kind, Set<string>> = {
    data: new Set(),
    exist: new Set(),
    child: new Set(),
    persistent: new Set(),
    recursive: new Set(),
  }

  /** A request that asks for a one-shot watch was answered. @param missing with NONODE */
  left(kind: WatchKind, path: string, missing: boolean): void {
    if (kind === 'exists') this.#paths[missing ? 'exist' : 'data'].add(path)
    else if (!missing) this.#paths[kind].add(path)
  }

  added(path: string, mode: AddWatchMode): void {
    this.#paths[mode === 'persistent' ? 'persistent' : 'recursive'].add(path)
  }

  /** One-shot watches are used up by their event. */
  fired({ type, path }: WatchEvent): void {
    const { data, exist, child, persistent, recursive } = this.#paths
    if (type === 'created' || type === 'dataChanged' || type === 'deleted') {
      data.delete(path)
      exist.delete(path)
    }
    if (type === 'childrenChanged' || type === 'deleted') child.delete(path)
    if (type === 'persistentWatchRemoved') {
      persistent.delete(path)
      recursive.delete(path)
    }
  }

  /** Frames that set all of them again, none of them above 128 KiB by much. */
  frames(relativeZxid: bigint): Buffer[] {
    return this.#batches().map((batch) => setWatchesFrame(relativeZxid, batch))
  }

  #batches(): WatchPaths[] {
    const batches: WatchPaths[] = []
    let bytes = Number.POSITIVE_INFINITY
    for (const [kind, paths] of Object.entries(this.#paths) as [Kind, Set<string>][]) {
      for (const path of paths) {
        const size = 4 + Buffer.byteLength(path)
        if (bytes + size > BATCH_BYTES) {
          batches.push({ data: [], exist: [], child: [], persistent: [], recursive: [] })
          bytes = 0
        }
        bytes += size
        batches.at(-1)?.[kind].push(path)
      }
    }
    return batches
  }
}

/** setWatches2 only where it is needed: servers before 3.6 do not know it. */
function setWatchesFrame(relativeZxid: bigint, paths: WatchPaths): Buffer {
  const second = paths.persistent.length > 0 || paths.recursive.length > 0
  return encode((out) => {
    out.beginFrame().int(Xid.setWatches)
    if (second) writeSetWatches2(out.int(Opcode.setWatches2), relativeZxid, paths)
    else writeSetWatches(out.int(Opcode.setWatches), relativeZxid, paths)
    out.endFrame()
  })
}
