/** `verify --client native`: the target is read through the official C client, whose faults end in a sentence. */
import { createHash } from 'node:crypto'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { referenceDigest } from '../../fixtures/digest-reference.ts'
import { pegasusTree } from '../../fixtures/pegasus.ts'
import type { ZnodeRecord } from '../../fixtures/record.ts'
import { recordedTree } from '../../fixtures/recorded.ts'
import { cli } from '../cli/run-cli.ts'
import { FaultProxy } from '../faults/proxy.ts'
import { load, type Place, pair, place, plant, plantMany } from '../helpers/places.ts'
import { zkferry } from '../helpers/zkferry.ts'

const PROJECT = fileURLToPath(new URL('../../', import.meta.url))
const installed = await import('zookeeper').then(
  () => true,
  () => false,
)

const verify = (from: Place, to: string, flags: string[] = [], env: Record<string, string> = {}) =>
  zkferry(
    ['verify', '--client', 'native', '--rounds', '0', '--retry-for', '20s', ...flags, from.location, to],
    {
      env,
    },
  )

describe.runIf(installed)('where the zookeeper package is installed', () => {
  const trees: [string, ZnodeRecord[]][] = [
    ['/codis3', recordedTree('codis3')],
    ['/jodis', recordedTree('jodis')],
    ['/kafka', recordedTree('kafka')],
    ['/pegasus', pegasusTree({ seed: 5, apps: 8, partitions: [4, 32] })],
  ]
  test.each(trees)('%s: the digest is what our own client reads', async (root, records) => {
    const { from, to } = await pair('native')
    const persistent = records.filter(({ kind }) => kind !== 'ephemeral')
    await Promise.all([load(from, persistent), load(to, persistent)])
    const expected = referenceDigest(persistent, root)
    for (const target of [from, to]) {
      const source = target === from ? to : from
      const { code, summary, stderr } = await verify(source, target.location)
      expect(code, stderr).toBe(0)
      expect(summary.digest).toEqual({ source: expected, target: expected })
    }
  })

  test('each kind of difference is named as our own client names it', async () => {
    const { from, to } = await pair('native')
    const shut = ['31:ip:127.0.0.1']
    await plant(from, {
      '': 'r',
      null: null,
      empty: '',
      data: 'now',
      acl: { data: 'x', acl: shut },
      missing: 'm',
      counter: null,
      'counter/a': null,
      alive: { ephemeral: true },
      names: null,
      'names/机器 é': Buffer.from([0, 255, 128]),
    })
    await from.client.delete(from.at('counter/a'))
    await plant(to, {
      '': 'r',
      null: '',
      empty: null,
      data: 'then',
      acl: 'x',
      counter: null,
      extra: { ephemeral: true },
      names: null,
      'names/机器 é': Buffer.from([0, 255, 128]),
    })
    const native = await verify(from, to.location)
    expect(native.code).toBe(1)
    expect(native.differences()).toEqual([
      ': sequence',
      'acl: acl',
      'counter: sequence',
      'data: data',
      'empty: data',
      'extra: ephemeral',
      'missing: missing-in-target',
      'null: data',
    ])
    const own = await zkferry(['verify', '--rounds', '0', from.location, to.location])
    expect(native.differences()).toEqual(own.differences())
    expect(native.summary.digest).toEqual(own.summary.digest)
    const blind = await verify(from, to.location, ['--ignore', 'acl'])
    expect(blind.differences()).toEqual(own.differences().filter((line) => line !== 'acl: acl'))
    expect(native.of('note')).toContainEqual({ message: expect.stringContaining('the official C client') })
  })

  test('/ as a root leaves out /zookeeper; a target that is not there is missing', async () => {
    const { from, to } = await pair('native')
    await plant(from, { '': 'r', a: 'a' })
    const { code, summary } = await verify(from, to.location)
    expect([code, summary.differences]).toEqual([1, 2])
    const top = (where: Place) => ({ ...where, location: `${where.address}/` }) as Place
    const flags = ['--ignore', 'sequence', '--include', 'zookeeper']
    const whole = await verify(top(from), top(to).location, flags)
    expect([whole.code, whole.summary.differences, whole.summary.digest.target]).toEqual([
      0,
      0,
      whole.summary.digest.source,
    ])
  })

  test('an identity sees what it may; an ACL that is masked, or no UTF-8, is never called equal', async () => {
    const from = await place('3.9.5', 'native-from')
    const to = await place('3.9.5', 'native-to')
    const digest = createHash('sha1').update('who:secret').digest('base64')
    for (const where of [from, to]) {
      await plant(where, { '': null, shut: { data: 'x', acl: [`31:digest:who:${digest}`] } })
      const id = Buffer.from([0x61, 0x3a, 0xff])
      const acl = [
        { perms: 31, scheme: 'world', id: Buffer.from('anyone') },
        { perms: 1, scheme: 'digest', id },
      ]
      await where.client.create(where.at('bytes'), null, { acl })
    }
    const auth = { ZKFERRY_SOURCE_AUTH: 'digest who:secret', ZKFERRY_TARGET_AUTH: 'digest who:secret' }
    const seen = await verify(from, to.location, [], auth)
    expect(seen.code).toBe(3)
    expect(seen.of('failed').map(({ path, side, code }) => [path, side, code])).toEqual([
      ['bytes', 'target', 'GARBLED'],
    ])
    // NOAUTH is what makes the package's getACL end its process: it is not asked then.
    const stranger = await verify(from, to.location, [], { ZKFERRY_SOURCE_AUTH: 'digest who:secret' })
    expect(stranger.code).toBe(3)
    expect(stranger.of('failed').map(({ path, code }) => [path, code])).toEqual([
      ['bytes', 'GARBLED'],
      ['shut', 'NOAUTH'],
    ])
    expect(stranger.summary.reconnects).toBe(0)
  })

  test('connections that are lost under it cost time, and nothing else', async () => {
    const { from, to } = await pair('native')
    await Promise.all([plantMany(from, 20, 100), plantMany(to, 20, 100)])
    const proxy = await FaultProxy.before(Number(to.address.split(':')[1]))
    try {
      let replies = 0
      const cuts = [700, 1900, 3100]
      proxy.alterReply = (frame) => {
        if (cuts.includes(++replies)) proxy.cut()
        return frame
      }
      const { code, summary, stderr } = await verify(from, `${proxy.connectString}${to.root}`, [
        '--timeout',
        '3s',
      ])
      expect(code, stderr).toBe(0)
      expect(summary.digest.target).toBe(summary.digest.source)
      expect(summary.reconnects).toBeGreaterThan(0)
      expect(replies).toBeGreaterThan(3100)
    } finally {
      await proxy.close()
    }
  })

  test('a server that goes away for good is exit 5', async () => {
    const { from, to } = await pair('native')
    await Promise.all([plantMany(from, 10, 100), plantMany(to, 10, 100)])
    const proxy = await FaultProxy.before(Number(to.address.split(':')[1]))
    let replies = 0
    proxy.alterReply = (frame) => {
      if (++replies === 500) void proxy.close()
      return frame
    }
    const { code, stderr } = await zkferry([
      ...['verify', '--client', 'native', '--retry-for', '3s'],
      from.location,
      `${proxy.connectString}${to.root}`,
    ])
    expect([code, stderr]).toEqual([5, expect.stringContaining('through the zookeeper package')])
  })

  test('a binary that was never built is a sentence and exit 2', async () => {
    const { from, to } = await pair('native')
    await plant(from, { '': null })
    const without = installation((name, modules) => {
      for (const part of ['package.json', 'lib'])
        cpSync(join(PROJECT, 'node_modules', name, part), join(modules, name, part), { recursive: true })
    })
    const { code, stderr } = await cli(['verify', '--client', 'native', from.location, to.location], without)
    expect([code, stderr]).toEqual([
      2,
      expect.stringMatching(/"zookeeper", which is installed here, but has no binary/),
    ])
  })
})

