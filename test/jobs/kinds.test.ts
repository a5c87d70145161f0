/** Containers and TTL znodes, which the user names: as such on servers that make them, not at all on others. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { CreateFlag, OPEN_ACL } from '../../src/zookeeper/index.ts'
import { connect, Place, parseAcl, place, plant } from '../helpers/places.ts'
import { contents, readTree } from '../helpers/read-tree.ts'
import { freshJournal, SOME_DONE, zkferry, zkferryUntil } from '../helpers/zkferry.ts'
import { type Ensemble, type Server, startEnsemble, startServer } from '../servers/index.ts'
import { freshRoot } from '../servers/shared.ts'

async function on(server: Server, name: string): Promise<Place> {
  return new Place(await connect(server.connectString), server.connectString, freshRoot(name))
}

async function gone(where: Place, below: string): Promise<void> {
  await expect.poll(() => where.client.exists(where.at(below)), { timeout: 60_000, interval: 100 }).toBeNull()
}

async function sequential(where: Place, below: string, flags: number = CreateFlag.persistentSequential) {
  const { path } = await where.client.create(`${where.at(below)}/n-`, null, { flags })
  return path.slice(where.at(below).length + 1)
}

function notes(of: (type: string) => Record<string, unknown>[]): string {
  return of('note')
    .map(({ message }) => message)
    .join('\n')
}

async function source(): Promise<Place> {
  const from = await place('3.4.14', 'kinds-from')
  await plant(from, {
    '': 'root',
    locks: null,
    'locks/a': 'a container',
    'locks/a/plain': 'x',
    'locks/empty': { data: 'e', acl: ['31:world:anyone', '31:digest:u:EBQ0XjL1y0cYd2rXBIf/JhYdmzc='] },
    'locks/latch': null,
    'locks/ordinary-looking': null,
    sessions: null,
    'sessions/s1': 'one',
    'sessions/s2': null,
    'sessions/s2/below': 'keeps s2 alive',
    plain: 'p',
  })
  const numbers = [await sequential(from, 'locks/a'), await sequential(from, 'locks/empty')]
  await from.client.delete(from.at(`locks/empty/${numbers[1]}`))
  // What an election leaves: all children are ephemerals, so that its copy has none.
  await sequential(from, 'locks/latch', CreateFlag.ephemeralSequential)
  return from
}

/** Everyone may read and delete, and nobody may create. */
const SHUT = [parseAcl('9:world:anyone')]

/** Rounds cannot change what is tested here. */
const KINDS = [
  '--rounds',
  '0',
  '--container',
  'locks/*',
  '--ttl',
  'sessions/s1=2s',
  '--ttl',
  'sessions/*=100d',
]

