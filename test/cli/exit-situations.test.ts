/** Exit codes that take a particular situation: 3, 6 and 70. The others are seen in the tests beside this one. */
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { openJournal } from '../../src/journal/index.ts'
import { cli } from './run-cli.ts'
import { fill, type Place, place } from './tree.ts'

const places: Place[] = []
async function open(...args: Parameters<typeof place>): Promise<Place> {
  const opened = await place(...args)
  places.push(opened)
  return opened
}
afterAll(() => Promise.all(places.map(({ client }) => client.close())))
const folder = () => mkdtempSync(join(tmpdir(), 'zkferry-exit-'))

describe('3: some znodes failed', () => {
  test('a znode that may not be read is named, the rest is done, nothing is deleted', async () => {
    const from = await open('from', '3.4.14')
    const to = await open('to')
    await fill(from, { '': null, open: 'x' })
    await fill(to, { '': null, extra: 'y' })
    await from.client.addAuth({ scheme: 'digest', auth: Buffer.from('owner:pw') })
    const acl = [{ perms: 31, scheme: 'auth', id: Buffer.from('') }]
    await from.client.create(`${from.root}/shut`, Buffer.from('secret'), { acl })
    const args = ['copy', '--merge', '--delete', '--yes', from.location, to.location]
    const result = await cli([...args, '--json'], { env: { ZKFERRY_SOURCE_AUTH: 'digest owner:mistyped' } })
    expect(result.code, result.stderr).toBe(3)
    const failed = result.json().filter(({ type }) => type === 'failed')
    expect(failed[0]).toMatchObject({ path: 'shut', side: 'source', code: 'NOAUTH' })
    expect(failed[0]?.message).toContain('owner')
    expect(JSON.stringify(result)).not.toContain('mistyped')
    expect(result.summary()).toMatchObject({ status: 'incomplete', exitCode: 3, znodes: { deleted: 0 } })
    expect(result.summary().digest).toEqual({ source: null, target: null })
    expect((await to.client.getData(`${to.root}/open`)).data?.toString()).toBe('x')
    expect(await to.client.exists(`${to.root}/extra`)).not.toBeNull()
  })
})

describe('6: the journal', () => {
  test('one that another process works with: it says who', async () => {
    const file = join(folder(), 'run.journal')
    const held = openJournal(file, { command: 'copy' })
    try {
      const result = await cli(['copy', '--json', '--journal', file, '127.0.0.1:1/a', '127.0.0.2:1/b'])
      expect(result.code, result.stderr).toBe(6)
      expect(result.stderr).toContain(String(process.pid))
      expect(result.summary()).toMatchObject({ status: 'refused', exitCode: 6 })
    } finally {
      held.close()
    }
  })

  test('one of another job: nothing is written', async () => {
    const from = await open('from')
    const other = await open('other')
    const to = await open('to', '3.4.14')
    await fill(from, { '': null, a: 'x' })
    await fill(other, { '': null, b: 'y' })
    const file = join(folder(), 'run.journal')
    expect(await cli(['copy', '--journal', file, from.location, to.location])).toMatchObject({ code: 0 })
    const result = await cli(['copy', '--journal', file, other.location, to.location])
    expect(result.code, result.stderr).toBe(6)
    expect(result.stderr).toContain('belongs to another job')
    expect(await to.client.exists(`${to.root}/b`)).toBeNull()
  })

  test('a damaged one is left as it is', async () => {
    const file = join(folder(), 'run.journal')
    const held = openJournal(file, { command: 'copy' })
    held.close()
    const bytes = readFileSync(file)
    bytes.fill(0xa5, 100, 2000)
    writeFileSync(file, bytes)
    const result = await cli(['copy', '--journal', file, '127.0.0.1:1/a', '127.0.0.2:1/b'])
    expect(result.code, result.stderr).toBe(6)
    expect(result.stderr).toContain(`${file} is damaged`)
    expect(readFileSync(file)).toEqual(bytes)
  })
})

describe('70: a bug', () => {
  // What is thrown where nobody expects it, while the job waits for an ensemble.
  const boom = `data:text/javascript,${encodeURIComponent("setTimeout(()=>{throw new TypeError('boom')},1500)")}`
  const args = ['digest', '--retry-for', '5m', '127.0.0.1:1/x']

  test('is one sentence that says so, and the stack only with --verbose', async () => {
    const env = { NODE_OPTIONS: `--import=${boom}` }
    const plain = await cli(args, { env })
    expect(plain.code, plain.stderr).toBe(70)
    expect(plain.stderr).toMatch(/^zkferry: This is a bug in zkferry.*TypeError: boom.*--verbose/m)
    expect(plain.stderr).not.toContain('    at ')
    const verbose = await cli([...args, '--verbose', '--json'], { env })
    expect(verbose.code).toBe(70)
    expect(verbose.stderr).toContain('    at ')
    expect(verbose.summary()).toMatchObject({ status: 'failed', exitCode: 70 })
  })
})
