/** The file of `verify --combined`: what it may take the place of, and when. */
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { FaultProxy } from '../faults/proxy.ts'
import { type Place, pair, plant, plantMany } from '../helpers/places.ts'
import { zkferry, zkferryUntil } from '../helpers/zkferry.ts'
import { sharedServer } from '../servers/shared.ts'

const fresh = () => mkdtempSync(join(tmpdir(), 'zkferry-combined-'))

async function equal(): Promise<{ from: Place; to: Place }> {
  const both = await pair('combined')
  await plant(both.from, { '': null, a: 'x' })
  await plant(both.to, { '': null, a: 'x' })
  return both
}

function verify(file: string, from: string, to: string, ...more: string[]) {
  return zkferry(['verify', '--rounds', '0', '--combined', file, from, to, ...more])
}

test('is for nobody else, and takes the place of an earlier one, also through a link, whose rights it keeps', async () => {
  const { from, to } = await equal()
  const folder = fresh()
  const [file, link] = [join(folder, 'marks'), join(folder, 'link')]
  expect((await verify(file, from.location, to.location)).code).toBe(0)
  expect(readFileSync(file, 'utf8')).toBe('= \n= a\n')
  expect(statSync(file).mode & 0o777).toBe(0o600)
  chmodSync(file, 0o640)
  symlinkSync(file, link)
  await to.client.setData(to.at('a'), Buffer.from('other'))
  expect((await verify(link, from.location, to.location)).code).toBe(1)
  expect(lstatSync(link).isSymbolicLink()).toBe(true)
  expect(readFileSync(file, 'utf8').split('\n').sort()).toEqual(['', '* a', '= '])
  expect(statSync(file).mode & 0o777).toBe(0o640)
  expect(readdirSync(folder).sort()).toEqual(['link', 'marks'])
})

test('what is no such list is left as it is: a text, what a link names, an input of the job, a folder', async () => {
  const { from, to } = await equal()
  const folder = fresh()
  const [text, link, archive] = ['text', 'link', 'a.zk'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ]
  writeFileSync(text, '- one\n- two\n  and more of two\n')
  symlinkSync(text, link)
  expect((await zkferry(['copy', from.location, `archive:${archive}#/app`])).code).toBe(0)
  mkdirSync(join(folder, 'folder'))
  const before = [text, archive].map((file) => readFileSync(file))
  for (const file of [text, link, archive, join(folder, 'folder')]) {
    const { code, summary } = await verify(file, `archive:${archive}#/app`, to.location)
    expect(code, file).toBe(7)
    expect(summary.message).toMatch(/--combined .* (is no list of an earlier --combined|is a folder)/)
    expect(summary.message).toContain(file)
  }
  expect([text, archive].map((file) => readFileSync(file))).toEqual(before)
  expect(readdirSync(folder)).toHaveLength(4)
})

test('a job that fails or is interrupted leaves the list of the one before it', async () => {
  const { from, to } = await pair('combined')
  await plantMany(from, 30, 50)
  await plantMany(to, 30, 50)
  const folder = fresh()
  const file = join(folder, 'marks')
  writeFileSync(file, '= \n* before\n')
  const failed = await verify(file, from.location, '127.0.0.1:1/none', '--retry-for', '0s')
  expect(failed.code, failed.stderr).toBe(5)
  // For minutes.
  const proxy = await FaultProxy.before(sharedServer().port, { record: false })
  onTestFinished(() => proxy.close())
  proxy.pace.bytesPerSecond = 2000
  const args = ['verify', '--combined', file, from.location, proxy.connectString + to.root]
  const interrupted = await zkferryUntil(args, /"type":"run"/, 'SIGINT')
  expect(interrupted.code, interrupted.stderr).toBe(130)
  expect(readFileSync(file, 'utf8')).toBe('= \n* before\n')
  expect(readdirSync(folder)).toEqual(['marks'])
})

test('interrupted while it waits for the source to settle, nothing is called a difference', async () => {
  const { from, to } = await pair('unsettled')
  await plant(from, { '': null, a: 'one' })
  await plant(to, { '': null, a: 'two' })
  const file = join(fresh(), 'marks')
  const args = ['verify', '--combined', file, '--settle', '60s', from.location, to.location]
  const interrupted = await zkferryUntil(args, /"phase":"settle"/, 'SIGINT')
  expect(interrupted.code, interrupted.stderr).toBe(130)
  expect(interrupted.summary.digest).toEqual({ source: null, target: null })
  expect(interrupted.differences()).toEqual([])
  expect(existsSync(file)).toBe(false)
})
