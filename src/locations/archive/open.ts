/** An archive as a location: which generation is meant, and what it takes to write one. */
import type { Side, TreeSource, TreeTarget } from '../../tree/contracts.ts'
import { SafetyRefusal } from '../../tree/errors.ts'
import { Filter, type Verdict } from '../../tree/filter.ts'
import { absolutePath } from '../../tree/path.ts'
import { StagedTarget } from '../stored/staged-target.ts'
import { StoredSource } from '../stored/stored-source.ts'
import { type ArchiveFile, openArchive, type Passphrase, statOf } from './archive-file.ts'
import { chooseGeneration } from './choose.ts'
import { ChunkedTree } from './chunked-tree.ts'
import { type Generation, isComplete, leftOut } from './generation.ts'
import { type Keys, newKeys } from './keys.ts'
import { type Compression, checkCompression } from './packing.ts'
import { Partial, realFile } from './partial.ts'
import { belowRoot } from './paths.ts'
import { ArchiveProblem, onSide } from './problems.ts'
import { RowsTree } from './rows-tree.ts'
import { ArchiveSealer } from './sealer.ts'

export interface ArchiveSourceSetup {
  file: string
  /** Absolute in the archive. */
  path: string
  side: Side
  /** As the user wrote it. */
  name: string
  /** `null` for the newest that holds the path. */
  generation: number | null
  passphrase: Passphrase | Keys
  /** Hears what the user should know of the generation. */
  note?: (message: string) => void
}

/** @throws LocationProblem, UsageProblem */
export async function openArchiveSource(setup: ArchiveSourceSetup): Promise<TreeSource> {
  let archive: ArchiveFile | null = null
  try {
    archive = await openArchive(setup.file, setup.passphrase)
    const generations = archive.generations()
    const generation = chooseGeneration(archive, generations, setup)
    const { side, name, path } = setup
    tellLeftOut(generation, generations, setup)
    const moment = `generation ${generation.id}`
    if (generation.form === 'rows') {
      const tree = new RowsTree(archive, generation)
      const holds = (below: string) => tree.holds(absolutePath(path, below))
      return new StoredSource({ side, name, rootPath: path, tree, moment, holds, rootless: true })
    }
    const tree = ChunkedTree.open(archive, generation)
    const [losses, holds] = [lossesOf(generation), filteredBy(generation, path)]
    const lacksAcls = generation.origin.options?.acl === false
    return new StoredSource({ side, name, rootPath: path, tree, moment, losses, holds, lacksAcls })
  } catch (error) {
    archive?.close()
    throw onSide(setup.side, setup.file, error)
  }
}

export interface ArchiveTargetSetup {
  file: string
  path: string
  name: string
  compression: Compression
  /** The user asks for encryption: `passphrase` has to give one. */
  encrypt: boolean
  passphrase: Passphrase
}

/**
 * Locks the file, and leaves it as it is until the job publishes.
 * @throws LocationProblem; UsageProblem when the options do not fit the file; SafetyRefusal for a file of another kind.
 */
export async function openArchiveTarget(setup: ArchiveTargetSetup): Promise<TreeTarget> {
  let partial: Partial | null = null
  try {
    checkCompression(setup.compression)
    const file = realFile(setup.file)
    refuseFolder(file)
    partial = Partial.take(file)
    const { keys, made } = partial.extends ? await keysOfPresent(file, setup) : await keysOfNew(setup)
    const sealer = new ArchiveSealer({
      partial,
      root: setup.path,
      compression: setup.compression,
      keys,
      made,
    })
    return new StagedTarget({ side: 'target', name: setup.name, rootPath: setup.path, sealer })
  } catch (error) {
    partial?.release()
    throw onSide('target', setup.file, error)
  }
}

async function keysOfNew({ encrypt, passphrase }: ArchiveTargetSetup) {
  if (!encrypt) return { keys: null, made: null }
  const given = await passphrase()
  if (given === null) {
    throw new ArchiveProblem(
      'usage',
      '--encrypt needs a passphrase: in ZKFERRY_ARCHIVE_PASSPHRASE, or by --passphrase-file or --passphrase-command.',
    )
  }
  return { keys: null, made: newKeys(given) }
}

/** Opened, so that nothing is begun that cannot be ended. */
async function keysOfPresent(file: string, { encrypt, passphrase }: ArchiveTargetSetup) {
  let archive: ArchiveFile
  try {
    archive = await openArchive(file, passphrase)
  } catch (error) {
    if (error instanceof ArchiveProblem && error.kind === 'unreadable')
      throw new SafetyRefusal(`${error.message.replace(/\.$/, '')}; it is left as it is.`, { cause: error })
    throw error
  }
  try {
    if (encrypt && archive.keys === null) {
      throw new ArchiveProblem(
        'usage',
        `The archive ${file} is not encrypted, and --encrypt cannot change that: name a new file.`,
      )
    }
    archive.generations()
    return { keys: archive.keys, made: null }
  } finally {
    archive.close()
  }
}

function refuseFolder(file: string): void {
  const stats = statOf(file)
  if (stats !== null && !stats.isFile())
    throw new SafetyRefusal(
      `${file} is ${stats.isDirectory() ? 'a folder' : 'no plain file'}, and an archive is one file.`,
    )
}

/** Who restores should not take a part for the whole. */
function tellLeftOut(
  generation: Generation,
  generations: readonly Generation[],
  { file, note }: ArchiveSourceSetup,
): void {
  const { id, form, root } = generation
  if (form === 'rows') return
  const whole = generations.findLast((one) => one.root === root && isComplete(one))
  const other = whole === undefined ? '' : `; the newest that is whole is --generation ${whole.id}`
  const options = leftOut(generation)
  if (options.length > 0)
    note?.(
      `Generation ${id} of ${file} was made with ${options.join(' ')} and holds no more than that${other}.`,
    )
  const { status, message } = generation.origin
  if (status === 'different')
    note?.(
      `Generation ${id} of ${file} is not as its source was at any one moment (${message.replace(/\.$/, '')})${other}.`,
    )
}

/** What is known to be missing from a whole tree. Parts of one (`rows`) are all there, however their job ended. */
function lossesOf({ id, origin }: Generation): string[] {
  const { status, message } = origin
  if (status === 'done' || status === 'different') return []
  return [
    `the job that made generation ${id} ended as ${status}${message === '' ? '' : `: ${message.replace(/\.$/, '')}`}`,
  ]
}

/** A filtered copy holds what its filters let in, and nothing can be said of the rest. */
function filteredBy({ root, origin }: Generation, path: string): ((below: string) => Verdict) | undefined {
  const [include, exclude] = [globs(origin.options?.include), globs(origin.options?.exclude)]
  if (include.length === 0 && exclude.length === 0) return undefined
  const filter = new Filter(include, exclude)
  return (below) => filter.judge(belowRoot(absolutePath(path, below), root) ?? '')
}

function globs(value: unknown): string[] {
  return Array.isArray(value) ? value.map(String) : []
}
