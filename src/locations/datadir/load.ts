/**
 * Makes the tree of a data directory at one moment: the newest snapshot that is sound, and the logs behind it.
 * Servers fall back to older snapshots in the same way, but do not look whether the logs make up for it.
 */
import { Damage } from './damage.ts'
import { FileStore, MemoryStore } from './data-stores.ts'
import { type DataFile, hexZxid, type SnapshotFile } from './file-names.ts'
import type { Findings } from './findings.ts'
import { LoadedTree, SnapshotFiller } from './loaded-tree.ts'
import { LogReader } from './log-reader.ts'
import { Replay } from './replay.ts'
import { isSuccessor, logsAfter, type Replayed, replayLogs, sentenceOf } from './replay-logs.ts'
import { SnapshotReader, type SnapshotTrailer } from './snapshot-reader.ts'
import { DIGEST_VERSION } from './tree-digest.ts'
import { NONE } from './znode-table.ts'

export interface DatadirFiles {
  /** Both by zxid, the oldest first. */
  snapshots: SnapshotFile[]
  logs: DataFile[]
}

export interface LoadOptions {
  /** The tree as it was after this zxid; null for the newest. */
  at: bigint | null
  /** Compare the tree's digest with those in the logs, where there are any. */
  checkDigests: boolean
}

export interface LoadResult {
  tree: LoadedTree
  /** The state is the one after this transaction. */
  zxid: bigint
  /** The snapshot that it was made from; null for a history that is whole in the logs. */
  snapshot: SnapshotFile | null
  /** The logs go on behind it. */
  more: boolean
  /** Digests of the logs that were compared, and equal. */
  digestsChecked: number
}

/** A snapshot that cannot be used, and why. */
interface Rejected {
  file: SnapshotFile
  why: 'damaged' | 'newer-inside' | 'perhaps-newer-inside'
  sentence: string
  cause?: Damage
}

export function loadTree(files: DatadirFiles, options: LoadOptions, findings: Findings): Promise<LoadResult> {
  return new Loading(files, options, findings).run()
}

class Loading {
  readonly #files: DatadirFiles
  readonly #options: LoadOptions
  readonly #findings: Findings
  readonly #rejected: Rejected[] = []

  constructor(files: DatadirFiles, options: LoadOptions, findings: Findings) {
    this.#files = files
    this.#options = options
    this.#findings = findings
  }

