/** The job `digest`: one hash for a subtree, to compare places that cannot reach each other. */

import { sideDigest } from '../tree/compare.ts'
import type { Side, TreeSource, ZnodeError } from '../tree/contracts.ts'
import { DigestSum } from '../tree/digest.ts'
import type { Directory } from '../tree/directory.ts'
import { MissingRoot } from '../tree/errors.ts'
import type { JobContext, JobResult } from '../tree/events.ts'
import type { Filter } from '../tree/filter.ts'
import { requireAcls } from '../tree/losses.ts'
import { type Advance, type MarchHand, type MarchPair, march } from '../tree/march.ts'
import { isEphemeral } from '../tree/pairs.ts'
import { byPath } from '../tree/path.ts'
import { plural } from '../tree/plural.ts'
import { newestZxid } from '../tree/znode.ts'
import { standing, stoodStill } from './stillness.ts'
import { streamDigest } from './stream-digest.ts'
import { verifyMarch } from './verify.ts'

export interface DigestOptions {
  acl: boolean
  filter: Filter
  /** Levels below the root that get a line of their own; 0 is the root alone. */
  depth: number
  concurrency: number
  rate: number | null
  byteRate: number | null
}

export async function digest(
  location: TreeSource,
  options: DigestOptions,
  context: JobContext,
): Promise<JobResult> {
  const { counts, emit, signal } = context
  if (options.acl) requireAcls(location, '--ignore acl')
  const streamed = await streamDigest(location, options, context)
  if (streamed !== null) return streamed
  if ((await location.identity()) === null) throw new MissingRoot('The root', location.name)
  emit({ type: 'phase', phase: 'digest' })
  const before = await standing(location)
  const hand = new DigestHand(options.depth, before.since, context)
  const marchOptions = { ...verifyMarch(options, signal), filter: options.filter.on(location.holds) }
  const whole = await march(location, location, hand, marchOptions, { from: 'root', target: false })
  const still = await stoodStill(location, before)
  const result = {
    counts,
    digest: { source: null, target: null },
    sourceMoved: hand.moved,
    consistency: 'unknown' as const,
  }
  if (!whole) return { ...result, status: 'interrupted', message: 'Interrupted: not everything was read.' }
  if (counts.failed > 0) {
    return {
      ...result,
      status: 'incomplete',
      message: `${plural(counts.failed, 'znode')} could not be read, so there is no digest.`,
    }
  }
  const lines = [...hand.trees].sort(([a], [b]) => byPath(a, b))
  for (const [path, tree] of lines)
    emit({ type: 'digest', path, znodes: tree.znodes, digest: tree.sum.hex() })
  const root = hand.trees.get('') as Tree
  return {
    ...result,
    status: 'done',
    message: '',
    digest: { source: root.sum.hex(), target: null },
    consistency: still ? 'quiet' : hand.moved > 0 ? 'moving' : 'unknown',
  }
}

interface Tree {
  znodes: number
  sum: DigestSum
}

/** Sums every subtree down to the depth asked for; deeper znodes count for the ancestor that has a line. */
class DigestHand implements MarchHand {
  readonly trees = new Map<string, Tree>([['', { znodes: 0, sum: new DigestSum() }]])
  moved = 0
  readonly #depth: number
  readonly #since: bigint
  readonly #context: JobContext

  constructor(depth: number, since: bigint, context: JobContext) {
    this.#depth = depth
    this.#since = since
    this.#context = context
  }

  async pairs(pairs: MarchPair[]): Promise<void> {
    const { counts, emit } = this.#context
    for (const pair of pairs) {
      if (!pair.counted) continue
      if (pair.sourceError !== null) this.#fail(pair.path, pair.sourceError)
      const { source } = pair
      if (source === null) continue
      counts.read++
      counts.phaseDone++
      counts.bytesRead += source.data?.length ?? 0
      counts.phaseBytes += source.data?.length ?? 0
      if (newestZxid(source.stat) > this.#since) this.moved++
      if (isEphemeral(source.stat)) {
        counts.skipped++
        emit({ type: 'skipped', path: pair.path, reason: 'ephemeral' })
      } else if (source.acl?.masked) this.#fail(pair.path, maskedAcl)
      else this.#add(pair)
    }
  }

  settled(advances: Advance[]): void {
    this.#context.counts.directories += advances.filter((advance) => advance.done).length
  }

  unlisted(directory: Directory, _side: Side, error: ZnodeError): void {
    this.#fail(directory.path, error)
  }

  #add(pair: MarchPair): void {
    const digest = sideDigest(pair, 'source') as Buffer
    const own = this.#depth > 0 && pair.descend && depthOf(pair.path) <= this.#depth
    if (own && !this.trees.has(pair.path)) this.trees.set(pair.path, { znodes: 0, sum: new DigestSum() })
    for (const path of linesAbove(pair.path, this.#depth)) {
      const tree = this.trees.get(path)
      if (tree === undefined) continue
      tree.znodes++
      tree.sum.add(digest)
    }
  }

  #fail(path: string, error: { code: string; message: string }): void {
    this.#context.counts.failed++
    this.#context.emit({ type: 'failed', path, side: 'source', code: error.code, message: error.message })
  }
}

const maskedAcl = {
  code: 'MASKED',
  message:
    'the server shows this ACL masked (user:x); an identity with ADMIN on this znode, or a super user, would see it',
}

function depthOf(path: string): number {
  return path === '' ? 0 : path.split('/').length
}

/** The root, and the path's ancestors (itself too) down to `depth`. */
function* linesAbove(path: string, depth: number): Generator<string> {
  yield ''
  if (depth === 0 || path === '') return
  let level = 1
  for (
    let slash = path.indexOf('/');
    slash >= 0 && level <= depth;
    slash = path.indexOf('/', slash + 1), level++
  ) {
    yield path.slice(0, slash)
  }
  if (level <= depth) yield path
}