describe('where the target makes them', () => {
  let server: Server
  beforeAll(async () => {
    server = await startServer({ version: '3.9.5', jvm: ['-Dznode.container.checkIntervalMs=200'] })
  })
  afterAll(() => server.stop())

  test('they are what they were called, and a sweep takes what it should and nothing else', async () => {
    const from = await source()
    const to = await on(server, 'kinds')
    // The TTL would take it from under the verification on a slow day.
    const { code, stderr, skipped, of, summary } = await zkferry([
      'copy',
      ...['--container', 'locks/*', '--ttl', 'sessions/*=100d'],
      from.location,
      to.location,
    ])
    expect(code, stderr).toBe(0)
    expect(skipped()).toEqual(['locks/latch/n-0000000000: ephemeral'])
    expect(contents(await readTree(to))).toEqual(contents(await readTree(from)))
    expect(summary.digest.source).toBe(summary.digest.target)
    // Named, since they are behind.
    expect(notes(of)).toMatch(/2 empty containers.*locks\/(empty, locks\/latch|latch, locks\/empty)/)
    expect(of('difference')).toEqual([])
    // A container with children: its counter is kept, and it goes with its last child.
    expect(await sequential(to, 'locks/a')).toBe('n-0000000002')
    for (const child of ['plain', 'n-0000000001', 'n-0000000002'])
      await to.client.delete(to.at(`locks/a/${child}`))
    await gone(to, 'locks/a')
    // One more round of the server, to be sure that it has looked at all of them.
    await to.client.createContainer(to.at('locks/later'), null)
    await to.client.delete((await to.client.create(`${to.at('locks/later')}/x`, null)).path)
    await gone(to, 'locks/later')
    const left = await to.client.getChildren(to.at('locks'))
    expect(left.children.sort()).toEqual(['empty', 'latch', 'ordinary-looking'])
    // A verification cannot see kinds; with the containers named it knows what must stay behind.
    const verify = await zkferry(['verify', '--exclude', 'locks/a', from.location, to.location])
    expect(verify.differences()).toEqual(['locks/empty: sequence', 'locks/latch: sequence'])
    const told = ['verify', '--exclude', 'locks/a', '--container', 'locks/*', from.location, to.location]
    expect((await zkferry(told)).code).toBe(0)
  })

  test('a TTL: the first glob that matches counts', async () => {
    const from = await source()
    const to = await on(server, 'ttl')
    const { code, stderr } = await zkferry(['copy', '--no-verify', ...KINDS, from.location, to.location])
    expect(code, stderr).toBe(0)
    await gone(to, 'sessions/s1')
    expect((await to.client.getChildren(to.at('sessions'))).children).toEqual(['s2'])
  })

  test('the run is in the journal with its kinds: another set of them is another job', async () => {
    const from = await source()
    const to = await on(server, 'job')
    expect((await zkferry(['copy', '--container', 'locks/*', from.location, to.location])).code).toBe(0)
    const again = await zkferry(['copy', '--container', 'locks/*', from.location, to.location])
    expect([again.code, again.summary.znodes.created]).toEqual([0, 0])
    const other = await zkferry(['copy', from.location, to.location])
    expect(other.code).toBe(6)
    expect(other.stderr).toContain('containers')
  })

  test('kinds that nobody may create in, killed and resumed: their own ACL in the end, and still what they are', async () => {
    const from = await place('3.4.14', 'shut-kinds-from')
    await plant(from, { '': null, locks: null, sessions: null })
    for (const parent of ['locks/a', 'sessions/s1']) {
      await plant(from, { [parent]: 'shut', [`${parent}/x`]: null, [`${parent}/y`]: 'below' })
      await from.client.setACL(from.at(parent), SHUT)
    }
    await plant(from, Object.fromEntries(Array.from({ length: 600 }, (_, at) => [`z${at}`, 'later'])))
    const to = await on(server, 'shut-kinds')
    const kinds = ['--container', 'locks/*', '--ttl', 'sessions/s1=1s']
    const args = ['copy', ...kinds, '--journal', freshJournal(), from.location, to.location]
    const killed = await zkferryUntil([...args, '--rate', '200'], SOME_DONE, 'SIGKILL')
    expect(killed.code).toBeNull()
    const { code, stderr, of } = await zkferry(args)
    expect(code, stderr).toBe(0)
    expect(of('run')[0]).toMatchObject({ resumed: true })
    expect(contents(await readTree(to))).toEqual(contents(await readTree(from)))
    for (const parent of ['locks/a', 'sessions/s1']) {
      expect((await to.client.getACL(to.at(parent))).acl).toEqual(SHUT)
      for (const child of ['x', 'y']) await to.client.delete(to.at(`${parent}/${child}`))
      await gone(to, parent)
    }
    expect(await to.client.exists(to.at('z599'))).not.toBeNull()
  })

  test('what is on the target is not made anew as another kind', async () => {
    const from = await place('3.9.5', 'kept-from')
    await plant(from, { '': null, locks: null, 'locks/a': 'new', 'locks/b': 'new' })
    const to = await on(server, 'kept')
    await plant(to, { '': null, locks: null, 'locks/a': 'old' })
    const { code, stderr } = await zkferry(['copy', '--merge', ...KINDS, from.location, to.location])
    expect(code, stderr).toBe(0)
    for (const lock of ['a', 'b']) {
      await to.client.create(to.at(`locks/${lock}/child`), null)
      await to.client.delete(to.at(`locks/${lock}/child`))
    }
    await gone(to, 'locks/b')
    expect(await to.client.exists(to.at('locks/a'))).not.toBeNull()
  })
})