  async run(): Promise<LoadResult> {
    const { at } = this.#options
    const usable = this.#files.snapshots.filter(({ zxid }) => at === null || zxid <= at).reverse()
    for (const file of usable) {
      const result = await this.#from(file, false)
      if (result !== null) return result
    }
    return (await this.#whatIsLeft()) ?? (await this.#fromNothing()) ?? this.#giveUp()
  }

  /** The second best: with a loss, that is only with salvage. */
  async #whatIsLeft(): Promise<LoadResult | null> {
    const unsure = this.#rejected.find(({ why }) => why === 'perhaps-newer-inside')
    if (unsure !== undefined) {
      this.#findings.lose(unsure.sentence)
      return this.#from(unsure.file, true)
    }
    if (!this.#findings.salvages) return null
    for (const { file, why } of [...this.#rejected]) {
      const result = why === 'damaged' ? await this.#from(file, true) : null
      if (result !== null) return result
    }
    return null
  }

  async #from(file: SnapshotFile, salvage: boolean): Promise<LoadResult | null> {
    const tree = new LoadedTree(await this.#wantsDigests(file.zxid))
    try {
      const snapshot = await this.#fill(tree, file, salvage)
      const result = snapshot === null ? null : await this.#goOn(tree, file, snapshot, salvage)
      if (result === null) tree.close()
      return result
    } catch (error) {
      tree.close()
      throw error
    }
  }

  /** Null when the snapshot is damaged; with `salvage` only when nothing of it can be read. */
  async #fill(tree: LoadedTree, file: SnapshotFile, salvage: boolean): Promise<Filled | null> {
    try {
      const skip = salvage ? { count: 0, first: '' } : null
      const filled = await fill(tree, file, skip)
      if (skip !== null && skip.count > 0) {
        this.#findings.lose(
          `${file.name} holds ${skip.count} znodes that fit into no tree (${skip.first}); they are lost.`,
        )
      }
      return filled
    } catch (error) {
      if (!(error instanceof Damage)) throw error
      if (!salvage) {
        this.#rejected.push({ file, why: 'damaged', sentence: `${sentenceOf(error)}.`, cause: error })
        return null
      }
      if (tree.table.size === 0) return null
      const whole = error.kind === 'checksum'
      this.#findings.lose(
        `${sentenceOf(error)}; ${tree.table.size} znodes of it were read, ${whole ? 'and any of them may be wrong' : 'those after them are lost, and no checksum covers what was read'}.`,
      )
      return { newestZxid: file.zxid, trailer: null }
    }
  }

  async #goOn(
    tree: LoadedTree,
    file: SnapshotFile,
    filled: Filled,
    salvage: boolean,
  ): Promise<LoadResult | null> {
    const { at } = this.#options
    const { trailer } = filled
    const blurredTo = max(
      filled.newestZxid,
      trailer?.digest?.zxid ?? 0n,
      trailer?.lastProcessedZxid ?? 0n,
      file.zxid,
    )
    if (at !== null && blurredTo > at && !salvage) {
      const sentence = `${file.name} was still being written at zxid ${hexZxid(blurredTo)}, so it does not tell what was at ${hexZxid(at)}.`
      this.#rejected.push({ file, why: 'newer-inside', sentence })
      return null
    }
    if (!salvage && blurredTo === file.zxid && !isDigest(tree, trailer, file.zxid)) {
      const sentence = `${file.name} holds a tree that is not the one whose digest the server wrote down.`
      this.#rejected.push({ file, why: 'damaged', sentence })
      return null
    }
    // What is left of a damaged snapshot fits no transaction for sure.
    const blurred = filled.trailer === null ? blurredTo + 0xffffffffffffn : blurredTo
    const replay = new Replay(tree, { blurredTo: blurred, compares: trailer?.digest != null })
    const span = { from: file.zxid, to: at }
    const replayed = await replayLogs(tree, replay, this.#files.logs, span, this.#findings)
    if (replay.unknownEncoding) this.#findings.note(UNKNOWN_ENCODING)
    if (!salvage && !this.#isFinished(file, filled, replayed)) return null
    this.#check(file.name, replayed, blurredTo)
    if (!salvage) this.#tellRejected(file.name)
    const more = replayed.stoppedBefore !== null
    return { tree, zxid: replayed.zxid, snapshot: file, more, digestsChecked: replay.checked }
  }

  /**
   * Whether the snapshot was complete before the moment that is asked for. From 3.6 on it says so itself; before,
   * deletions and ACL changes after that moment may be in it without a trace.
   */
  #isFinished(file: SnapshotFile, { trailer }: Filled, { stoppedBefore }: Replayed): boolean {
    const { at } = this.#options
    if (
      at === null ||
      stoppedBefore === null ||
      file.zxid === 0n ||
      trailer?.digest ||
      trailer?.lastProcessedZxid != null
    )
      return true
    // A server writes one snapshot at a time.
    if (this.#files.snapshots.some(({ zxid }) => zxid > file.zxid && zxid <= at)) return true
    if (Number(stoppedBefore.time) > file.changedAt + CLOCKS_MS) return true
    const sentence = `It cannot be told whether ${file.name} was complete at zxid ${hexZxid(at)}: it may lack what was deleted, and have ACLs that were set, a little later.`
    this.#rejected.push({ file, why: 'perhaps-newer-inside', sentence })
    return false
  }

  /** The logs must have reached everything that is known to have been there. */
  #check(from: string, replayed: Replayed, blurredTo: bigint): void {
    const { at } = this.#options
    if (replayed.broken) return
    const reached = replayed.stoppedBefore === null ? replayed.zxid : (at ?? replayed.zxid)
    if (blurredTo > reached) {
      this.#findings.lose(
        `${from} was written while the tree changed, up to zxid ${hexZxid(blurredTo)}, and the logs end at ${hexZxid(replayed.zxid)}: without the rest it is a tree that never was.`,
      )
    }
    for (const { file, why } of this.#rejected) {
      if (why !== 'damaged' || file.zxid <= reached) continue
      this.#findings.lose(
        `${file.name} cannot be used, and the logs end before it, at zxid ${hexZxid(replayed.zxid)}: what happened up to ${hexZxid(file.zxid)} is lost.`,
      )
    }
  }

  #tellRejected(used: string): void {
    for (const { why, sentence } of this.#rejected) {
      if (why === 'damaged') {
        this.#findings.note(`${sentence} ${used} and the logs after it were read instead, as a server would.`)
      }
    }
  }

  /** The logs alone, when they go back to the beginning. */
  async #fromNothing(): Promise<LoadResult | null> {
    const first = this.#files.logs[0]
    if (first === undefined || !isSuccessor(0n, first.zxid) || first.zxid > FIRST_OF_EPOCH_ONE) return null
    const tree = new LoadedTree(false)
    for (const path of ['', '/zookeeper', '/zookeeper/config', '/zookeeper/quota']) addEmpty(tree, path)
    try {
      const replay = new Replay(tree, { blurredTo: 0n, compares: false })
      const span = { from: 0n, to: this.#options.at }
      const replayed = await replayLogs(tree, replay, this.#files.logs, span, this.#findings)
      this.#check('The first log', replayed, 0n)
      for (const { sentence } of this.#rejected) this.#findings.note(sentence)
      this.#findings.note(
        'There is no snapshot to begin with; the logs begin with the first transaction, so they tell all.',
      )
      return {
        tree,
        zxid: replayed.zxid,
        snapshot: null,
        more: replayed.stoppedBefore !== null,
        digestsChecked: 0,
      }
    } catch (error) {
      tree.close()
      throw error
    }
  }

  #giveUp(): never {
    const { at } = this.#options
    const { snapshots } = this.#files
    const reasons = this.#rejected.map(({ sentence }) => sentence).join(' ')
    const cause = this.#rejected[0]?.cause
    if (this.#rejected.length === 0 && at !== null && snapshots.length > 0) {
      const oldest = snapshots[0] as SnapshotFile
      throw this.#findings.problem(
        `Zxid ${hexZxid(at)} lies before the oldest snapshot, ${oldest.name}: no older state can be made.`,
      )
    }
    const none =
      'There is no snapshot that can be used, and the logs do not go back to the first transaction.'
    const left = this.#rejected.some(({ why }) => why === 'damaged') && !this.#findings.salvages
    const hint = left ? ' With --salvage what can be read is taken.' : ''
    throw this.#findings.problem(`${reasons === '' ? none : reasons}${hint}`, cause)
  }

  /** Whether a log behind the snapshot carries digests: only then are they worth their cost. */
  async #wantsDigests(after: bigint): Promise<boolean> {
    if (!this.#options.checkDigests) return false
    for (const file of logsAfter(this.#files.logs, after)) {
      try {
        if (await carriesDigests(file)) return true
      } catch (error) {
        if (!(error instanceof Damage)) throw error
      }
    }
    return false
  }
}

