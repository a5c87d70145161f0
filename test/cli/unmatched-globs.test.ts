/** A glob that matches nothing is named: what it was to leave out, or to let in, is handled without a word else. */
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { type Place, pair, plant, plantMany } from '../helpers/places.ts'
import { freshJournal, SOME_DONE, zkferry, zkferryUntil } from '../helpers/zkferry.ts'
import { cli } from './run-cli.ts'

const BELOW = 'globs are on the path below the root'

let from: Place
let to: Place
beforeAll(async () => {
  const places = await pair('globs')
  from = places.from
  to = places.to
  await plantMany(from, 1, 200)
  await plant(from, { demo: null, 'demo/topom': 'lock', 'demo/slots': null, 'demo/slots/1': 'x' })
})

async function notes(...args: string[]): Promise<unknown[]> {
  const { of, code, stderr } = await zkferry(args)
  expect(code, stderr).toBe(0)
  return of('note').map(({ message }) => message)
}

const everyKind = [
  ...['--exclude', 'topom', '--exclude', '*/topom', '--exclude', 'demo/topom/below', '--exclude', '*/nobody'],
  ...['--include', 'demo/**', '--include', 'dem', '--include', 'demo/slots'],
]
const FILTERS = [
  `--include dem matched nothing: ${BELOW}, and **/dem matches at any depth`,
  `--exclude topom matched nothing: ${BELOW}, and **/topom matches at any depth`,
  `--exclude */nobody matched nothing: ${BELOW}`,
]
const ofKinds = [
  '--container',
  'slot',
  '--container',
  'demo/slots/1',
  '--versions',
  'demo',
  '--versions',
  'x/y',
]
const KINDS = [
  `--versions x/y matched nothing: ${BELOW}`,
  `--container slot matched nothing: ${BELOW}, and **/slot matches at any depth`,
]
const ofTtl = ['--ttl', 'none=1h', '--ttl', 'demo/slots/1=1h', '--plain-kinds']
const TTL = [`--ttl none matched nothing: ${BELOW}, and **/none matches at any depth`]

test('copy, its dry run, and a second copy name each of their globs', async () => {
  const args = ['copy', ...everyKind, ...ofKinds, ...ofTtl, '--journal', freshJournal()]
  const [source, target] = [from.location, `${to.location}-copy`]
  const all = expect.arrayContaining([...FILTERS, ...KINDS, ...TTL])
  for (const more of [['--dry-run'], [], []]) {
    const said = await notes(...args, ...more, source, target)
    expect(said).toEqual(all)
    expect(said.filter((message) => `${message}`.includes('matched nothing'))).toHaveLength(6)
  }
})

test('verify, digest, export and import, too', async () => {
  const target = `${to.location}-same`
  await notes('copy', from.location, target)
  expect(await notes('verify', ...everyKind, ...ofKinds, from.location, target)).toEqual([
    ...FILTERS,
    ...KINDS,
  ])
  expect(await notes('digest', ...everyKind, from.location)).toEqual(FILTERS)
  const file = join(mkdtempSync(join(tmpdir(), 'zkferry-globs-')), 'all.ndjson')
  expect(await notes('export', ...everyKind, '--output', file, from.location)).toEqual(FILTERS)
  await zkferry(['export', '--output', file, from.location])
  expect(await notes('import', ...everyKind, file, `${to.location}-imported`)).toEqual(FILTERS)
})

test('a resumed run has not seen everything, and claims nothing', async () => {
  const args = [
    'copy',
    '--exclude',
    'd00000/z00000',
    '--journal',
    freshJournal(),
    from.location,
    `${to.location}-cut`,
  ]
  const first = await zkferryUntil([...args, '--rate', '40'], SOME_DONE, 'SIGINT')
  expect(first.summary.status).toBe('interrupted')
  expect(first.of('note')).toEqual([])
  const second = await zkferry(args)
  expect(second.of('run')[0]).toMatchObject({ resumed: true })
  expect(second.of('note').filter(({ message }) => `${message}`.includes('matched nothing'))).toEqual([])
})

test('an include that let nothing in is said even with --quiet, and no other glob', async () => {
  const quiet = [
    'digest',
    '--quiet',
    '--include',
    'dem',
    '--include',
    'demo',
    '--exclude',
    'nobody',
    from.location,
  ]
  const { code, stderr } = await cli(quiet)
  expect([code, stderr]).toEqual([0, `note: ${FILTERS[0]}\n`])
})
