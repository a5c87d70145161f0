/** Two operators with two journals on one target. */
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { openEnsemble } from '../../src/locations/ensemble.ts'
import { type ParsedEnsemble, parseLocation } from '../../src/locations/parse-location.ts'
import { CreateFlag, ZooKeeperClient } from '../../src/zookeeper/index.ts'
import { FaultProxy } from '../faults/proxy.ts'
import { type Place, pair, place, plant, plantMany } from '../helpers/places.ts'
import { contents, readTree } from '../helpers/read-tree.ts'
import { freshJournal, SOME_DONE, zkferry, zkferryUntil } from '../helpers/zkferry.ts'
import { startServer } from '../servers/index.ts'
import { sharedServer } from '../servers/shared.ts'

const OPEN = [{ perms: 1, scheme: 'world', id: Buffer.from('anyone') }]

/** What an operator elsewhere leaves at the target while it works there, in a session of its own. */
async function elsewhere(at: Place, root: string, more: object = {}): Promise<ZooKeeperClient> {
  const client = await ZooKeeperClient.connect({ connect: at.address, sessionTimeoutMs: 60_000 })
  const note = {
    root,
    command: 'copy',
    run: 'abcdefgh',
    host: 'db7',
    machine: 'another',
    pid: 4711,
    user: 'joe',
    since: '2026-11-23T18:00:00.000Z',
    ...more,
  }
  const name = `/zookeeper/zkferry-${Math.random().toString(16).slice(2)}`
  await client.create(name, Buffer.from(JSON.stringify(note)), { acl: OPEN, flags: CreateFlag.ephemeral })
  return client
}

async function notesOf(at: Place): Promise<Record<string, unknown>[]> {
  const { children } = await at.client.getChildren('/zookeeper')
  const names = children.filter((name) => name.startsWith('zkferry-'))
  const notes = await Promise.all(
    names.map((name) =>
      at.client
        .getData(`/zookeeper/${name}`)
        .then(({ data }) => JSON.parse(String(data)))
        .catch(() => null),
    ),
  )
  return notes.filter((note) => note !== null)
}

function ensembleAt(location: string) {
  return openEnsemble({
    location: parseLocation(location, 'target') as ParsedEnsemble,
    side: 'target',
    auth: [],
    sessionTimeoutMs: 30_000,
    retryForMs: 30_000,
    sessions: 1,
    emit: () => {},
  })
}

test.each(['3.4.14', '3.9.5'] as const)(
  'on %s, a second copy is told who is at work, on the root, above and below it',
  async (version) => {
    const [from, to] = [await place(version, 'two-from'), await place(version, 'two-to')]
    await plant(from, { '': null, a: 'x' })
    for (const root of [to.root, `${to.root}/below/there`, '/']) {
      const other = await elsewhere(to, root)
      try {
        const { code, summary } = await zkferry([
          'copy',
          from.location,
          to.location,
          '--journal',
          freshJournal(),
        ])
        expect(code, JSON.stringify(summary)).toBe(7)
        expect(summary.message).toContain(
          `copy of ${root}, run abcdefgh, process 4711 of joe on db7 since 2026-11-23T18`,
        )
        expect(await readTree(to)).toEqual(new Map())
      } finally {
        await other.close()
      }
    }
    const { code, stderr } = await zkferry(['copy', from.location, to.location])
    expect(code, stderr).toBe(0)
    expect(contents(await readTree(to))).toEqual(contents(await readTree(from)))
  },
)

test('rmr is told, too, and removes nothing; what only reads is let in, and so is work on another root', async () => {
  const [from, to, beside] = [await place(), await place(), await place()]
  await plant(from, { '': null, a: 'x' })
  await plant(to, { '': null, a: 'x' })
  const other = await elsewhere(to, to.root)
  try {
    const removal = await zkferry(['rmr', '--yes', to.location])
    expect(removal.code).toBe(7)
    expect(removal.summary.message).toMatch(/at work on the target .*copy of/)
    expect((await readTree(to)).size).toBe(2)
    for (const reading of [
      ['digest', to.location],
      ['verify', from.location, to.location],
      ['rmr', '--dry-run', to.location],
      ['copy', '--dry-run', '--merge', from.location, to.location],
      ['copy', to.location, beside.location],
    ]) {
      const { code, stderr } = await zkferry(reading)
      expect(code, `${reading.join(' ')}: ${stderr}`).toBe(0)
    }
  } finally {
    await other.close()
  }
})

