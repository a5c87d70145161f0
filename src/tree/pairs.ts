/**
 * Reads the same path on both sides, for many paths at once: Stat and ACL first, since they tell how many bytes the
 * data have, then the data in batches of known size.
 */

import { sameAcl } from './acl.ts'
import type { DataReply, StatReply, TreeReader } from './contracts.ts'
import { ZnodeError } from './contracts.ts'
import type { Window } from './windows.ts'
import type { Stat, Znode } from './znode.ts'

/** A batch of data is read when this many bytes are expected, so that no server has to build a huge reply. */
const BATCH_BYTES = 512 * 1024
/** What a znode costs in memory besides its data. */
const ZNODE_OVERHEAD = 512
/** A znode that changes between its two reads is read again, so often. */
const MAX_READS = 8

export interface Pair {
  readonly path: string
  /** Where it was listed. After reading, a side that is `null` without an error is absent. */
  readonly inSource: boolean
  readonly inTarget: boolean
  source: Znode | null
  target: Znode | null
  sourceError: ZnodeError | null
  targetError: ZnodeError | null
}

export interface PairOptions {
  /** Read ACLs. Without them sizes are not known beforehand, and data are read in smaller batches. */
  acl: boolean
  /** Read the data of znodes that are only on the target: verification needs their digests, a copy does not. */
  targetOnlyData: boolean
  /** Read data. Without them only Stats, and ACLs where those are wanted. @default true */
  data?: boolean
}

export interface Lanes {
  source: TreeReader
  target: TreeReader
}

export const isEphemeral = (stat: Stat): boolean => stat.ephemeralOwner !== 0n

/** Equal in data (null and empty apart) and, where ACLs are looked at, in ACL. */
export function sameData(a: Znode, b: Znode): boolean {
  if (a.data === null || b.data === null) return a.data === b.data
  return a.data.equals(b.data)
}

export function sameAcls(a: Znode, b: Znode): boolean {
  return a.acl === null || b.acl === null || sameAcl(a.acl, b.acl)
}

/**
 * Reads all pairs and hands them to `act` in batches, in order. The next batch is read while `act` is still busy with
 * the last; the window bounds the bytes in hand. Resolves when every `act` has.
 */
export async function readPairs<P extends Pair>(
  pairs: readonly P[],
  lanes: Lanes,
  options: PairOptions,
  window: Window,
  act: (pairs: P[]) => Promise<void>,
): Promise<void> {
  if (options.acl || options.data === false) {
    const { acl } = options
    await Promise.all([readStats(pairs, 'source', lanes, acl), readStats(pairs, 'target', lanes, acl)])
  }
  const acting: Promise<void>[] = []
  for (const batch of batches(pairs, options)) {
    const held = await window.take({ bytes: batch.bytes, znodes: batch.pairs.length })
    try {
      await readData(batch.pairs, lanes, options)
    } catch (error) {
      // A place that gives up fails every group: those that wait for the window have to hear of it, too.
      window.give(held)
      throw error
    }
    const acted = act(batch.pairs).finally(() => window.give(held))
    // Rejections are met below; until then they must not count as unhandled.
    acted.catch(() => {})
    acting.push(acted)
  }
  await Promise.all(acting)
}

type SideName = 'source' | 'target'

async function readStats(pairs: readonly Pair[], side: SideName, lanes: Lanes, acl: boolean): Promise<void> {
  const wanted = pairs.filter((pair) => (side === 'source' ? pair.inSource : pair.inTarget))
  if (wanted.length === 0) return
  const replies = await lanes[side].stat(wanted.map((pair) => pair.path))
  for (const [at, pair] of wanted.entries()) setStat(pair, side, replies[at] as StatReply | ZnodeError, acl)
}

function setStat(pair: Pair, side: SideName, reply: StatReply | ZnodeError, acl: boolean): void {
  if (reply instanceof ZnodeError) return setError(pair, side, reply)
  pair[side] = { stat: reply.stat, acl: acl ? reply.acl : null, data: null, mode: reply.mode }
}

function setError(pair: Pair, side: SideName, error: ZnodeError): void {
  pair[side] = null
  if (error.gone) return
  if (side === 'source') pair.sourceError = error
  else pair.targetError = error
}

/** Whether this side's data have to be read. An ephemeral's never are: it is not copied. */
function wantsData(pair: Pair, side: SideName, options: PairOptions): boolean {
  if (options.data === false) return false
  const znode = pair[side]
  if (options.acl && (znode === null || isEphemeral(znode.stat))) return false
  if (side === 'source') return pair.inSource
  if (!pair.inTarget) return false
  return options.targetOnlyData || (pair.inSource && pair.sourceError === null)
}

function* batches<P extends Pair>(
  pairs: readonly P[],
  options: PairOptions,
): Generator<{ pairs: P[]; bytes: number }> {
  let batch: P[] = []
  let bytes = 0
  for (const pair of pairs) {
    const size =
      ZNODE_OVERHEAD +
      (wantsData(pair, 'source', options) ? (pair.source?.stat.dataLength ?? 0) : 0) +
      (wantsData(pair, 'target', options) ? (pair.target?.stat.dataLength ?? 0) : 0)
    if (batch.length > 0 && bytes + size > BATCH_BYTES) {
      yield { pairs: batch, bytes }
      batch = []
      bytes = 0
    }
    batch.push(pair)
    bytes += size
  }
  if (batch.length > 0) yield { pairs: batch, bytes }
}

async function readData(pairs: readonly Pair[], lanes: Lanes, options: PairOptions): Promise<void> {
  await Promise.all([
    readSideData(pairs, 'source', lanes, options),
    readSideData(pairs, 'target', lanes, options),
  ])
}

async function readSideData(
  pairs: readonly Pair[],
  side: SideName,
  lanes: Lanes,
  options: PairOptions,
): Promise<void> {
  let wanted = pairs.filter((pair) => wantsData(pair, side, options))
  for (let reads = 0; wanted.length > 0; reads++) {
    const sizes = options.acl ? wanted.map((pair) => pair[side]?.stat.dataLength ?? 0) : undefined
    const replies = await lanes[side].data(
      wanted.map((pair) => pair.path),
      sizes,
    )
    const moved = wanted.filter(
      (pair, at) => !setData(pair, side, replies[at] as DataReply | ZnodeError, options),
    )
    if (moved.length === 0) return
    if (reads === MAX_READS) {
      for (const pair of moved)
        setError(pair, side, new ZnodeError('CHANGING', `changed at every one of ${reads} reads`))
      return
    }
    const stats = await lanes[side].stat(moved.map((pair) => pair.path))
    for (const [at, pair] of moved.entries())
      setStat(pair, side, stats[at] as StatReply | ZnodeError, options.acl)
    wanted = moved.filter((pair) => wantsData(pair, side, options))
  }
}

/** False when the ACL that was read belongs to an earlier state of the znode than its data. */
function setData(pair: Pair, side: SideName, reply: DataReply | ZnodeError, options: PairOptions): boolean {
  if (reply instanceof ZnodeError) {
    setError(pair, side, reply)
    return true
  }
  const known = pair[side]
  if (!options.acl) {
    const data = isEphemeral(reply.stat) ? null : reply.data
    pair[side] = { stat: reply.stat, acl: null, data, mode: reply.mode }
    return true
  }
  if (known === null) return true
  if (known.stat.czxid !== reply.stat.czxid || known.stat.aversion !== reply.stat.aversion) return false
  known.stat = reply.stat
  known.data = reply.data
  return true
}
