/** `datadir:DIR#/path`: what a ZooKeeper server left on disk, as a source. Reads only; no server is needed. */
import { resolve } from 'node:path'
import type { RootIdentity, Side, TreeReader, TreeSource } from '../../tree/contracts.ts'
import { UsageProblem } from '../../tree/errors.ts'
import { StreamBroken, type ZnodeStream } from '../../tree/stream.ts'
import { StoredSource } from '../stored/stored-source.ts'
import { Damage } from './damage.ts'
import { hexZxid, listLogs, listSnapshots, versionFolder } from './file-names.ts'
import { Findings } from './findings.ts'
import { type DatadirFiles, loadTree } from './load.ts'
import { zxidAt } from './moment.ts'
import { StoredDatadir } from './stored-datadir.ts'
import { hasTransactionsAfter, streamSnapshot } from './stream.ts'

export interface DatadirSetup {
  side: Side
  /** As the user wrote it. */
  name: string
  /** A server's dataDir, or the `version-2` in it. */
  directory: string
  /** The same of its dataLogDir, where that is another. */
  logDirectory?: string | null
  /** Absolute in the tree. */
  rootPath: string
  /** The tree as it was after this transaction. @default the newest */
  atZxid?: bigint | null
  /** The tree as it was at this time: milliseconds since the epoch. */
  atTime?: number | null
  /** Take what can be read of damaged files. */
  salvage?: boolean
  /** Compare the tree with the digests that servers from 3.6 on write into their logs. @default true */
  checkDigests?: boolean
  /** What a DBA should know and what is no problem. */
  note: (message: string) => void
}

/**
 * Finds the files, and reads none yet: damage is told by the first read.
 * @throws LocationProblem when there is no such directory, or nothing of a server's in it
 */
export async function openDatadir(setup: DatadirSetup): Promise<DatadirSource> {
  const findings = new Findings(setup.side, setup.salvage === true, setup.note)
  const files = await findFiles(setup, findings)
  return new DatadirSource(setup, files, findings)
}

/** What lies there. The snapshots and logs of `directory`, and the logs of `logDirectory` instead where it is given. */
export async function findFiles(
  { directory, logDirectory = null }: Pick<DatadirSetup, 'directory' | 'logDirectory'>,
  findings: Findings,
): Promise<DatadirFiles> {
  const folder = await versionFolder(directory)
  const logFolder = logDirectory === null ? folder : await versionFolder(logDirectory)
  const [snapshots, logs] = await Promise.all([listing(listSnapshots, folder), listing(listLogs, logFolder)])
  if (snapshots === null) throw findings.problem(`There is no folder ${directory}.`)
  if (logs === null) throw findings.problem(`There is no folder ${logDirectory} (--log-dir).`)
  if (snapshots.length === 0 && logs.length === 0) {
    const where = logDirectory === null ? folder : `${folder} and ${logFolder}`
    throw findings.problem(
      `${where} holds no file snapshot.* or log.*: name a server's dataDir, or the version-2 in it.`,
    )
  }
  if (logs.length === 0) {
    findings.note(
      logDirectory === null
        ? `${folder} holds no logs, only snapshots: where the server had a dataLogDir, name it with --log-dir.`
        : `${logFolder} holds no logs.`,
    )
  }
  return { snapshots, logs }

  async function listing<T>(list: (folder: string) => Promise<T>, of: string): Promise<T> {
    try {
      return await list(of)
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException
      throw findings.problem(`${resolve(of)} cannot be read (${code ?? message}).`, error)
    }
  }
}

export class DatadirSource implements TreeSource, TreeReader {
  readonly side: Side
  readonly name: string
  readonly rootPath: string
  readonly reconnects = 0
  readonly sessionsOpened = 0
  readonly throttled = 0
  readonly groups = 4
  readonly #setup: DatadirSetup
  readonly #files: DatadirFiles
  readonly #findings: Findings
  moment: string | undefined
  #loading: Promise<StoredSource> | null = null

  constructor(setup: DatadirSetup, files: DatadirFiles, findings: Findings) {
    this.side = setup.side
    this.name = setup.name
    this.rootPath = setup.rootPath
    this.#setup = setup
    this.#files = files
    this.#findings = findings
  }

  /** What is lost, known once something was read. */
  get losses(): readonly string[] {
    return this.#findings.losses
  }

  async identity(): Promise<RootIdentity | null> {
    return (await this.#tree()).identity()
  }

  async position(): Promise<bigint> {
    return (await this.#tree()).position()
  }

  lane(): TreeReader {
    return this
  }

  async list(paths: readonly string[]): ReturnType<TreeReader['list']> {
    return (await this.#tree()).list(paths)
  }

  async stat(paths: readonly string[]): ReturnType<TreeReader['stat']> {
    return (await this.#tree()).stat(paths)
  }

  async data(paths: readonly string[]): ReturnType<TreeReader['data']> {
    return (await this.#tree()).data(paths)
  }

  /**
   * The tree in one pass and in no memory worth the name; null where it has to be made from logs first, or the newest
   * state is not what is asked for. Gives nothing when the root does not exist.
   */
  async stream(): Promise<ZnodeStream | null> {
    const { atZxid = null, atTime = null } = this.#setup
    const newest = this.#files.snapshots.at(-1)
    if (this.#loading !== null || newest === undefined || atZxid !== null || atTime !== null) return null
    if (await hasTransactionsAfter(this.#files.logs, newest.zxid)) return null
    return unbroken(streamSnapshot(newest, this.rootPath))
  }

  async close(): Promise<void> {
    await (await this.#loading?.catch(() => null))?.close()
  }

  #tree(): Promise<StoredSource> {
    this.#loading ??= this.#load()
    return this.#loading
  }

  async #load(): Promise<StoredSource> {
    const { atZxid = null, atTime = null, checkDigests = true } = this.#setup
    const at = atTime === null ? atZxid : await zxidAt(this.#files.logs, atTime, this.#findings)
    const { tree, zxid, more } = await loadTree(this.#files, { at, checkDigests }, this.#findings)
    if (at !== null && zxid < at && !more && this.losses.length === 0) {
      tree.close()
      throw new UsageProblem(
        `--at-zxid ${hexZxid(at)} lies ahead: the newest zxid in ${this.name} is ${hexZxid(zxid)}.`,
      )
    }
    this.moment = `zxid ${hexZxid(zxid)}`
    if (at !== null) this.#findings.note(`The tree is read as it was after zxid ${hexZxid(zxid)}.`)
    const stored = new StoredDatadir(tree, zxid, this.#findings.losses)
    return new StoredSource({ side: this.side, name: this.name, rootPath: this.rootPath, tree: stored })
  }
}

async function* unbroken(stream: ZnodeStream): ZnodeStream & AsyncGenerator {
  try {
    yield* stream
  } catch (error) {
    if (!(error instanceof Damage)) throw error
    throw new StreamBroken(error.message, { cause: error })
  }
}
