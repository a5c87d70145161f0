/** What a job overwrites or deletes can be brought back, exactly. */
import { createHash } from 'node:crypto'
import { existsSync, mkdtempSync, readdirSync, readFileSync, statSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { CreateFlag } from '../../src/zookeeper/index.ts'
import { advance, Place, pair, parseAcl, place, plant, plantMany } from '../helpers/places.ts'
import { contents, readTree, zxids } from '../helpers/read-tree.ts'
import { DELETING, freshJournal, type Outcome, zkferry, zkferryUntil } from '../helpers/zkferry.ts'
import { eventually } from '../zookeeper/helpers.ts'

const OPEN = '31:world:anyone'
const READERS = ['31:world:anyone', '1:ip:10.1.2.3']
const ALICE = 'alice:secret'
const ALICES = `31:digest:alice:${createHash('sha1').update(ALICE).digest('base64')}`

function copied(from: Place, to: Place, ...flags: string[]): Promise<Outcome> {
  return zkferry(['copy', '--journal', freshJournal(), ...flags, from.location, to.location])
}

/** A folder of its own, to see what a job leaves there. */
function folder(): string {
  return mkdtempSync(join(tmpdir(), 'zkferry-undo-'))
}

function removed(at: string, ...flags: string[]): Promise<Outcome> {
  return zkferry(['rmr', '--yes', '--undo', join(folder(), 'rmr.undo'), ...flags, at])
}

/** Brings it back, and says how that ended. */
async function broughtBack(
  { summary }: Outcome,
  to: Place,
  env: Record<string, string> = {},
): Promise<Outcome> {
  const command = ['copy', '--merge', '--journal', freshJournal(), `archive:${summary.undo}`, to.location]
  const outcome = await zkferry(command, { env })
  expect(outcome.code, outcome.stderr).toBe(0)
  return outcome
}

/** Runs a copy and kills it once it has overwritten something. */
async function killed(args: string[], to: Place): Promise<void> {
  await zkferry(args, {
    onStart: (child) => {
      void eventually(async () => {
        const stat = await to.client.exists(to.at('d00000/z000000'))
        if (stat?.version !== 1) throw new Error('nothing is overwritten yet')
      })
        .catch(() => {})
        .finally(() => child.kill('SIGKILL'))
    },
  })
}

/** The number that the next sequential child gets. */
async function nextNumber(where: Place, below: string): Promise<number> {
  const flags = CreateFlag.persistentSequential
  const { path } = await where.client.create(`${where.at(below)}/n-`, null, { flags })
  return Number(path.slice(-10))
}

describe('copy', () => {
  test('data and ACLs that it overwrote come back; what it did not touch is not touched', async () => {
    const { from, to } = await pair('undo')
    await plant(from, {
      '': 'new root',
      same: 'same',
      data: 'new',
      null: 'was null',
      empty: null,
      acl: 'x',
      both: 'new',
      'both/child': 'new child',
      deep: null,
      'deep/below': 'new',
    })
    await plant(to, {
      '': 'old root',
      same: 'same',
      data: 'old',
      null: null,
      empty: '',
      acl: { data: 'x', acl: READERS },
      both: { data: 'old', acl: READERS },
      deep: null,
      'deep/below': Buffer.from([0, 255, 1]),
      mine: 'only here',
    })
    const before = contents(await readTree(to))
    const outcome = await copied(from, to, '--merge')
    expect(outcome.code, outcome.stderr).toBe(0)
    const undo = outcome.summary.undo as string
    expect(outcome.stderr).toContain(`undo: ${undo}`)
    expect(statSync(undo).mode & 0o777).toBe(0o600)
    expect(dirname(undo)).toBe(dirname(outcome.summary.journal as string))
    expect(readdirSync(dirname(undo)).filter((name) => /-(wal|shm|journal)$/.test(name))).toEqual([])
    const after = await readTree(to)
    expect(contents(after)).not.toEqual(before)

    const back = await broughtBack(outcome, to)
    expect(back.summary.znodes).toMatchObject({ created: 0, updated: 7, failed: 0 })
    const now = await readTree(to)
    expect(contents(now).filter(([path]) => path !== 'both/child')).toEqual(before)
    for (const path of ['same', 'mine', 'deep', 'both/child'])
      expect(now.get(path)?.stat.mzxid).toBe(after.get(path)?.stat.mzxid)
    // What was brought back has overwritten something, too.
    expect(back.summary.undo).not.toBe(undo)
    await broughtBack(back, to)
    expect(contents(await readTree(to))).toEqual(contents(after))
  })

  test('what --delete took comes back, with ACLs, counters, and null apart from empty', async () => {
    const { from, to } = await pair('undo')
    await plant(from, { '': null, kept: 'x', lock: { ephemeral: true } })
    await plant(to, {
      '': null,
      kept: 'x',
      // What a careless tool left in the place of an ephemeral.
      lock: { data: 'stale', acl: READERS },
      gone: { data: null, acl: READERS },
      'gone/empty': '',
      'gone/null': null,
      'gone/shut': { data: 'secret', acl: [OPEN, ALICES] },
      'gone/shut/below': 'x',
    })
    await advance(to, 'gone', 7)
    await advance(to, 'gone/empty', 2)
    const before = await readTree(to)
    const outcome = await copied(from, to, '--delete', '--yes', '--merge')
    expect(outcome.summary.znodes.deleted, outcome.stderr).toBe(6)
    expect([...(await readTree(to)).keys()].sort()).toEqual(['', 'kept'])

    const back = await broughtBack(outcome, to)
    expect(back.summary.znodes.created).toBe(6)
    expect(contents(await readTree(to))).toEqual(contents(before))
    expect(await nextNumber(to, 'gone')).toBe(7 + 3)
    expect(await nextNumber(to, 'gone/empty')).toBe(2)
  })

  test('nothing overwritten: no file, and null in the summary', async () => {
    const { from, to } = await pair('undo')
    await plant(from, { '': null, a: 'x', b: { data: 'y', acl: ['1:world:anyone'] } })
    const journal = join(folder(), 'run.journal')
    const copy = () => zkferry(['copy', '--journal', journal, from.location, to.location])
    for (const outcome of [await copy(), await copy()]) {
      expect(outcome.code, outcome.stderr).toBe(0)
      expect(outcome.summary.undo).toBeNull()
    }
    expect(readdirSync(dirname(journal)).filter((name) => name.endsWith('.undo'))).toEqual([])
  })

  test('--no-undo keeps nothing; --undo names the file; one that is there is refused', async () => {
    const { from, to } = await pair('undo')
    await plant(from, { '': null, a: 'new' })
    await plant(to, { '': null, a: 'old' })
    const journal = join(folder(), 'run.journal')
    const args = ['copy', '--merge', '--journal', journal, from.location, to.location]
    const without = await zkferry([...args, '--no-undo'])
    expect(without.code, without.stderr).toBe(0)
    expect(without.summary.undo).toBeNull()
    expect(readdirSync(dirname(journal))).not.toContainEqual(expect.stringMatching(/undo/))

    await to.client.setData(to.at('a'), Buffer.from('older'))
    const file = join(folder(), 'mine.archive')
    const named = await zkferry([...args, '--overwrite-newer', '--undo', file])
    expect(named.summary.undo, named.stderr).toBe(file)

    await to.client.setData(to.at('a'), Buffer.from('oldest'))
    const before = readFileSync(file)
    const again = await zkferry([...args, '--overwrite-newer', '--undo', file])
    expect(again.code).toBe(2)
    expect(again.summary.message).toContain(`--undo ${file} is there already`)
    expect(readFileSync(file)).toEqual(before)
    expect((await to.client.getData(to.at('a'))).data?.toString()).toBe('oldest')
    expect((await zkferry([...args, '--undo', '/no/such/folder/x'])).summary.message).toContain('no folder')
  })

  test('without ACLs the copy leaves them alone, and they are kept all the same', async () => {
    const { from, to } = await pair('undo')
    await plant(from, { '': null, a: 'new', b: { data: 'new', acl: ['1:world:anyone'] }, c: 'same' })
    await plant(to, {
      '': null,
      a: { data: 'old', acl: READERS },
      b: 'old',
      c: { data: 'same', acl: READERS },
    })
    const before = contents(await readTree(to))
    const outcome = await copied(from, to, '--merge', '--no-acl')
    expect(outcome.code, outcome.stderr).toBe(0)
    expect(outcome.summary.znodes.updated).toBe(2)
    // Someone opens it meanwhile: what was there includes who could see it.
    await to.client.setACL(to.at('a'), [parseAcl(OPEN)])
    await broughtBack(outcome, to)
    expect(contents(await readTree(to))).toEqual(before)
  })

  test('a temporary entry of the run is in no undo file', async () => {
    const { from, to } = await pair('undo')
    await plant(from, { '': null, shut: { data: 'new', acl: [OPEN] }, 'shut/a': 'new', 'shut/b': 'new' })
    await from.client.setACL(from.at('shut'), [parseAcl('1:world:anyone')])
    await plant(to, { '': null, shut: { data: 'old', acl: READERS }, 'shut/a': 'old' })
    const before = contents(await readTree(to))
    const outcome = await copied(from, to, '--merge')
    expect(outcome.code, outcome.stderr).toBe(0)
    expect(readFileSync(outcome.summary.undo as string, 'latin1')).not.toMatch(/zkferry-[0-9a-f]{12}/)
    // Only who may do so can bring an ACL back that was given away: here a fresh tree takes it.
    const fresh = await place('3.9.5', 'undo')
    await plant(fresh, { '': null })
    await broughtBack(outcome, fresh)
    expect(contents(await readTree(fresh))).toEqual(before)
  })

  test('a resumed run goes on with its file, and the oldest state is the one that counts', async () => {
    const { from, to } = await pair('undo')
    await plantMany(from, 12, 100)
    await plantMany(to, 12, 100, 50)
    const before = contents(await readTree(to))
    const journal = freshJournal()
    const args = ['copy', '--merge', '--journal', journal, from.location, to.location]
    await killed([...args, '--rate', '500', '--concurrency', '1'], to)
    const files = readdirSync(dirname(journal)).filter((name) => name.endsWith('.undo'))
    expect(files).toHaveLength(1)
    expect(contents(await readTree(to))).not.toEqual(before)

    const outcome = await zkferry(args)
    expect(outcome.code, outcome.stderr).toBe(0)
    expect(outcome.of('run')[0]).toMatchObject({ resumed: true })
    expect(outcome.summary.undo).toBe(join(dirname(journal), files[0] as string))
    expect(contents(await readTree(to))).toEqual(contents(await readTree(from)))
    const back = await broughtBack(outcome, to)
    expect(back.summary.znodes.updated).toBe(1200)
    expect(contents(await readTree(to))).toEqual(before)
  })

  test('killed in the middle: what it had overwritten by then comes back from the file as it lies there', async () => {
    const { from, to } = await pair('undo')
    await plantMany(from, 12, 100)
    await plantMany(to, 12, 100, 50)
    const before = contents(await readTree(to))
    const journal = freshJournal()
    const args = ['copy', '--merge', '--journal', journal, '--rate', '500', '--concurrency', '1']
    await killed([...args, from.location, to.location], to)
    const after = contents(await readTree(to))
    expect(after).not.toEqual(before)
    const [name = ''] = readdirSync(dirname(journal)).filter((each) => each.endsWith('.undo'))
    await broughtBack({ summary: { undo: join(dirname(journal), name) } } as Outcome, to)
    expect(contents(await readTree(to))).toEqual(before)
  })
})

describe('rmr', () => {
  test('a subtree comes back whole: ACLs, counters, null apart from empty; its ephemerals do not', async () => {
    const where = await place('3.9.5', 'undo')
    const { client } = await place('3.9.5', 'undo')
    await client.addAuth({ scheme: 'digest', auth: Buffer.from(ALICE) })
    const alice = new Place(client, where.address, where.root)
    await plant(where, {
      '': { data: 'root', acl: READERS },
      null: null,
      empty: '',
      'empty/deep': 'x',
      open: 'x',
      session: { ephemeral: true },
    })
    await plant(alice, {
      hers: { data: 'her own', acl: [ALICES] },
      'hers/below': { data: 'x', acl: [ALICES] },
    })
    await advance(where, 'null', 5)
    await advance(where, 'open', 3)
    const before = contents(await readTree(alice))
    const env = { ZKFERRY_AUTH: `digest ${ALICE}` }
    const file = join(folder(), 'rmr.undo')
    const outcome = await zkferry(['rmr', '--yes', '--with-ephemerals', '--undo', file, where.location], {
      env,
    })
    expect(outcome.code, outcome.stderr).toBe(0)
    expect(outcome.summary).toMatchObject({ undo: file, znodes: { deleted: 8 } })
    expect((await readTree(where)).size).toBe(0)

    await broughtBack(outcome, where, { ZKFERRY_TARGET_AUTH: `digest ${ALICE}` })
    expect(contents(await readTree(alice))).toEqual(before)
    expect([await nextNumber(where, 'null'), await nextNumber(where, 'open')]).toEqual([5, 3])
  })

  test('by default the file is in the state folder, and each removal has its own', async () => {
    const state = folder()
    const undone: (string | null)[] = []
    for (const name of ['a', 'b']) {
      const where = await place('3.4.14', 'undo')
      await plant(where, { '': name })
      const { code, summary, stderr } = await zkferry(['rmr', '--yes', where.location], {
        env: { ZKFERRY_STATE: state },
      })
      expect(code, stderr).toBe(0)
      undone.push(summary.undo)
      await broughtBack({ summary } as Outcome, where)
      expect((await readTree(where)).get('')?.data).toBe(Buffer.from(name).toString('base64'))
    }
    expect(
      readdirSync(state)
        .map((name) => join(state, name))
        .sort(),
    ).toEqual(undone.toSorted())
  })

  test('what is refused, or only listed, leaves no file', async () => {
    const where = await place('3.9.5', 'undo')
    await plant(where, { '': null, a: 'x', 'a/b': 'y', alive: { ephemeral: true } })
    const before = zxids(await readTree(where))
    for (const flags of [['--max-delete', '2', '--with-ephemerals'], [], ['--dry-run']]) {
      const outcome = await removed(where.location, ...flags)
      expect(outcome.summary.undo).toBeNull()
      expect(outcome.stderr).not.toContain('undo: ')
      expect(outcome.summary.znodes.deleted).toBe(0)
    }
    expect(zxids(await readTree(where))).toEqual(before)
    const without = await zkferry(['rmr', '--yes', '--with-ephemerals', '--no-undo', where.location])
    expect(without.summary).toMatchObject({ undo: null, znodes: { deleted: 4 } })
  })

  test('data that may not be read cannot be kept: nothing is deleted, but with --no-undo', async () => {
    const where = await place('3.9.5', 'undo')
    await plant(where, { '': null, a: 'x', blind: { data: 'x', acl: ['16:world:anyone'] } })
    const outcome = await removed(where.location)
    expect(outcome.code).toBe(3)
    expect(outcome.summary).toMatchObject({ undo: null, znodes: { deleted: 0 } })
    expect(outcome.summary.message).toContain('--no-undo')
    expect(outcome.of('failed')).toContainEqual(expect.objectContaining({ path: 'blind', code: 'NOAUTH' }))
    expect((await zkferry(['rmr', '--yes', '--no-undo', where.location])).code).toBe(0)
  })

  test('what others set and make after the count is kept as they left it', async () => {
    const where = await place('3.9.5', 'undo')
    await plantMany(where, 1, 2000)
    await plant(where, { 'a-set': 'counted', 'a-late': null })
    let acted = false
    const act = async () => {
      await where.client.setData(where.at('a-set'), Buffer.from('set since'))
      await where.client.create(where.at('a-late/new'), Buffer.from('made since'))
    }
    const file = join(folder(), 'rmr.undo')
    const outcome = await zkferry(
      ['rmr', '--yes', '--progress', '--rate', '1000', '--undo', file, where.location],
      {
        onStart: (child) => {
          child.stdout?.on('data', (text: string) => {
            if (acted || !text.includes('"phase":"delete"')) return
            acted = true
            void act()
          })
        },
      },
    )
    expect(outcome.code, outcome.stderr).toBe(0)
    expect((await readTree(where)).size).toBe(0)
    await broughtBack(outcome, where)
    const back = await readTree(where)
    expect(back.size).toBe(2005)
    const text = (path: string) => Buffer.from(back.get(path)?.data ?? '', 'base64').toString()
    expect(text('a-set')).toBe('set since')
    expect(text('a-late/new')).toBe('made since')
  })

  test('killed in the middle: everything that is gone comes back', async () => {
    const where = await place('3.9.5', 'undo')
    await plantMany(where, 4, 500)
    const before = contents(await readTree(where))
    const file = join(folder(), 'rmr.undo')
    await zkferryUntil(
      ['rmr', '--yes', '--rate', '1000', '--undo', file, where.location],
      DELETING,
      'SIGKILL',
    )
    const left = await readTree(where)
    expect(left.size).toBeGreaterThan(0)
    await broughtBack({ summary: { undo: file } } as Outcome, where)
    expect(contents(await readTree(where))).toEqual(before)
  })
})

describe('a disk that is full', () => {
  test('ends a copy with 6 before the write; what it had overwritten comes back', async () => {
    const { from, to } = await pair('full')
    const big = (byte: number) => Buffer.alloc(100_000, byte)
    const names = Array.from({ length: 60 }, (_, at) => `z${String(at).padStart(3, '0')}`)
    await plant(from, { '': null, ...Object.fromEntries(names.map((name) => [name, big(1)])) })
    await plant(to, { '': null, ...Object.fromEntries(names.map((name) => [name, big(2)])) })
    const before = contents(await readTree(to))
    const journal = freshJournal()
    const args = ['copy', '--merge', '--journal', journal, '--rate', '50', from.location, to.location]
    const outcome = await zkferry(args, { fileKiB: 3000 })
    expect(outcome.code, outcome.stderr).toBe(6)
    const [name = ''] = readdirSync(dirname(journal)).filter((each) => each.endsWith('.undo'))
    const undo = join(dirname(journal), name)
    expect(outcome.summary).toMatchObject({ status: 'failed', undo })
    expect(outcome.summary.message).toContain(`The undo file ${undo} cannot be written`)
    const after = contents(await readTree(to))
    expect(after).not.toEqual(before)
    expect(after.filter(([, data]) => data === big(2).toString('base64')).length).toBeGreaterThan(10)
    await broughtBack(outcome, to)
    expect(contents(await readTree(to))).toEqual(before)

    // With room again, the same command goes on.
    const again = await zkferry([...args, '--overwrite-newer'])
    expect(again.code, again.stderr).toBe(0)
    expect(again.summary.undo).toBe(undo)
    await broughtBack(again, to)
    expect(contents(await readTree(to))).toEqual(before)
  })

  test('ends an rmr with 6 before anything is deleted', async () => {
    const where = await place('3.9.5', 'full')
    await plantMany(where, 1, 1000, 1000)
    const before = zxids(await readTree(where))
    const file = join(folder(), 'rmr.undo')
    const outcome = await zkferry(['rmr', '--yes', '--undo', file, where.location], { fileKiB: 200 })
    expect(outcome.code, outcome.stderr).toBe(6)
    expect(outcome.summary).toMatchObject({ status: 'failed', undo: null, znodes: { deleted: 0 } })
    expect(outcome.summary.message).toContain(`The undo file ${file} cannot be written`)
    expect(readdirSync(dirname(file))).toEqual([])
    expect(zxids(await readTree(where))).toEqual(before)
  })

  test.each([0, 4, 20, 32])('nor is anything left of an undo file that ends at %d KiB', async (fileKiB) => {
    const where = await place('3.9.5', 'full')
    await plantMany(where, 1, 100, 1000)
    const args = ['rmr', '--yes', '--undo', join(folder(), 'rmr.undo'), where.location]
    const outcome = await zkferry(args, { fileKiB })
    expect(outcome.code, outcome.stderr).toBe(6)
    expect(outcome.summary.message).toContain(`The undo file ${args[3]} cannot be written (`)
    expect(readdirSync(dirname(args[3] as string))).toEqual([])
    const again = await zkferry(args)
    expect([again.code, again.summary.znodes.deleted], again.stderr).toEqual([0, 102])
  })
})

test('a link that was planted beside the undo file ends the job with 6 before anything is touched', async () => {
  const { from, to } = await pair('undo')
  await plant(from, { '': null, a: 'new' })
  await plant(to, { '': null, a: 'old' })
  const jobs = [
    (undo: string) => copied(from, to, '--merge', '--undo', undo),
    (undo: string) => zkferry(['rmr', '--yes', '--undo', undo, to.location]),
  ]
  for (const job of jobs) {
    const undo = join(folder(), 'u.undo')
    symlinkSync(`${undo}.elsewhere`, `${undo}-journal`)
    const { code, summary, stderr } = await job(undo)
    expect(code, stderr).toBe(6)
    expect(summary.message).toContain(`The undo file ${undo} cannot be written (`)
    expect(String((await to.client.getData(to.at('a'))).data)).toBe('old')
    expect(existsSync(`${undo}.elsewhere`)).toBe(false)
  }
})

test('two copies onto one target keep what each of them overwrote in files of their own', async () => {
  const { from, to } = await pair('undo')
  const other = await place('3.9.5', 'undo')
  await plant(from, { '': null, a: 'first' })
  await plant(other, { '': null, a: 'second' })
  await plant(to, { '': null, a: 'old' })
  const one = await copied(from, to, '--merge')
  const two = await copied(other, to, '--merge')
  expect(one.summary.undo).not.toBe(two.summary.undo)
  const data = async () => (await to.client.getData(to.at('a'))).data?.toString()
  await broughtBack(two, to)
  expect(await data()).toBe('first')
  await broughtBack(one, to)
  expect(await data()).toBe('old')
})
