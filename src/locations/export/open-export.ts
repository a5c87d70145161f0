/** A file that `zkferry export` or another tool wrote, as a source. */
import { randomBytes } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { RootIdentity, Side, TreeSource } from '../../tree/contracts.ts'
import { LocationProblem, UsageProblem } from '../../tree/errors.ts'
import type { Verdict } from '../../tree/filter.ts'
import { absolutePath } from '../../tree/path.ts'
import { plural } from '../../tree/plural.ts'
import { StagedTree } from '../stored/staged-tree.ts'
import { Staging } from '../stored/staging.ts'
import { StoredSource } from '../stored/stored-source.ts'
import { flatPath } from './flat.ts'
import { FormatProblem } from './problem.ts'
import { checkWhole, type FileContents, type ReadFormat, stageFile } from './read.ts'

export interface ExportSourceSetup {
  /** `-` for `stdin`. */
  file: string
  stdin: AsyncIterable<Buffer>
  /** Which of its trees: absolute, `/` for all that is in it. */
  path: string
  side: Side
  /** As the user wrote it. */
  name: string
  format: ReadFormat
  signal: AbortSignal
  note: (message: string) => void
}

/** @throws LocationProblem when it cannot be read, UsageProblem for what is in it */
export async function openExportSource(setup: ExportSourceSetup): Promise<TreeSource> {
  const { file, path, side, name } = setup
  const staging = new Staging(join(tmpdir(), `.zkferry-${randomBytes(6).toString('hex')}.staging`))
  try {
    const chunks = file === '-' ? setup.stdin : (createReadStream(file) as AsyncIterable<Buffer>)
    const contents = await stageFile(chunks, { ...setup, staging })
    const rootPath = flatPath(path)
    if (staging.get(rootPath) === null) throw new FormatProblem(lacksRoot(staging, path))
    await checkWhole(staging, rootPath)
    return new ExportSource({ side, name, rootPath, staging, contents })
  } catch (error) {
    staging.close()
    throw told(error, setup)
  }
}

interface Setup {
  side: Side
  name: string
  /** In the staging. */
  rootPath: string
  staging: Staging
  contents: FileContents
}

class ExportSource extends StoredSource {
  readonly #staging: Staging

  constructor({ side, name, rootPath, staging, contents }: Setup) {
    const { partial, failed, leads, zxid, lacksAcls, sha256 } = contents
    const holds = (below: string): Verdict => {
      const path = absolutePath(rootPath, below)
      if (leads.has(path)) return 'on-the-way'
      return staging.get(path) === null ? 'out' : 'in'
    }
    const losses = failed === 0 ? [] : [`${plural(failed, 'znode')} could not be read when it was exported`]
    const tree = new StagedTree(staging, zxid)
    const moment = `contents ${sha256.toString('hex').slice(0, 12)}`
    super({
      side,
      name,
      rootPath,
      tree,
      moment,
      losses,
      lacksAcls,
      ...(partial || failed > 0 ? { holds } : {}),
    })
    this.#staging = staging
  }

  /** Whoever edits a file imports it again: it is the same source, of another moment. */
  override async identity(): Promise<RootIdentity | null> {
    return { czxid: 1n, ctime: 0n }
  }

  override async close(): Promise<void> {
    this.#staging.close()
  }
}

function lacksRoot(staging: Staging, path: string): string {
  const [first] = staging.rows()
  if (first === undefined) return 'it holds no znode'
  const top = `${first.parent}/${first.name}`.replace(/^\/+tree/, '') || '/'
  const hint = path === '/' ? `; for what is below ${top} name that as the root: --root ${top}` : ''
  return `it has no root ${path}: ${top} is the first that it has${hint}`
}

function told(error: unknown, { file, side }: ExportSourceSetup): unknown {
  const what = file === '-' ? 'stdin' : file
  if (error instanceof FormatProblem)
    return new UsageProblem(`${what} cannot be read: ${error.message}.`, { cause: error })
  const { code, syscall } = error as NodeJS.ErrnoException
  if (code?.startsWith('SQLITE'))
    return new LocationProblem(
      side,
      `${what} cannot be read: ${tmpdir()} has no room for what is in it (${code}).`,
      {
        cause: error,
      },
    )
  if (code === undefined || syscall === undefined) return error
  const why = code === 'ENOENT' ? 'there is no such file' : code
  return new LocationProblem(side, `${what} cannot be read (${why}).`, { cause: error })
}
