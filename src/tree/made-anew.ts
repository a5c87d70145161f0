/**
 * Which znodes are another than they were when they were read. One that was deleted and made anew has the same version,
 * by which ZooKeeper deletes, but another mzxid.
 */
import { type DataReply, type StatReply, type TreeTarget, ZnodeError } from './contracts.ts'

/** Newer servers read many small data in one request, which costs less than a Stat by itself. */
const SMALL_BYTES = 1024

export interface Read {
  path: string
  mzxid: bigint
  /** Bytes of its data. */
  size: number
}

/** The paths of those that are another by now. What is gone, or cannot be seen, is none of them. */
export async function madeAnew(target: TreeTarget, znodes: readonly Read[]): Promise<Set<string>> {
  // biome-ignore lint/complexity/useMathMinMax: Math.max knows no bigint
  const newest = znodes.reduce((zxid, { mzxid }) => (mzxid > zxid ? mzxid : zxid), 0n)
  const lane = target.lane(newest)
  const small = znodes.filter(({ size }) => size <= SMALL_BYTES)
  const replies = await lane.data(
    small.map(({ path }) => path),
    small.map(({ size }) => size),
  )
  const unread = small.filter((_, at) => isRefused(replies[at]))
  const others = [...znodes.filter(({ size }) => size > SMALL_BYTES), ...unread]
  const stats = await lane.stat(others.map(({ path }) => path))
  const another = [
    ...small.filter((znode, at) => isAnother(znode, replies[at])),
    ...others.filter((znode, at) => isAnother(znode, stats[at])),
  ]
  return new Set(another.map(({ path }) => path))
}

type Reply = DataReply | StatReply | ZnodeError | undefined

function isRefused(reply: Reply): boolean {
  return reply instanceof ZnodeError && !reply.gone
}

function isAnother({ mzxid }: Read, reply: Reply): boolean {
  return reply !== undefined && !(reply instanceof ZnodeError) && reply.stat.mzxid !== mzxid
}
