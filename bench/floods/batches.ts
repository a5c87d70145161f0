/** What the floods share: requests in batches, so many in flight. */
import { ZooKeeperError } from '../../src/zookeeper/index.ts'

/** Cuts `items` into runs of at most `count` items and `bytes` bytes. */
export function* batches<T>(
  items: Iterable<T>,
  count: number,
  bytes = Number.POSITIVE_INFINITY,
  sizeOf: (item: T) => number = () => 0,
): Generator<T[]> {
  let batch: T[] = []
  let held = 0
  for (const item of items) {
    const size = sizeOf(item)
    if (batch.length === count || (batch.length > 0 && held + size > bytes)) {
      yield batch
      batch = []
      held = 0
    }
    batch.push(item)
    held += size
  }
  if (batch.length > 0) yield batch
}

/** Sends each item in turn, `inFlight` at a time. */
export async function flood<T>(
  items: Iterable<T>,
  inFlight: number,
  send: (item: T) => Promise<void>,
): Promise<void> {
  const rest = items[Symbol.iterator]()
  const worker = async () => {
    for (let next = rest.next(); !next.done; next = rest.next()) await send(next.value)
  }
  await Promise.all(Array.from({ length: inFlight }, worker))
}

/** A flood measures what went well: anything else ends it. */
export function succeeded<T>(outcomes: readonly (T | ZooKeeperError)[]): T[] {
  for (const outcome of outcomes) if (outcome instanceof ZooKeeperError) throw outcome
  return outcomes as T[]
}
