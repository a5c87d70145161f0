/** Digest: one number for a tree, whatever holds it. */
import { describe, expect, test } from 'vitest'
import { referenceDigest } from '../../fixtures/digest-reference.ts'
import { pegasusTree } from '../../fixtures/pegasus.ts'
import type { ZnodeRecord } from '../../fixtures/record.ts'
import { recordedTree } from '../../fixtures/recorded.ts'
import { load, parseAcl, place, plant, rooted } from '../helpers/places.ts'
import { zkferry } from '../helpers/zkferry.ts'

const guarded: ZnodeRecord[] = [
  { path: '/g', data: null, acl: ['31:ip:127.0.0.1', '1:world:anyone'], kind: 'persistent' },
  { path: '/g/中', data: Buffer.alloc(0), acl: ['21:world:anyone', '31:digest:a:b='], kind: 'persistent' },
  { path: '/g/中/large', data: Buffer.alloc(300_000, 7), acl: ['31:world:anyone'], kind: 'persistent' },
]

describe.each([
  ['codis3', recordedTree('codis3')],
  ['kafka', recordedTree('kafka')],
  ['a Pegasus cluster', pegasusTree({ seed: 5, apps: 9, partitions: [4, 32] }).slice(1)],
  ['ACLs, null, empty and large data', guarded],
])('%s', (_, records) => {
  test('is the same on 3.4.14, on 3.9.5, and by a few lines of code from the records', async () => {
    const root = (records[0] as ZnodeRecord).path
    for (const version of ['3.4.14', '3.9.5'] as const) {
      const where = await place(version, 'digest')
      await load(where, records)
      const { code, summary, of, stderr } = await zkferry(['digest', where.location])
      expect(code, stderr).toBe(0)
      const digest = referenceDigest(records, root)
      expect(summary.digest).toEqual({ source: digest, target: null })
      const znodes = records.filter(({ kind }) => kind === 'persistent').length
      expect(of('digest')).toEqual([{ path: '', znodes, digest }])
      const ignored = await zkferry(['digest', '--ignore', 'acl', where.location])
      expect(ignored.summary.digest.source).toBe(referenceDigest(records, root, { ignoreAcl: true }))
    }
  })
})

test('--depth: a line for each directory, which is the digest of that subtree with the paths it has here', async () => {
  const where = await place('3.9.5', 'depth')
  const records = rooted(where.root, recordedTree('kafka'))
  await load(where, records)
  const { of } = await zkferry(['digest', '--depth', '2', where.location])
  const lines = of('digest') as { path: string; znodes: number; digest: string }[]
  const depth = (path: string) => (path === '' ? 0 : path.split('/').length)
  const parents = new Set(
    records.map(({ path }) =>
      path
        .slice(where.root.length + 1)
        .split('/')
        .slice(0, -1)
        .join('/'),
    ),
  )
  expect(lines.map(({ path }) => path)).toEqual(
    [...parents]
      .filter((path) => depth(path) <= 2)
      .sort((a, b) => (a.replaceAll('/', '\0') < b.replaceAll('/', '\0') ? -1 : 1)),
  )
  for (const { path, znodes, digest } of lines) {
    const at = path === '' ? where.root : `${where.root}/${path}`
    const subtree = records.filter((record) => record.path === at || record.path.startsWith(`${at}/`))
    // The reference takes paths below the root that it is given: here the whole tree's.
    expect(digest, path).toBe(referenceDigest(subtree, where.root))
    expect(znodes, path).toBe(subtree.filter(({ kind }) => kind === 'persistent').length)
  }
})

test('a znode that cannot be read leaves no digest: exit 3', async () => {
  const where = await place('3.4.14', 'digest')
  await plant(where, { '': null, a: 'x', b: 'y' })
  await where.client.setACL(where.at('a'), [parseAcl('31:digest:nobody:x=')])
  const { code, summary, of } = await zkferry(['digest', where.location])
  expect(code).toBe(3)
  expect(summary.digest.source).toBeNull()
  expect(of('digest')).toEqual([])
})
