/** A snapshot's znodes in one pass, for what needs no order: nothing of them is kept. */
import { type AclList, aclList, OPEN_ACL } from '../../tree/acl.ts'
import { type DigestSum, NO_ACL } from '../../tree/digest.ts'
import type { StreamedZnode } from '../../tree/stream.ts'
import type { Data } from '../../tree/znode.ts'
import { Damage } from './damage.ts'
import { type DataFile, hexZxid, type SnapshotFile } from './file-names.ts'
import { LogReader } from './log-reader.ts'
import { kindOf, StatAt } from './persisted-stat.ts'
import { logsAfter } from './replay-logs.ts'
import { OPEN_ACL_ID, type SnapshotNode, SnapshotReader } from './snapshot-reader.ts'

const HIDDEN = Buffer.from('/zookeeper')
const SLASH = 0x2f

/** Whether any transaction lies behind `zxid`; also where that cannot be told. */
export async function hasTransactionsAfter(logs: readonly DataFile[], zxid: bigint): Promise<boolean> {
  for (const file of logsAfter(logs, zxid)) {
    if (file.zxid > zxid || (await goesBeyond(file, zxid))) return true
  }
  return false
}

async function goesBeyond(file: DataFile, zxid: bigint): Promise<boolean> {
  try {
    const log = await LogReader.open(file.path)
    try {
      while (await log.more()) {
        for (let txn = log.next(); txn !== null; txn = log.next()) if (txn.zxid > zxid) return true
      }
      return log.end.how === 'torn'
    } finally {
      await log.close()
    }
  } catch (error) {
    if (error instanceof Damage) return true
    throw error
  }
}

/**
 * The znodes at and below `rootPath`, the root's own `/zookeeper` left out, in the order of the file.
 * Rejects with `Damage` at the end when they were not what was written: what was given before counts for nothing then.
 */
export async function* streamSnapshot(
  file: SnapshotFile,
  rootPath: string,
): AsyncGenerator<Iterable<StreamedZnode>> {
  const reader = await SnapshotReader.open(file.path)
  try {
    const batches = new Batches(reader, rootPath)
    while (await reader.more()) yield batches.batch()
    const { digest, lastProcessedZxid } = reader.trailer
    for (const zxid of [batches.newestZxid, digest?.zxid ?? 0n, lastProcessedZxid ?? 0n]) {
      if (zxid <= file.zxid) continue
      throw new Damage(
        'malformed',
        file.path,
        reader.position,
        `was still being written at zxid ${hexZxid(zxid)}`,
      )
    }
  } finally {
    await reader.close()
  }
}

class Batches {
  newestZxid = 0n
  readonly #reader: SnapshotReader
  /** Without a slash at the end; empty for the whole tree. */
  readonly #root: Buffer
  readonly #acls = new Map<number, AclList>([[OPEN_ACL_ID, OPEN_ACL]])
  readonly #znode: View

  constructor(reader: SnapshotReader, rootPath: string) {
    this.#reader = reader
    this.#root = Buffer.from(rootPath === '/' ? '' : rootPath)
    for (const [id, entries] of reader.acls) this.#acls.set(id, aclList(entries))
    this.#znode = new View(reader.sessions)
  }

  *batch(): Generator<StreamedZnode> {
    for (let node = this.#reader.next(); node !== null; node = this.#reader.next()) {
      const { bytes, pathFrom, pathTo } = node
      const acl = this.#acls.get(node.aclId)
      if (acl === undefined) {
        const what = `holds no tree: ${node.path || '/'} has an ACL that the snapshot does not list`
        throw new Damage('malformed', this.#reader.file, this.#reader.position, what)
      }
      const hidden = isBelow(bytes, pathFrom, pathTo, HIDDEN)
      if (!hidden) this.#watch(bytes, node.statFrom)
      if (this.#root.length === 0 ? hidden : !isBelow(bytes, pathFrom, pathTo, this.#root)) continue
      this.#znode.set(node, pathFrom + this.#root.length, acl)
      yield this.#znode
    }
  }

  #watch(bytes: Buffer, statFrom: number): void {
    for (const field of ZXIDS) {
      // The high half first: usually that alone tells that it is not newer.
      const zxid = bytes.readInt32BE(statFrom + field) * TWO_32 + bytes.readUInt32BE(statFrom + field + 4)
      if (zxid > this.#newest) {
        this.#newest = zxid
        this.newestZxid = bytes.readBigInt64BE(statFrom + field)
      }
    }
  }

  #newest = 0
}

const ZXIDS = [StatAt.czxid, StatAt.mzxid, StatAt.pzxid]
const TWO_32 = 2 ** 32

/** One for all of them: a view of what is in the window. */
class View implements StreamedZnode {
  acl: AclList = OPEN_ACL
  readonly #sessions: ReadonlyMap<bigint, number>
  #node: SnapshotNode | null = null
  #scratch = Buffer.allocUnsafeSlow(4096)
  #pathFrom = 0

  constructor(sessions: ReadonlyMap<bigint, number>) {
    this.#sessions = sessions
  }

  set(node: SnapshotNode, pathFrom: number, acl: AclList): void {
    this.#node = node
    // Without the slash in front.
    this.#pathFrom = Math.min(pathFrom + 1, node.pathTo)
    this.acl = acl
  }

  get path(): string {
    const { bytes, pathTo } = this.#now
    return bytes.toString('utf8', this.#pathFrom, pathTo)
  }

  get depth(): number {
    const { bytes, pathTo } = this.#now
    if (this.#pathFrom === pathTo) return 0
    let depth = 1
    for (let at = this.#pathFrom; at < pathTo; at++) if (bytes[at] === SLASH) depth++
    return depth
  }

  get data(): Data {
    return this.#now.data
  }

  get ephemeral(): boolean {
    const { bytes, statFrom } = this.#now
    const at = statFrom + StatAt.ephemeralOwner
    if (bytes.readInt32BE(at) === 0 && bytes.readInt32BE(at + 4) === 0) return false
    return kindOf(bytes.readBigInt64BE(at), (id) => this.#sessions.has(id)).kind === 'ephemeral'
  }

  addTo(sum: DigestSum, acl: boolean): void {
    const { bytes, pathTo, dataFrom, dataLength } = this.#now
    const entries = acl ? this.acl.canonical : NO_ACL
    // A snapshot has path, length and data just as the digest wants them, one behind the other.
    const end = dataFrom + Math.max(0, dataLength)
    const length = 4 + end - this.#pathFrom + entries.length
    if (length > this.#scratch.length) this.#scratch = Buffer.allocUnsafeSlow(length * 2)
    const scratch = this.#scratch
    scratch.writeUInt32BE(pathTo - this.#pathFrom, 0)
    bytes.copy(scratch, 4, this.#pathFrom, end)
    scratch.set(entries, length - entries.length)
    sum.addEncoded(scratch.subarray(0, length))
  }

  get #now(): SnapshotNode {
    return this.#node as SnapshotNode
  }
}

/** At or below it. */
function isBelow(bytes: Buffer, from: number, to: number, root: Buffer): boolean {
  const length = root.length
  if (to - from < length || (to - from > length && bytes[from + length] !== SLASH)) return false
  for (let at = 0; at < length; at++) if (bytes[from + at] !== root[at]) return false
  return true
}