describe.each([
  { name: '3.4.6', options: { version: '3.4.6' }, ttl: 'older than 3.5.3', container: 'older than 3.5.1' },
  { name: '3.4.14', options: { version: '3.4.14' }, ttl: 'older than 3.5.3', container: 'older than 3.5.1' },
  {
    name: '3.9.5 with extended types off',
    options: { version: '3.9.5', jvm: ['-Dzookeeper.extendedTypesEnabled=false'] },
    ttl: 'extendedTypesEnabled is off',
    container: null,
  },
])('where the target does not make them: $name', ({ options, ttl, container }) => {
  let server: Server
  beforeAll(async () => {
    server = await startServer(options)
  })
  afterAll(() => server.stop())

  test('they are named with a reason, are not made as something else, and the rest is copied: exit 3', async () => {
    const from = await source()
    const to = await on(server, 'unsupported')
    const planned = await zkferry(['copy', '--dry-run', ...KINDS, from.location, to.location])
    const { code, summary, skipped, of, stderr } = await zkferry([
      'copy',
      ...KINDS,
      from.location,
      to.location,
    ])
    expect(code, stderr).toBe(3)
    expect(summary.status).toBe('incomplete')
    expect(notes(of)).toContain(ttl)
    if (container !== null) expect(notes(of)).toContain(container)
    const ttls = ['sessions/s1: ttl-unsupported', 'sessions/s2: ttl-unsupported']
    const locks = ['a', 'empty', 'latch', 'ordinary-looking'].map((name) => `locks/${name}`)
    const containers = locks.map((path) => `${path}: container-unsupported`)
    const ephemeral = ['locks/latch/n-0000000000: ephemeral']
    expect(skipped()).toEqual([...(container === null ? ephemeral : containers), ...ttls].sort())
    const failed = of('failed').map(({ path, code: why }) => `${path}: ${why}`)
    const below = ['locks/a/n-0000000001', 'locks/a/plain', 'locks/latch/n-0000000000'].map(
      (path) => `${path}: PARENT`,
    )
    expect(failed.sort()).toEqual([...(container === null ? [] : below), 'sessions/s2/below: PARENT'].sort())
    const there = [...(await readTree(to)).keys()]
    for (const path of container === null ? [] : locks) expect(there).not.toContain(path)
    expect(there).toEqual(expect.arrayContaining(['', 'locks', 'sessions', 'plain']))
    expect(there).not.toContain('sessions/s1')
    expect(planned.code).toBe(3)
    expect(planned.skipped()).toEqual(skipped())
    expect([planned.summary.znodes, planned.summary.steps]).toEqual([summary.znodes, summary.steps])
    // Ways to what is included are no exception.
    const way = await on(server, 'way')
    const included = ['--include', 'sessions/s2/below', '--ttl', 'sessions/*=1h', '--rounds', '0']
    const leadingPlan = await zkferry(['copy', '--dry-run', ...included, from.location, way.location])
    const leading = await zkferry(['copy', ...included, from.location, way.location])
    expect([leadingPlan.code, leadingPlan.skipped()]).toEqual([3, leading.skipped()])
    expect(leading.code).toBe(3)
    expect(leading.skipped()).toEqual(['sessions/s2: ttl-unsupported'])
    expect(await way.client.exists(way.at('sessions/s2'))).toBeNull()
  })

  test('the probe leaves nothing, and a server that starts anew can read its log', async () => {
    const before = await connect(server.connectString)
    expect((await before.getChildren('/')).children.filter((name) => name.includes('probe'))).toEqual([])
    await before.create('/after-the-probe', Buffer.from('x'), { acl: OPEN_ACL })
    await server.restart()
    const after = await connect(server.connectString)
    expect((await after.getData('/after-the-probe')).data?.toString()).toBe('x')
  })
})

test.each([
  ['x=13000d', 'out of range'],
  ['x=0s', 'out of range'],
  ['x', 'GLOB=DURATION'],
  ['x=soon', 'GLOB=DURATION'],
  ['=1h', 'is empty'],
  ['/x=1h', 'begins with a slash'],
])('--ttl %s is refused with one sentence', async (value, why) => {
  const { code, stderr } = await zkferry(['copy', '--ttl', value, 'a:1/x', 'b:1/x'])
  expect(code).toBe(2)
  expect(stderr).toContain(why)
})

describe.each(['3.4.6', '3.4.14', '3.5.10'])('an ensemble of %s', (version) => {
  let ensemble: Ensemble
  beforeAll(async () => {
    ensemble = await startEnsemble({ version, jvm: ['-Dzookeeper.extendedTypesEnabled=false'] })
  })
  afterAll(() => ensemble.stop())

  test('is asked through each member: nobody else loses a connection, and nobody elects a leader', async () => {
    const epoch = async () => {
      const answers = await Promise.all(ensemble.members.map((member) => member.fourLetter('srvr')))
      return answers.map((answer) => BigInt(/^Zxid: (\S+)/m.exec(answer)?.[1] ?? '-1') >> 32n)
    }
    const others = await Promise.all(ensemble.members.map(({ connectString }) => connect(connectString)))
    await others[0]?.create('/bystander', null)
    const before = await epoch()
    const leader = await ensemble.leader()
    const from = await source()
    let asking = true
    const writing = others.map(async (client) => {
      for (let count = 0; ; count++) {
        await client.setData('/bystander', Buffer.from(String(count)))
        if (!asking && count > 10) return
      }
    })
    for (const [at, member] of ensemble.members.entries()) {
      const to = new Place(others[at] as Place['client'], member.connectString, freshRoot('asked'))
      const copy = ['copy', ...KINDS, from.location, to.location]
      const { code, skipped, stderr } = await zkferry(copy)
      expect(code, stderr).toBe(3)
      expect(skipped()).toContain('sessions/s1: ttl-unsupported')
      if (version.startsWith('3.4')) expect(skipped()).toContain('locks/a: container-unsupported')
    }
    asking = false
    await Promise.all(writing)
    expect(others.map((client) => client.reconnects)).toEqual([0, 0, 0])
    expect(await epoch()).toEqual(before)
    expect((await ensemble.leader()).port).toBe(leader.port)
  })
})
