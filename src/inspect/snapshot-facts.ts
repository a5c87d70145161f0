/** Reads one snapshot to its end, in memory of fixed size. */
import { Damage } from '../locations/datadir/damage.ts'
import type { SnapshotFile } from '../locations/datadir/file-names.ts'
import { kindOf, StatAt } from '../locations/datadir/persisted-stat.ts'
import { sentenceOf } from '../locations/datadir/replay-logs.ts'
import { SnapshotReader } from '../locations/datadir/snapshot-reader.ts'
import type { JobContext } from '../tree/events.ts'
import { noKinds, type SnapshotFacts } from './facts.ts'

const HIDDEN = '/zookeeper/'
const ZXIDS = [StatAt.czxid, StatAt.mzxid, StatAt.pzxid]

export async function snapshotFacts(file: SnapshotFile, context: JobContext): Promise<SnapshotFacts> {
  const facts: SnapshotFacts = {
    type: 'snapshot',
    file: file.path,
    size: file.size,
    compression: file.compression,
    changed: new Date(file.changedAt),
    zxid: file.zxid,
    newestZxid: 0n,
    znodes: 0,
    kinds: noKinds(),
    dataBytes: 0,
    sessions: 0,
    digest: null,
    damage: null,
  }
  try {
    const reader = await SnapshotReader.open(file.path)
    try {
      await read(reader, facts, context)
    } finally {
      await reader.close()
    }
  } catch (error) {
    if (!(error instanceof Damage)) throw error
    facts.damage = `${sentenceOf(error)}.`
  }
  return facts
}

async function read(
  reader: SnapshotReader,
  facts: SnapshotFacts,
  { counts, signal }: JobContext,
): Promise<void> {
  facts.sessions = reader.sessions.size
  const isSession = (id: bigint) => reader.sessions.has(id)
  while (await reader.more()) {
    if (signal.aborted) return
    for (let node = reader.next(); node !== null; node = reader.next()) {
      facts.znodes++
      counts.phaseDone++
      facts.dataBytes += Math.max(0, node.dataLength)
      const owner = node.ephemeralOwner
      facts.kinds[owner === 0n ? 'persistent' : kindOf(owner, isSession).kind]++
      // What is below /zookeeper, servers change without a transaction.
      if (node.bytes.toString('latin1', node.pathFrom, node.pathFrom + HIDDEN.length) === HIDDEN) continue
      for (const field of ZXIDS) {
        const zxid = node.bytes.readBigInt64BE(node.statFrom + field)
        if (zxid > facts.newestZxid) facts.newestZxid = zxid
      }
    }
  }
  facts.digest = reader.trailer.digest
}
