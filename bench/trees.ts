/** The trees that are measured, made from a few numbers, so that every program makes the same znodes of them. */

/** Written as `shape:znodes:bytes`, such as `flat:200000:300`. */
export interface TreeSpec {
  shape: keyof typeof SHAPES
  /** Of the shape's main kind; the directories above them come on top. */
  znodes: number
  /** Of data in each of them. */
  bytes: number
}

export interface BenchZnode {
  /** Below the root: `''` for the root itself, else with a leading slash. */
  path: string
  data: Buffer
}

const LARGE_BYTES = 1_000_000
/** In the mixed tree, one znode in so many is large. */
const LARGE_EVERY = 250

const SHAPES = { flat, kafka, wide, large, mixed }

export function parseTree(text: string): TreeSpec {
  const [shape = '', znodes = '', bytes = '300'] = text.split(':')
  if (!(shape in SHAPES)) {
    throw new Error(`'${shape}' is no shape of tree: use one of ${Object.keys(SHAPES).join(', ')}`)
  }
  const spec = { shape: shape as TreeSpec['shape'], znodes: Number(znodes), bytes: Number(bytes) }
  if (spec.znodes > 0 && spec.bytes >= 0) return spec
  throw new Error(`'${text}' is no tree: write shape:znodes:bytes, such as flat:200000:300`)
}

export function treeText({ shape, znodes, bytes }: TreeSpec): string {
  return `${shape}:${znodes}:${bytes}`
}

/** Parents before children. Every znode's data is its own, so that a mix-up would show in the digest. */
export function* znodesOf(spec: TreeSpec): Generator<BenchZnode> {
  yield { path: '', data: Buffer.alloc(0) }
  yield* SHAPES[spec.shape](spec)
}

export function pathsOf(spec: TreeSpec): string[] {
  return Array.from(znodesOf({ ...spec, bytes: 0 }), ({ path }) => path)
}

/** Directories of 1,000. */
function* flat({ znodes, bytes }: TreeSpec): Generator<BenchZnode> {
  for (let made = 0; made < znodes; made++) {
    const directory = `/directory-${pad(Math.floor(made / 1000), 4)}`
    if (made % 1000 === 0) yield { path: directory, data: Buffer.alloc(0) }
    const path = `${directory}/znode-${pad(made % 1000, 4)}`
    yield { path, data: dataOf(path, bytes) }
  }
}

/** Kafka's brokers/topics: ten partitions a topic, each with one `state`. `znodes` counts all of them. */
function* kafka({ znodes, bytes }: TreeSpec): Generator<BenchZnode> {
  for (let topic = 0; topic * 22 < znodes; topic++) {
    const path = `/topic-${pad(topic, 5)}`
    yield { path, data: dataOf(path, bytes) }
    yield { path: `${path}/partitions`, data: Buffer.alloc(0) }
    for (let partition = 0; partition < 10; partition++) {
      const directory = `${path}/partitions/${partition}`
      yield { path: directory, data: Buffer.alloc(0) }
      yield { path: `${directory}/state`, data: dataOf(directory, bytes) }
    }
  }
}

function* wide({ znodes, bytes }: TreeSpec): Generator<BenchZnode> {
  for (let made = 0; made < znodes; made++) {
    const path = `/znode-${pad(made, 7)}`
    yield { path, data: dataOf(path, bytes) }
  }
}

/** `bytes` does not count: each has a megabyte. */
function large({ znodes }: TreeSpec): Generator<BenchZnode> {
  return wide({ shape: 'wide', znodes, bytes: LARGE_BYTES })
}

/** The flat tree with a large znode here and there. */
function* mixed({ znodes, bytes }: TreeSpec): Generator<BenchZnode> {
  let seen = 0
  for (const znode of flat({ shape: 'flat', znodes, bytes })) {
    yield ++seen % LARGE_EVERY === 0 ? { path: znode.path, data: dataOf(znode.path, LARGE_BYTES) } : znode
  }
}

const pattern = Buffer.alloc(LARGE_BYTES, 'What the znodes of a benchmark hold is of no interest. ')

function dataOf(path: string, bytes: number): Buffer {
  const data = Buffer.from(pattern.subarray(0, bytes))
  data.write(path)
  return data
}

function pad(number: number, digits: number): string {
  return String(number).padStart(digits, '0')
}