test('two at once: one works, the other is told of it, and nothing of it is left behind', async () => {
  const { from, to } = await pair('at-once')
  await plantMany(from, 40, 50)
  const [one, two] = await Promise.all([
    zkferry(['copy', from.location, to.location, '--journal', freshJournal(), '--rate', '1500']),
    zkferry(['copy', from.location, to.location, '--journal', freshJournal(), '--rate', '1500']),
  ])
  expect([one.code, two.code].sort()).toEqual([0, 7])
  const refused = one.code === 7 ? one : two
  expect(refused.summary.message).toMatch(
    new RegExp(`copy of ${to.root}, (run [a-z2-9]{8}, )?process \\d+ of `),
  )
  expect(contents(await readTree(to))).toEqual(contents(await readTree(from)))
  expect((await notesOf(to)).filter(({ root }) => root === to.root)).toEqual([])
})

test('one that says more of its work keeps its place: who came between and looks round only then is told', async () => {
  const to = await place('3.9.5', 'between')
  const proxy = await FaultProxy.before(sharedServer().port)
  const [first, second] = [await ensembleAt(to.location), await ensembleAt(proxy.connectString + to.root)]
  onTestFinished(async () => {
    await Promise.all([first.close(), second.close()])
    await proxy.close()
  })
  const looked = new Promise<void>((resolve) => {
    const GET_CHILDREN = 8
    proxy.alterRequest = (frame, { index }) => {
      if (index === 0 || frame.readInt32BE(8) !== GET_CHILDREN) return frame
      proxy.hold()
      resolve()
      return frame
    }
  })
  expect(await first.occupy({ command: 'copy', run: null })).toBeNull()
  const told = expect(second.occupy({ command: 'rmr', run: null })).rejects.toThrow(
    /at work on the target .*copy of .*, run abcdefgh, process/,
  )
  await looked
  expect(await first.occupy({ command: 'copy', run: 'abcdefgh' })).toBeNull()
  proxy.release()
  await told
  expect(await first.occupy({ command: 'copy', run: 'bcdefghi' })).toBeNull()
  expect((await notesOf(to)).filter(({ root }) => root === to.root)).toMatchObject([{ run: 'bcdefghi' }])
})

test('a run that was killed is gone on with at once, though its session lives', async () => {
  const { from, to } = await pair('killed')
  await plantMany(from, 60, 50)
  const journal = freshJournal()
  const args = ['copy', from.location, to.location, '--journal', journal, '--timeout', '60s']
  const killed = await zkferryUntil([...args, '--rate', '800'], SOME_DONE, 'SIGKILL')
  expect(killed.code).toBeNull()
  const left = (await notesOf(to)).filter(({ root }) => root === to.root)
  expect(left).toMatchObject([{ command: 'copy', run: expect.any(String), user: expect.any(String) }])
  const { code, stderr } = await zkferry(args)
  expect(code, stderr).toBe(0)
  expect(contents(await readTree(to))).toEqual(contents(await readTree(from)))
})

test('a process that is gone is not at work, whatever it was doing', async () => {
  const to = await place()
  await plantMany(to, 40, 50)
  const args = ['rmr', '--yes', to.location, '--timeout', '60s']
  const killed = await zkferryUntil([...args, '--rate', '500'], /"phase":"delete"/, 'SIGKILL')
  expect(killed.code).toBeNull()
  expect((await notesOf(to)).filter(({ root }) => root === to.root)).toHaveLength(1)
  const { code, stderr } = await zkferry(args)
  expect(code, stderr).toBe(0)
  expect((await readTree(to)).size).toBe(0)
})

