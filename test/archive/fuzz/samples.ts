/** Archives made without a server, and what is in them. */
import { openArchiveTarget } from '../../../src/locations/archive/open.ts'
import type { Compression } from '../../../src/locations/archive/packing.ts'
import { aclList, OPEN_ACL } from '../../../src/tree/acl.ts'
import type { Change, TreeSource } from '../../../src/tree/contracts.ts'
import { newCounts } from '../../../src/tree/events.ts'
import { Filter } from '../../../src/tree/filter.ts'
import type { Stat } from '../../../src/tree/znode.ts'
import { digest } from '../../../src/verify/digest.ts'

export const noPassphrase = async () => null

const SECRET_ACL = aclList([
  { perms: 31, scheme: 'digest', id: Buffer.from('u:EBQ0XjL1y0cYd2rXBIf/JhYdmzc=') },
  { perms: 1, scheme: 'world', id: Buffer.from('anyone') },
])

export function statOf(zxid: number, children = 0, more: Partial<Stat> = {}): Stat {
  return {
    czxid: BigInt(zxid),
    mzxid: BigInt(zxid),
    pzxid: BigInt(zxid),
    ctime: 1_700_000_000_000n + BigInt(zxid),
    mtime: 1_700_000_000_000n + BigInt(zxid),
    version: 0,
    cversion: children,
    aversion: 0,
    ephemeralOwner: 0n,
    dataLength: 0,
    numChildren: children,
    ...more,
  }
}

/** Small directories, a wide one and a few large znodes; `turn` changes a little of it. */
export function* sampleTree(wide: number, turn = 0): Generator<Change> {
  let zxid = 0x100000001
  const make = (path: string, data: Buffer | null, children = 0, acl = OPEN_ACL): Change => {
    zxid++
    return { kind: 'create', path, data, acl, origin: statOf(zxid, children) }
  }
  yield make('', null, 3)
  for (let topic = 0; topic < 20; topic++) {
    yield make(`topic-${topic}`, Buffer.from(`topic ${topic}`), 1)
    yield make(
      `topic-${topic}/state`,
      Buffer.from(JSON.stringify({ topic, leader: topic % 3 })),
      0,
      SECRET_ACL,
    )
  }
  yield make('wide', Buffer.alloc(0), wide)
  for (let at = 0; at < wide; at++) {
    const text = `znode ${at} ${at === 7 ? turn : ''} `.repeat(12)
    yield make(`wide/z${String(at).padStart(5, '0')}`, at % 10 === 0 ? null : Buffer.from(text))
  }
  yield make('large', Buffer.alloc(200_000, `large ${turn}`))
}

export interface Making {
  file: string
  path: string
  compression?: Compression
  passphrase?: string
  status?: string
  options?: Record<string, unknown>
}

/** Adds a generation as a copy does, and returns its digest. */
export async function addGeneration(making: Making, changes: Iterable<Change>): Promise<string> {
  const { file, path, compression = 'gzip', passphrase, status = 'done', options = {} } = making
  const target = await openArchiveTarget({
    file,
    path,
    name: `archive:${file}#${path}`,
    compression,
    encrypt: passphrase !== undefined,
    passphrase: async () => (passphrase === undefined ? null : Buffer.from(passphrase)),
  })
  try {
    for (const change of changes) {
      const [outcome] = await target.write([change])
      if (outcome !== 'done') throw new Error(`${path} was not staged: ${JSON.stringify(outcome)}`)
    }
    const { digest: found } = await digestOf(target)
    await target.staging?.publish({
      source: 'zk1:2181/app',
      status,
      message: '',
      since: 0n,
      consistency: 'quiet',
      digest: { source: found, target: found },
      options,
      version: '0',
    })
    return found as string
  } finally {
    await target.close()
  }
}

/** Reads everything. `failed` are the paths that could not be read. */
export async function digestOf(
  source: TreeSource,
): Promise<{ digest: string | null; failed: string[]; znodes: number }> {
  const failed: string[] = []
  const counts = newCounts()
  const result = await digest(
    source,
    { acl: true, filter: new Filter(), depth: 0, concurrency: 1024, rate: null, byteRate: null },
    {
      counts,
      emit: (event) => event.type === 'failed' && failed.push(event.path),
      signal: new AbortController().signal,
    },
  )
  return { digest: result.digest.source, failed, znodes: counts.read }
}
