/**
 * Where a data directory is made, and how it takes its place: everything is written into a hidden folder on the same
 * disk, and renamed when it is whole and synced. What was there is never touched without being told to.
 */
import { randomBytes } from 'node:crypto'
import { constants, existsSync, mkdirSync } from 'node:fs'
import { copyFile, mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { SafetyRefusal, UsageProblem } from '../../tree/errors.ts'
import { refuseRunning } from './running-server.ts'

export const VERSION_FOLDER = 'version-2'
const MYID = 'myid'
/** Data, and digests of passwords: for their owner alone, whatever the umask says. */
const PRIVATE_FOLDER = 0o700
export const PRIVATE_FILE = 0o600

export interface LandingSetup {
  /** Absolute. */
  directory: string
  /** As the user wrote it. */
  name: string
  /** Members that get a folder each in the directory, from 1 on; `null`: the directory is one server's. */
  members: number | null
  /** Whether data that are there may be set aside. */
  force: boolean
}

/** A server's future `dataDir`. */
export interface MemberFolder {
  /** `null` where there is one server. */
  id: number | null
  directory: string
}

export class Landing {
  readonly members: readonly MemberFolder[]
  readonly #setup: LandingSetup
  readonly #exists: boolean
  readonly #hidden: string

  private constructor(setup: LandingSetup, exists: boolean) {
    const { directory, members } = setup
    this.#setup = setup
    this.#exists = exists
    // A directory that is there may be a disk of its own.
    this.#hidden = join(exists ? directory : dirname(directory), `.zkferry-${randomBytes(6).toString('hex')}`)
    this.members =
      members === null
        ? [{ id: null, directory }]
        : Array.from({ length: members }, (_, at) => ({
            id: at + 1,
            directory: join(directory, `${at + 1}`),
          }))
  }

  /** Looks, and touches nothing. @throws UsageProblem, SafetyRefusal */
  static async at(setup: LandingSetup): Promise<Landing> {
    const { directory, name } = setup
    const found = await stat(directory).catch(() => null)
    if (found !== null && !found.isDirectory())
      throw new UsageProblem(`${directory}, which ${name} names, is a file; name a folder.`)
    if (found === null && !(await stat(dirname(directory)).catch(() => null))?.isDirectory())
      throw new UsageProblem(
        `${dirname(directory)}, in which ${name} is to be made, does not exist; make it first.`,
      )
    const landing = new Landing(setup, found !== null)
    await landing.#refuseData()
    return landing
  }

  /** Made at the first call; nobody else can look into it. */
  get folder(): string {
    mkdirSync(this.#hidden, { recursive: true, mode: PRIVATE_FOLDER })
    return this.#hidden
  }

  /** The first server's folder while it is hidden. */
  get prepared(): string {
    return this.#hiddenFolder(this.members[0] as MemberFolder)
  }

  /** An empty `prepared`. */
  async prepare(): Promise<string> {
    await rm(this.#hiddenRoot, { recursive: true, force: true })
    await mkdir(join(this.folder, 'new'), { mode: PRIVATE_FOLDER })
    await mkdir(join(this.prepared, VERSION_FOLDER), { recursive: true, mode: PRIVATE_FOLDER })
    return this.prepared
  }

  /** Gives every member what is in `prepared`, synced, under its own name. Returns what was set aside. */
  async publish(): Promise<string[]> {
    const [first, ...others] = this.members as [MemberFolder, ...MemberFolder[]]
    for (const member of others) await this.#copy(this.#hiddenFolder(first), this.#hiddenFolder(member))
    for (const member of this.members) {
      const folder = this.#hiddenFolder(member)
      if (member.id !== null) await writeSynced(join(folder, MYID), `${member.id}\n`)
      await syncFolder(join(folder, VERSION_FOLDER))
      await syncFolder(folder)
    }
    // It may have taken hours to come here.
    await this.#refuseData()
    const { directory } = this.#setup
    const aside: string[] = []
    if (!this.#exists) {
      await rename(this.#hiddenRoot, directory)
      await syncFolder(dirname(directory))
      return aside
    }
    for (const member of this.members) aside.push(...(await this.#land(member)))
    await syncFolder(directory)
    return aside
  }

  async discard(): Promise<void> {
    await rm(this.#hidden, { recursive: true, force: true })
  }

  get #hiddenRoot(): string {
    return join(this.#hidden, 'new')
  }

  #hiddenFolder({ id }: MemberFolder): string {
    return id === null ? this.#hiddenRoot : join(this.#hiddenRoot, `${id}`)
  }

  async #copy(from: string, to: string): Promise<void> {
    await mkdir(to, { mode: PRIVATE_FOLDER })
    for (const entry of await readdir(from, { withFileTypes: true })) {
      if (entry.isDirectory()) await this.#copy(join(from, entry.name), join(to, entry.name))
      else {
        const file = join(to, entry.name)
        // A server overwrites its snapshot in place, so that no two may share one.
        await copyFile(join(from, entry.name), file, constants.COPYFILE_FICLONE)
        await syncFile(file)
      }
    }
  }

  async #land(member: MemberFolder): Promise<string[]> {
    const { directory } = member
    const folder = this.#hiddenFolder(member)
    if (directory !== this.#setup.directory && !existsSync(directory)) {
      await rename(folder, directory)
      return []
    }
    const aside: string[] = []
    const place = join(directory, VERSION_FOLDER)
    if ((await contentsOf(place)).length > 0) {
      const old = await freeName(`${place}.before-${new Date().toISOString().replaceAll(':', '')}`)
      await rename(place, old)
      aside.push(old)
    }
    // The data last: where they are, everything is.
    const names = await readdir(folder)
    for (const name of names.filter((one) => one !== VERSION_FOLDER))
      await rename(join(folder, name), join(directory, name))
    await rename(join(folder, VERSION_FOLDER), place)
    await syncFolder(directory)
    return aside
  }

  /** @throws SafetyRefusal */
  async #refuseData(): Promise<void> {
    const { name, force } = this.#setup
    for (const { id, directory } of this.members) {
      await refuseRunning(directory, VERSION_FOLDER)
      if (force) continue
      const [something] = await contentsOf(join(directory, VERSION_FOLDER))
      if (something !== undefined) {
        throw new SafetyRefusal(
          `${directory} already has data (${VERSION_FOLDER}/${something}), so ${name} is not written; name another folder, or let --force set them aside.`,
        )
      }
      const myid = id === null ? null : await readText(join(directory, MYID))
      if (myid !== null && myid !== `${id}`) {
        throw new SafetyRefusal(
          `${join(directory, MYID)} says "${myid}", so ${directory} belongs to another member than ${id}; name another folder, or let --force replace it.`,
        )
      }
    }
  }
}

/** Trimmed; `null` where there is no such file. */
async function readText(file: string): Promise<string | null> {
  return readFile(file, 'utf8').then(
    (text) => text.trim(),
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return null
      throw error
    },
  )
}

async function contentsOf(folder: string): Promise<string[]> {
  return readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return []
    throw error
  })
}

async function freeName(name: string): Promise<string> {
  for (let n = 0; ; n++) {
    const candidate = n === 0 ? name : `${name}-${n}`
    if (!existsSync(candidate)) return candidate
  }
}

export async function writeSynced(file: string, text: string): Promise<void> {
  const handle = await open(file, 'w', PRIVATE_FILE)
  try {
    await handle.writeFile(text)
    await handle.sync()
  } finally {
    await handle.close()
  }
}

async function syncFile(file: string): Promise<void> {
  const handle = await open(file, 'r+')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** So that a rename in it outlives a power cut. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
