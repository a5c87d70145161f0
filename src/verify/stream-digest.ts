/** The digest of a place that can give its whole tree in one pass. */
import type { TreeSource } from '../tree/contracts.ts'
import { DigestSum } from '../tree/digest.ts'
import { MissingRoot } from '../tree/errors.ts'
import type { JobContext, JobResult } from '../tree/events.ts'
import { StreamBroken, type ZnodeStream } from '../tree/stream.ts'
import type { DigestOptions } from './digest.ts'

/** Null when it has to be asked znode by znode: a part only is wanted, or the stream broke off, which asking explains. */
export async function streamDigest(
  location: TreeSource,
  { acl, filter, depth, rate, byteRate }: DigestOptions,
  context: JobContext,
): Promise<JobResult | null> {
  if (!filter.everything || depth > 0 || rate !== null || byteRate !== null) return null
  const stream = (await location.stream?.()) ?? null
  if (stream === null) return null
  context.emit({ type: 'phase', phase: 'digest' })
  const before = { ...context.counts }
  try {
    return await sum(location, stream, acl, context)
  } catch (error) {
    if (!(error instanceof StreamBroken)) throw error
    Object.assign(context.counts, before)
    return null
  }
}

async function sum(
  location: TreeSource,
  stream: ZnodeStream,
  acl: boolean,
  { counts, emit, signal }: JobContext,
): Promise<JobResult> {
  const total = new DigestSum()
  const ephemerals: string[] = []
  let znodes = 0
  let above = -1
  for await (const batch of stream) {
    if (signal.aborted) return ended('interrupted', 'Interrupted: not everything was read.', null)
    for (const znode of batch) {
      const { depth, data } = znode
      // A znode one level deeper than the one before is its first child.
      if (depth > above && above >= 0) counts.directories++
      above = depth
      counts.read++
      counts.phaseDone++
      counts.bytesRead += data?.length ?? 0
      counts.phaseBytes += data?.length ?? 0
      if (znode.ephemeral) ephemerals.push(znode.path)
      else {
        znode.addTo(total, acl)
        znodes++
      }
    }
  }
  if (counts.read === 0) throw new MissingRoot('The root', location.name)
  for (const path of ephemerals) {
    counts.skipped++
    emit({ type: 'skipped', path, reason: 'ephemeral' })
  }
  emit({ type: 'digest', path: '', znodes, digest: total.hex() })
  return ended('done', '', total.hex())

  function ended(status: JobResult['status'], message: string, digest: string | null): JobResult {
    const consistency = digest === null ? 'unknown' : 'quiet'
    return { status, message, counts, digest: { source: digest, target: null }, sourceMoved: 0, consistency }
  }
}