describe('a run whose session expires', () => {
  async function running(stranger: boolean) {
    const { from, to } = await pair('expired')
    await plantMany(from, 30, 50)
    const proxy = await FaultProxy.before(sharedServer('3.9.5').port, { record: false })
    onTestFinished(() => proxy.close())
    const args = ['copy', from.location, proxy.connectString + to.root, '--journal', freshJournal()]
    const ended = zkferry([...args, '--rate', '600'])
    let before: bigint | null = null
    await vi.waitFor(
      async () => {
        before = await ownerOf(to)
        expect(before).not.toBeNull()
        expect((await readTree(to)).size).toBeGreaterThan(1)
      },
      { timeout: 30_000, interval: 20 },
    )
    const other = stranger ? await elsewhere(to, to.root) : null
    onTestFinished(() => other?.close())
    for (const resume of proxy.sessions.splice(0)) {
      const thief = await ZooKeeperClient.connect({ connect: to.address, resume }).catch(() => null)
      await thief?.close()
    }
    return { from, to, args, ended, before, other }
  }

  test('says it anew', async () => {
    const { from, to, ended, before } = await running(false)
    await vi.waitFor(
      async () => {
        const owner = await ownerOf(to)
        expect(owner).not.toBeNull()
        expect(owner).not.toBe(before)
      },
      { timeout: 30_000, interval: 20 },
    )
    const { code, stderr } = await ended
    expect(code, stderr).toBe(0)
    expect(contents(await readTree(to))).toEqual(contents(await readTree(from)))
  })

  test('ends when somebody has come meanwhile, and can be gone on with', async () => {
    const { from, to, args, ended, other } = await running(true)
    const { code, summary } = await ended
    expect(code, JSON.stringify(summary)).toBe(7)
    expect(summary.message).toContain('process 4711 of joe on db7')
    await other?.close()
    const again = await zkferry(args)
    expect(again.code, again.stderr).toBe(0)
    expect(again.of('run')).toMatchObject([{ resumed: true }])
    expect(contents(await readTree(to))).toEqual(contents(await readTree(from)))
  })
})

/** The session that says that it works on a place. */
async function ownerOf(at: Place): Promise<bigint | null> {
  const { children } = await at.client.getChildren('/zookeeper')
  for (const name of children.filter((each) => each.startsWith('zkferry-'))) {
    const reply = await at.client.getData(`/zookeeper/${name}`).catch(() => null)
    if (reply !== null && JSON.parse(String(reply.data)).root === at.root) return reply.stat.ephemeralOwner
  }
  return null
}

test('where /zookeeper lets nobody in, it is said that others could not be noticed', async () => {
  const server = await startServer({ jvm: ['-Xmx128m'] })
  const client = await ZooKeeperClient.connect({ connect: server.connectString })
  try {
    await client.create('/app', Buffer.from('x'))
    await client.setACL('/zookeeper', OPEN)
    const { code, of, stderr } = await zkferry([
      'copy',
      `${server.connectString}/app`,
      `${server.connectString}/copy`,
    ])
    expect(code, stderr).toBe(0)
    expect(of('note').map(({ message }) => message)).toContainEqual(
      expect.stringMatching(
        /^That nobody else works on the target .*\/copy could not be made sure: create .* the ACL does not allow it \(NOAUTH\)\.$/,
      ),
    )
  } finally {
    await client.close()
    await server.stop()
  }
})

test('an ephemeral that somebody makes meanwhile where a znode was to be made is a failure, and stays', async () => {
  const { from, to } = await pair('meanwhile')
  await plantMany(from, 60, 50)
  const ended = zkferry(['copy', from.location, to.location, '--no-verify', '--rate', '800'])
  const last = to.at('d00059')
  await vi.waitFor(async () => expect(await to.client.exists(last)).not.toBeNull(), { timeout: 30_000 })
  await to.client.create(`${last}/z000000`, Buffer.from('lock'), { flags: CreateFlag.ephemeral })
  const { code, of, summary } = await ended
  expect(code, JSON.stringify(summary)).toBe(3)
  expect(of('failed')).toMatchObject([{ path: 'd00059/z000000', side: 'target', code: 'EPHEMERAL' }])
  expect(String((await to.client.getData(`${last}/z000000`)).data)).toBe('lock')
})
