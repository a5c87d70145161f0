/** What a `snapshot:` target puts onto the disk: a data directory that a new ensemble boots from. */
import { readdir, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { type KindSupport, type Provenance, ZnodeError } from '../../tree/contracts.ts'
import { UsageProblem } from '../../tree/errors.ts'
import { plural } from '../../tree/plural.ts'
import type { Sealer } from '../stored/staged-target.ts'
import type { Staging } from '../stored/staging.ts'
import type { StoredTree } from '../stored/stored-tree.ts'
import { type Landing, type MemberFolder, VERSION_FOLDER, writeSynced } from './landing.ts'
import { keepsConfig, knowsContainers, knowsTtl, nameFlaw, type ServerVersion } from './server-version.ts'
import { type WrittenTree, writeTree } from './write-tree.ts'

/** What was published, for those who boot it. */
export interface Booting {
  /** That the servers begin with. */
  zxid: bigint
  members: readonly MemberFolder[]
  /** Lines of zoo.cfg, and comments; none for what nobody shall boot. */
  zooCfg: readonly string[]
  /** Folders with what was there before. */
  aside: readonly string[]
  /** What a DBA must know, a sentence each. */
  notes: readonly string[]
}

export interface SnapshotSealerSetup {
  landing: Landing
  /** The copied root. */
  rootPath: string
  version: ServerVersion | null
  /** Opens the snapshot in a folder. */
  readBack(folder: string): Promise<StoredTree>
  published(booting: Booting): void
}

/** A server's limit for one buffer, unless set: it counts when a snapshot is loaded, too. */
const JUTE_MAXBUFFER = 0xfffff
const MOST_EPOCH = 0x7fffffffn
/** Beside the data: what made them. Servers do not look at it. */
const RECORD = 'zkferry.json'

export class SnapshotSealer implements Sealer {
  readonly keepsAncestors = true
  readonly #setup: SnapshotSealerSetup
  #written: WrittenTree | null = null
  #zxid = 0n

  constructor(setup: SnapshotSealerSetup) {
    this.#setup = setup
  }

  get folder(): string {
    return this.#setup.landing.folder
  }

  async seal(staging: Staging): Promise<StoredTree> {
    const { landing, rootPath, version, readBack } = this.#setup
    const directory = await landing.prepare()
    const folder = join(directory, VERSION_FOLDER)
    // The name says how new it is, which only the last znode shows.
    const file = join(folder, 'unnamed')
    this.#written = await writeTree({ staging, file, rootPath, config: keepsConfig(version) })
    this.#zxid = beyond(this.#written.newestZxid)
    await rename(file, join(folder, snapshotName(this.#zxid)))
    return readBack(folder)
  }

  async publish(provenance: Provenance): Promise<void> {
    const { landing, published } = this.#setup
    const written = this.#written as WrittenTree
    const first = landing.prepared
    const folder = join(first, VERSION_FOLDER)
    // Clients that come over from the source's servers must not have seen anything newer.
    const since = beyond(provenance.since)
    if (since > this.#zxid) this.#zxid = since
    const zxid = this.#zxid
    for (const name of await readdir(folder))
      await rename(join(folder, name), join(folder, snapshotName(zxid)))
    await writeSynced(join(first, RECORD), record(provenance, written, zxid))
    const aside = await landing.publish()
    const { members } = landing
    const lacks = provenance.status === 'incomplete'
    const zooCfg = lacks ? [] : [...zooCfgOf(members, written)]
    const notes = [...notesOn(written), ...(lacks ? [lackingNote(members)] : [])]
    published({ zxid, members, zooCfg, aside, notes })
  }

  discard(): Promise<void> {
    return this.#setup.landing.discard()
  }

  supports(kind: 'container' | 'ttl'): KindSupport {
    const { version } = this.#setup
    return (kind === 'container' ? knowsContainers(version) : knowsTtl(version)) ? 'yes' : 'unknown'
  }

  refusal(path: string): ZnodeError | null {
    const flaw = nameFlaw(this.#setup.version, path)
    if (flaw === null) return null
    return new ZnodeError('BADARGUMENTS', `its path ${flaw}: servers from 3.5.5 on let no client near it`)
  }
}

export function snapshotName(zxid: bigint): string {
  return `snapshot.${zxid.toString(16)}`
}

/**
 * The beginning of the next epoch. So nothing that anyone has seen of the source is newer: clients that come over are
 * told that their sessions are over, where they would be turned away for ever; logs that lie about are not replayed;
 * a member without data does not pass for one with the same.
 */
function beyond(zxid: bigint): bigint {
  const epoch = (zxid >> 32n) + 1n
  if (epoch <= 0n || epoch > MOST_EPOCH)
    throw new UsageProblem(
      `The source has a zxid of 0x${BigInt.asUintN(64, zxid).toString(16)}, beyond which there is no epoch for the new ensemble.`,
    )
  return epoch << 32n
}

function* notesOn(written: WrittenTree): Generator<string> {
  const { ttls, emptyContainers, firstEmptyContainer, longest } = written
  if (ttls > 0) {
    const which = plural(ttls, 'znode has a TTL', 'znodes have TTLs')
    yield `${which}: start the servers with -Dzookeeper.extendedTypesEnabled=true, or they take ${ttls === 1 ? 'it for an ephemeral and delete it' : 'them for ephemerals and delete them'}; the time since the last change counts.`
  }
  if (emptyContainers > 0) {
    const which = plural(emptyContainers, 'empty container', 'empty containers')
    const goes = emptyContainers === 1 ? 'goes' : 'go'
    yield `${which} that had children (such as ${firstEmptyContainer}) ${goes} soon after the servers start, as on the source.`
  }
  if (longest > JUTE_MAXBUFFER)
    yield `The longest data are of ${longest} bytes: the servers need -Djute.maxbuffer=${longest} at least to start from them.`
}

/** Not the whole directory: what was set aside is in there, too. */
function lackingNote(members: readonly MemberFolder[]): string {
  const folders = members.map(({ directory }) => join(directory, VERSION_FOLDER))
  const [which, them] =
    folders.length === 1 ? [`${folders[0]} lacks`, 'it'] : [`${folders[0]} to ${folders.at(-1)} lack`, 'them']
  return `${which} what could not be copied: let no server boot from ${them}, and remove ${them} before the next try.`
}

function* zooCfgOf(members: readonly MemberFolder[], { ttls }: WrittenTree): Generator<string> {
  const several = members.length > 1
  for (const { id, directory } of members)
    yield several
      ? `# member ${id}: dataDir=${directory}, or wherever it is moved to`
      : `dataDir=${directory}`
  if (several) yield '# on all of them, with their own hosts:'
  for (const { id } of several ? members : []) yield `server.${id}=HOST${id}:2888:3888`
  yield several ? '# clientPort, initLimit and syncLimit are yours to add' : '# clientPort is yours to add'
  yield '# nobody but its owner can read it: chown -R it to the user that the server runs as'
  yield '# dataLogDir, where there is one, must be empty'
  if (ttls > 0) yield '# for the JVM, because of the TTLs: -Dzookeeper.extendedTypesEnabled=true'
}

function record({ since, ...provenance }: Provenance, { znodes }: WrittenTree, zxid: bigint): string {
  const all = { ...provenance, since: `${since}`, zxid: `${zxid}`, znodes, made: new Date().toISOString() }
  return `${JSON.stringify(all, null, 2)}\n`
}