/** How far the clocks of a leader and of the server that wrote a file may differ. */
const CLOCKS_MS = 2000
const FIRST_OF_EPOCH_ONE = 0x100000001n

interface Filled {
  newestZxid: bigint
  trailer: SnapshotTrailer | null
}

const UNKNOWN_ENCODING =
  'Some paths are no ASCII, and the digests in the logs fit them in no character set that is known here, so the tree was not compared with them.'

/** False when the snapshot's own digest is of another tree. Zxid 0 stands for none: the server had done nothing yet. */
function isDigest({ digest }: LoadedTree, trailer: SnapshotTrailer | null, zxid: bigint): boolean {
  const own = trailer?.digest
  if (digest === null || own?.version !== DIGEST_VERSION || zxid === 0n || own.zxid !== zxid) return true
  if (digest.is(own.value)) return true
  // A character set of the server's that we do not know makes another digest of such paths.
  return digest.dependsOnEncoding
}

/** @param skip counts znodes that cannot be taken; null where they make the snapshot unusable */
async function fill(
  tree: LoadedTree,
  file: SnapshotFile,
  skip: { count: number; first: string } | null,
): Promise<Filled> {
  const reader = await SnapshotReader.open(file.path)
  try {
    const memory = file.compression === 'none' ? null : new MemoryStore()
    const store = tree.addStore(memory ?? new FileStore(file.path))
    const filler = new SnapshotFiller(tree, reader, store, memory && ((data) => memory.keep(data)))
    while (await reader.more()) {
      for (let node = reader.next(); node !== null; node = reader.next()) {
        const wrong = filler.add(node)
        if (wrong === null) continue
        if (skip === null) {
          throw new Damage('malformed', file.path, reader.position, `holds no tree: ${wrong}`)
        }
        if (skip.count++ === 0) skip.first = wrong
      }
    }
    return { newestZxid: filler.newestZxid, trailer: reader.trailer }
  } finally {
    await reader.close()
  }
}

async function carriesDigests(file: DataFile): Promise<boolean> {
  const log = await LogReader.open(file.path)
  try {
    return (await log.more()) && log.next()?.decode().digest != null
  } finally {
    await log.close()
  }
}

/** As a server makes it before its first transaction. */
function addEmpty(tree: LoadedTree, path: string): void {
  const { table } = tree
  const parent = path === '' ? NONE : table.find(path.slice(0, path.lastIndexOf('/')))
  const id = table.addNamed(parent, path.slice(path.lastIndexOf('/') + 1))
  table.acl[id] = 0
  table.dataLength[id] = 0
  table.statBytes(id).fill(0, table.statAt(id), table.statAt(id) + 60)
}

function max(...zxids: bigint[]): bigint {
  let most = 0n
  for (const zxid of zxids) if (zxid > most) most = zxid
  return most
}
