/** Puts on record in the journal what the target has acknowledged: never more, and one transaction a group. */
import type { DirectoryRow, IssueRow, Run } from '../journal/index.ts'
import type { Side, TreeTarget, ZnodeError } from '../tree/contracts.ts'
import type { Directory } from '../tree/directory.ts'
import type { JobContext } from '../tree/events.ts'
import type { Advance } from '../tree/march.ts'

const NOTHING = Buffer.alloc(32)

export class Recorder {
  readonly #run: Run | null
  readonly #target: TreeTarget
  readonly #context: JobContext
  /** A resumed run asks for directories that are on record already. */
  readonly #resumed: boolean
  readonly #known = new Set<string>()
  #issues: IssueRow[] = []

  /** Without a run (a dry run) nothing is kept. */
  constructor(run: Run | null, resumed: boolean, target: TreeTarget, context: JobContext) {
    this.#run = run
    this.#resumed = resumed
    this.#target = target
    this.#context = context
  }

  /** `null`: it is not as it was to be. */
  root(digest: Buffer | null): void {
    this.#run?.setRoot(digest)
  }

  /** By this run, before it was broken off. */
  alreadySkipped(path: string): void {
    this.#known.add(path)
  }

  /** False when it is on record already. */
  skipped(path: string, reason: string): boolean {
    if (this.#known.has(path)) return false
    this.#issues.push({ kind: 'skipped', path, side: 'source', code: null, reason })
    return true
  }

  failed(path: string, side: Side, error: ZnodeError): void {
    this.#issues.push({ kind: 'failed', path, side, code: error.code, reason: error.message })
  }

  known(path: string): boolean {
    return this.#resumed && this.#run?.directory(path) != null
  }

  /** `unlike`: what this process has left unlike the source. */
  settled(advances: Advance[], discovered: Directory[], unlike: number): void {
    if (this.#run === null) return
    const { lastWrite } = this.#target
    this.#run.record({
      directories: advances.map(rowOf),
      discovered: discovered.map(newRow),
      issues: this.#issues,
      counts: this.#context.counts,
      // Before the first of this part, that of the part before it stands.
      ...(lastWrite > 0n && { lastWrite }),
      unlike,
    })
    this.#issues = []
  }
}

function rowOf({ directory, watermark, done }: Advance): DirectoryRow {
  return {
    path: directory.path,
    state: done ? 'done' : 'partial',
    watermark,
    childHash: directory.sourceSum.bytes(),
    children: directory.children,
    emptyTarget: !directory.inTarget,
  }
}

export function newRow(directory: Directory): DirectoryRow {
  return {
    path: directory.path,
    state: 'pending',
    watermark: null,
    childHash: NOTHING,
    children: 0,
    emptyTarget: !directory.inTarget,
  }
}
