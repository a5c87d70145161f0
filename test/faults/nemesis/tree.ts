/** Random trees with everything that a copy must keep, and something that it must not. */
import { createHash } from 'node:crypto'
import { RandomStream } from '../../../fixtures/random.ts'
import { type Acl, CreateFlag, OPEN_ACL, type ZooKeeperClient } from '../../../src/zookeeper/index.ts'

export const OWNER = 'owner:secret-of-the-owner'

const ALL = 31
const READ = 1
const owner: Acl = { perms: ALL, scheme: 'digest', id: Buffer.from(digestOf(OWNER)) }
const anyone: Acl = { perms: READ, scheme: 'world', id: Buffer.from('anyone') }
const local: Acl = { perms: ALL, scheme: 'ip', id: Buffer.from('127.0.0.1') }

function digestOf(userAndPassword: string): string {
  const [user = ''] = userAndPassword.split(':')
  return `${user}:${createHash('sha1').update(userAndPassword).digest('base64')}`
}

/** Lets in nobody but the owner. */
export const LOCKED: readonly Acl[] = [owner]

const ACLS: readonly Acl[][] = [[owner], [anyone, owner], [local, owner], [...OPEN_ACL, owner]]

function aclOf(random: RandomStream): readonly Acl[] {
  return random.below(5) === 0 ? (ACLS[random.below(ACLS.length)] as Acl[]) : OPEN_ACL
}

function dataOf(random: RandomStream): Buffer | null {
  const kind = random.below(100)
  if (kind < 15) return null
  if (kind < 30) return Buffer.alloc(0)
  const size = kind < 90 ? random.below(300) : kind < 99 ? random.below(40_000) : 300_000
  return Buffer.alloc(size, random.letters(11))
}

/** Makes `znodes` znodes below `root`, and ephemerals of this session's. */
export async function plantTree(
  client: ZooKeeperClient,
  root: string,
  { seed, znodes, ephemerals }: { seed: string; znodes: number; ephemerals: number },
): Promise<void> {
  const random = new RandomStream(`tree ${seed}`)
  await client.create(root, dataOf(random))
  const parents = [root]
  const after: (() => Promise<unknown>)[] = []
  const made: Promise<unknown>[] = []
  // Deep, wide, or in between.
  const reach = 1 + random.below(20)
  for (let count = 0; count < znodes; count++) {
    const parent = parents[Math.max(0, parents.length - 1 - random.below(reach * 3))] as string
    const path = `${parent}/${nameOf(random, count)}`
    const [data, acl] = [dataOf(random), aclOf(random)]
    made.push(client.create(path, data, { acl }))
    if (random.below(3) === 0) parents.push(path)
    if (random.below(12) === 0) after.push(...stepsOf(client, path, random))
    if (data !== null && data.length === 0 && random.below(2) === 0) {
      for (let step = random.below(20); step > 0; step--) after.push(() => client.setData(path, data))
    }
  }
  await Promise.all(made)
  await Promise.all(after.map((step) => step()))
  const owners = parents.filter(() => random.below(3) === 0).slice(0, ephemerals)
  for (const parent of owners) {
    await client.create(`${parent}/alive`, Buffer.from('here'), { flags: CreateFlag.ephemeral })
  }
}

function nameOf(random: RandomStream, count: number): string {
  const odd = ['<default>', 'app%2F1 ü', 'zookeeper', '..x', '日本', '-']
  return random.below(20) === 0 ? `${odd[random.below(odd.length)]}-${count}` : `z${count}`
}

/** Sequential children that come, and some that go: the counter is ahead of the children. */
function stepsOf(client: ZooKeeperClient, path: string, random: RandomStream): (() => Promise<unknown>)[] {
  const steps: (() => Promise<unknown>)[] = []
  for (let step = 1 + random.below(15); step > 0; step--) {
    const goes = random.below(3) > 0
    steps.push(async () => {
      const { path: child } = await client.create(`${path}/n-`, null, {
        flags: CreateFlag.persistentSequential,
      })
      if (goes) await client.delete(child)
    })
  }
  return steps
}

/** Removes, changes and adds some znodes of a tree that was read; never an ephemeral, nor a znode that has one. */
export async function changeTree(
  client: ZooKeeperClient,
  root: string,
  tree: ReadonlyMap<string, { ephemeral: boolean }>,
  seed: string,
): Promise<void> {
  const random = new RandomStream(`change ${seed}`)
  const parents = new Set([...tree.keys()].map((path) => path.slice(0, Math.max(0, path.lastIndexOf('/')))))
  for (const [below, { ephemeral }] of tree) {
    if (ephemeral || below === '') continue
    const path = `${root}/${below}`
    const kind = random.below(12)
    if (kind === 0 && !parents.has(below)) await client.delete(path)
    else if (kind === 1) await client.setData(path, dataOf(random))
    else if (kind === 2) await client.setACL(path, aclOf(random))
    else if (kind === 3) await client.create(`${path}/new`, dataOf(random), { acl: aclOf(random) })
  }
}
