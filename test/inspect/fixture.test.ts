/** `zkferry inspect` on what real servers wrote: fixtures/datadir. No server is needed. */
import { cpSync, mkdtempSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { cli } from '../cli/run-cli.ts'
import { type Outcome, zkferry } from '../helpers/zkferry.ts'

const FIXTURES = fileURLToPath(new URL('../../fixtures/datadir/', import.meta.url))
const NEW = join(FIXTURES, 'zookeeper-3.9.5')
const OLD = join(FIXTURES, 'zookeeper-3.4.14')

function inspect(directory: string, ...flags: string[]): Promise<Outcome> {
  return zkferry(['inspect', ...flags, `datadir:${directory}`])
}

/** A copy to be damaged. */
function copyOf(directory: string): string {
  const copy = join(mkdtempSync(join(tmpdir(), 'zkferry-inspect-')), 'data')
  cpSync(directory, copy, { recursive: true })
  return copy
}

function flip(file: string, at: number): void {
  const bytes = readFileSync(file)
  bytes[at] = (bytes[at] as number) ^ 1
  writeFileSync(file, bytes)
}

describe('what lies there', () => {
  test('snapshots, logs, the tree, its sessions', async () => {
    const { code, stderr, of, lines } = await inspect(NEW)
    expect(code, stderr).toBe(0)
    expect(of('snapshot')).toMatchObject([
      {
        zxid: '9',
        compression: 'gzip',
        znodes: 1076,
        sessions: 0,
        damage: null,
        digest: { zxid: '9', version: 2 },
      },
    ])
    expect(of('log')).toMatchObject([
      {
        transactions: 26,
        first: { zxid: '10', time: '2026-11-23T18:46:10.152Z' },
        last: { zxid: '35' },
        types: { create: 14, createContainer: 1, createTtl: 1 },
        gapBefore: false,
        damage: [],
      },
    ])
    expect(of('tree')).toMatchObject([
      {
        zxid: '35',
        root: '/',
        znodes: 1092,
        kinds: { persistent: 1086, ephemeral: 4, container: 1, ttl: 1 },
        sessions: 1,
        digestsChecked: 26,
      },
    ])
    expect(of('session')).toMatchObject([{ server: 1, timeoutMs: 60_000, ephemerals: 4 }])
    expect(lines.at(-1)).toMatchObject({ type: 'summary', command: 'inspect', status: 'done' })
  })

  test('the biggest of each, as many as were asked for', async () => {
    const { of } = await inspect(NEW, '--top', '2')
    const biggest = of('znode').map(({ bytes }) => bytes as number)
    expect(biggest).toEqual([501, 325])
    const directories = of('directory').map(({ by, path, children, znodesBelow }) => [
      by,
      path,
      children,
      znodesBelow,
    ])
    expect(directories).toEqual([
      ['children', '/codis3/codis-demo/slots', 1024, 1024],
      ['children', '/pegasus/fx-7/apps/2', 16, 16],
      ['bytes-below', '/', 4, 1091],
      ['bytes-below', '/codis3', 1, 1032],
    ])
  })

  test('a part of the tree', async () => {
    const { code, of } = await inspect(`${NEW}#/codis3`)
    expect(code).toBe(0)
    expect(of('tree')).toMatchObject([{ root: '/codis3', znodes: 1033 }])
    const none = await inspect(`${NEW}#/no/such`)
    expect([none.code, none.stderr]).toEqual([2, expect.stringContaining('no znode /no/such')])
  })

  test('for people', async () => {
    const { code, stdout } = await cli(['inspect', '--top', '1', `datadir:${OLD}`])
    expect(code).toBe(0)
    const headings = stdout.split('\n').filter((line) => /^\S/.test(line))
    expect(headings).toEqual([
      'SNAPSHOTS',
      'LOGS',
      'TREE at 0x1b',
      'SESSIONS',
      'BIGGEST ZNODES',
      'DIRECTORIES WITH THE MOST CHILDREN',
      'DIRECTORIES WITH THE MOST DATA BELOW',
    ])
    expect(stdout).toMatch(/^ {2}log\.5 .*; 0x5 to 0x14; .*16 transactions.*; sound$/m)
  })
})

describe('who did what', () => {
  test('deleted this znode', async () => {
    const { code, stderr, of } = await inspect(OLD, '--txns', '--path', '/pegasus/queue/job-0000000011')
    expect(code, stderr).toBe(0)
    expect(of('txn').map(({ op, zxid, by, session, time }) => [op, zxid, by, session, time])).toEqual([
      ['create', '19', undefined, '72058501377687552', '2026-11-23T18:46:13.474Z'],
      ['delete', '23', 'client', '72058501377687552', '2026-11-23T18:46:13.501Z'],
    ])
  })

  test('in a span of time, or of zxids, both ends with it', async () => {
    const zxidsOf = async (...flags: string[]) =>
      (await inspect(OLD, '--txns', ...flags)).of('txn').map(({ zxid }) => Number(zxid))
    expect(await zxidsOf('--since', '0x18', '--until', '0x1a')).toEqual([24, 25, 26])
    expect(await zxidsOf('--since', '2026-11-23T18:46:13.505Z')).toEqual([25, 26, 27])
    expect(await zxidsOf('--until', '2026-11-23T18:46:13.400Z')).toEqual([5, 6, 6, 6])
    expect(await zxidsOf('--since', '1ms')).toEqual([])
  })

  test('with everything that was written: kinds, ACLs, data, the parts of a multi', async () => {
    const { of } = await inspect(NEW, '--txns', '--data')
    const txns = of('txn')
    expect(txns.find(({ path }) => path === '/pegasus/workers')).toMatchObject({
      op: 'create',
      kind: 'container',
      bytes: 9,
      data: Buffer.from('container').toString('base64'),
      acl: [{ perms: 31, scheme: 'world', id: Buffer.from('anyone').toString('base64') }],
    })
    expect(txns.find(({ path }) => path === '/pegasus/cache')).toMatchObject({
      kind: 'ttl',
      ttlMs: '3600000',
    })
    const multi = txns.filter(({ part }) => part !== null)
    expect(multi.map(({ part }) => part)).toEqual(
      multi.map((_, at) => ({ number: at + 1, of: multi.length })),
    )
    expect(of('txns')).toMatchObject([{ transactions: 26, listed: txns.length }])
  })

  test('a glob that matches nothing is noted; the slash in front may be left out', async () => {
    const none = await inspect(OLD, '--txns', '--path', '/no/such/**')
    expect(none.code).toBe(0)
    expect(none.of('note')).toEqual([{ message: "no transaction matched --path '/no/such/**'" }])
    const with_ = await inspect(OLD, '--txns', '--path', '/pegasus/queue')
    const without = await inspect(OLD, '--txns', '--path', 'pegasus/queue')
    expect(without.of('txn')).toEqual(with_.of('txn'))
    expect(with_.of('txn').map(({ op }) => op)).toEqual(['create', 'setData', 'setData', 'setData', 'setAcl'])
  })
})

describe('what is wrong', () => {
  test('a flipped bit in a snapshot', async () => {
    const directory = copyOf(OLD)
    flip(join(directory, 'version-2/snapshot.13'), 5000)
    const { code, stderr, of } = await inspect(directory)
    expect(code).toBe(3)
    expect(of('snapshot')[0]?.damage).toMatch(/^snapshot\.13 .*checksum/)
    expect(stderr).toContain('The tree cannot be told')
    // What can be read is told on demand, and is still not whole.
    const salvaged = await inspect(directory, '--salvage')
    expect(salvaged.code).toBe(3)
    expect(salvaged.of('tree')).toMatchObject([{ zxid: '27' }])
  })

  test('a flipped bit in a log: named, and what follows is listed', async () => {
    const directory = copyOf(OLD)
    flip(join(directory, 'version-2/log.5'), 700)
    const files = await inspect(directory)
    expect(files.code).toBe(3)
    expect(files.of('log')[0]?.damage).toEqual([expect.stringMatching(/^log\.5 has a wrong checksum/)])
    const txns = await inspect(directory, '--txns')
    expect(txns.code).toBe(3)
    expect(txns.stderr).toContain('Transactions may be missing: log.5')
    const zxids = new Set(txns.of('txn').map(({ zxid }) => zxid))
    expect(zxids.size).toBe(22)
    expect(zxids).toContain('27')
  })

  test('a torn end is no damage by itself; transactions that are missing before a log are', async () => {
    const directory = copyOf(OLD)
    const last = join(directory, 'version-2/log.15')
    truncateSync(last, statSync(last).size - 10)
    const torn = await inspect(directory)
    expect(torn.code, torn.stderr).toBe(0)
    expect(torn.of('log')[1]).toMatchObject({ end: 'torn', transactions: 6, damage: [] })
    const first = join(directory, 'version-2/log.5')
    truncateSync(first, statSync(first).size - 500)
    const missing = await inspect(directory)
    expect(missing.code).toBe(3)
    expect(missing.of('log').map(({ gapBefore }) => gapBefore)).toEqual([false, true])
    expect(missing.stderr).toContain('comes after a gap')
  })

  test('no such folder, an empty one, another location, flags that do not go together', async () => {
    const empty = mkdtempSync(join(tmpdir(), 'zkferry-inspect-'))
    const outcomes = await Promise.all([
      inspect(join(empty, 'none')),
      inspect(empty),
      zkferry(['inspect', '127.0.0.1:1/x']),
      inspect(OLD, '--path', '/x'),
      inspect(OLD, '--txns', '--top', '3'),
      inspect(OLD, '--txns', '--since', 'yesterday'),
      inspect(OLD, '--txns', '--path', '/x{'),
    ])
    expect(outcomes.map(({ code }) => code)).toEqual([4, 4, 2, 2, 2, 2, 2])
    expect(outcomes[5]?.stderr).toContain('--since "yesterday" is no moment')
  })
})