test('where the zookeeper package is not installed: a sentence and exit 2', async () => {
  const { from, to } = await pair('native')
  await plant(from, { '': null })
  const without = installation(() => {})
  const { code, stderr } = await cli(['verify', '--client', 'native', from.location, to.location], without)
  expect([code, stderr]).toEqual([
    2,
    expect.stringMatching(/^.*"zookeeper", which is not installed here; .*$/m),
  ])
})

test('another client is a usage error', async () => {
  const { code, stderr } = await cli(['verify', '--client', 'kazoo', 'a:1/x', 'b:1/x'])
  expect([code, stderr]).toEqual([
    2,
    expect.stringContaining('--client "kazoo" is no client that can be chosen'),
  ])
})

/** This project installed elsewhere, with all its packages but `zookeeper`, which `put` may put there. */
function installation(put: (name: string, modules: string) => void): { bin: string } {
  const folder = mkdtempSync(join(tmpdir(), 'zkferry-installed-'))
  for (const part of ['bin', 'dist', 'package.json'])
    cpSync(join(PROJECT, part), join(folder, part), { recursive: true })
  const modules = join(folder, 'node_modules')
  mkdirSync(modules)
  for (const name of readdirSync(join(PROJECT, 'node_modules'))) {
    if (name.startsWith('.')) continue
    if (name === 'zookeeper') put(name, modules)
    else symlinkSync(join(PROJECT, 'node_modules', name), join(modules, name))
  }
  return { bin: join(folder, 'bin', 'zkferry.js') }
}
