/** Copies of the flat tree beside the three floods, a plain copier and zkcopy. */
import type { Bench, Sample } from '../bench.ts'
import { atMost, type Line, leftOut, NO_ZKCOPY, type Row, timesFaster } from '../row.ts'
import { pathsOf, type TreeSpec } from '../trees.ts'

export const copy: Row = {
  name: 'copy',
  about: 'flat tree, 3.9 → 3.9, without verification: beside the floods, zkcopy and a plain copier',
  byDefault: true,
  run: (bench) => copyRow(bench, '3.9.5', '3.9.5'),
}

export const copyOld: Row = {
  name: 'copy-old',
  about: 'the same, 3.4.14 → 3.9',
  byDefault: true,
  run: (bench) => copyRow(bench, '3.4.14', '3.9.5'),
}

export function flatTree(bench: Bench): TreeSpec {
  return { shape: 'flat', znodes: bench.options.znodes, bytes: 300 }
}

async function copyRow(bench: Bench, from: string, to: string): Promise<Line[]> {
  const [source, target] = [await bench.stage.source(from), await bench.stage.target(to)]
  const tree = flatTree(bench)
  const root = await source.tree(tree)
  /** Lets `work` fill a free path of the target, and clears it away. */
  const onTarget = async (work: (path: string) => Promise<Sample>) => {
    const path = target.freeRoot()
    const sample = await bench.withServers(() => work(path))
    await target.remove(path, tree)
    return sample
  }
  const ferry = (...options: string[]) =>
    onTarget((path) =>
      bench.zkferry([
        'copy',
        `${source.connect}${root}`,
        `${target.connect}${path}`,
        '--no-verify',
        ...options,
      ]),
    )
  const best = await bench.best({
    'read flood': () => bench.flood('read', source, root, tree),
    'ACL flood': () => bench.flood('acl', source, root, tree),
    'create flood': () => onTarget((path) => bench.flood('create', target, path, tree)),
    copy: () => ferry(),
    'copy --no-acl': () => ferry('--no-acl'),
  })
  const name = `copy ${from} → ${to}`
  const floods = [
    best['read flood'].seconds,
    best['ACL flood'].seconds,
    best['create flood'].seconds,
  ] as const
  const [read, acl, create] = floods
  const sum = read + acl + create
  const parts = floods.map((seconds) => seconds.toFixed(2)).join(' + ')
  const lines = [
    atMost(name, best.copy, `floods ${parts}`, sum, 1.3),
    atMost(`${name} --no-acl`, best['copy --no-acl'], 'read and create floods', read + create, 1.3),
  ]
  if (!bench.options.peers) return lines
  // Peers are slow and the servers warm: once is enough.
  const plain = await bench.best(
    { 'plain copier': () => onTarget((path) => bench.plainCopier(source, root, target, path)) },
    1,
  )
  lines.push(timesFaster(name, best.copy, 'plain copier', plain['plain copier']))
  const jar = bench.zkcopyJar
  if (jar === null) return [...lines, leftOut(`${name}, against zkcopy`, NO_ZKCOPY)]
  const znodes = pathsOf(tree).length
  const peer = await onTarget((path) =>
    bench.zkcopy(jar, `${source.connect}${root}`, `${target.connect}${path}`, znodes),
  )
  bench.say(`zkcopy ${peer.seconds.toFixed(2)} s`)
  return [
    ...lines,
    timesFaster(name, best.copy, 'zkcopy', peer, 12),
    timesFaster(`${name} --no-acl`, best['copy --no-acl'], 'zkcopy', peer, 25),
  ]
}
