/** Every znode goes through every format unchanged. */
import { tmpdir } from 'node:os'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { stageFile } from '../../src/locations/export/read.ts'
import { BASE } from '../../src/locations/export/record.ts'
import type { OwnFormat } from '../../src/locations/export/records.ts'
import { writeExport } from '../../src/locations/export/write.ts'
import { type StagedZnode, Staging } from '../../src/locations/stored/staging.ts'
import { type AclEntry, aclList } from '../../src/tree/acl.ts'
import type { CreateMode } from '../../src/tree/create-mode.ts'
import { LONGEST_TTL_MS } from '../../src/tree/create-mode.ts'
import { NO_STAT } from '../../src/tree/znode.ts'
import { existingPathFlaw } from '../../src/zookeeper/path.ts'

const name = fc
  .oneof(
    fc.string({ unit: 'grapheme', minLength: 1, maxLength: 12 }),
    fc.string({ unit: 'binary', minLength: 1, maxLength: 6 }),
    fc.constantFrom(
      '---',
      '- a',
      'a: b',
      '#',
      '\u202eabc',
      '\u2028',
      'null',
      'true',
      '~',
      '1',
      '"',
      "'",
      ' x ',
      '\ufeff',
    ),
  )
  .filter((text) => !text.includes('/') && existingPathFlaw(`/${text}`) === null)

const data = fc.oneof(
  fc.constant(null),
  fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
  fc.string({ unit: 'grapheme', maxLength: 60 }).map((text) => Buffer.from(text)),
  fc
    .array(
      fc.constantFrom(
        '\n',
        '\r',
        '\t',
        ' ',
        '---',
        '...',
        'a',
        '#',
        ': ',
        '- ',
        '|',
        '"',
        "'",
        '\\',
        'é',
        '数',
      ),
      {
        maxLength: 20,
      },
    )
    .map((parts) => Buffer.from(parts.join(''))),
)

const int = fc.oneof(fc.nat(3), fc.integer({ min: 0, max: 0x7fffffff }))
const entry: fc.Arbitrary<AclEntry> = fc.record({
  perms: fc.oneof(fc.integer({ min: 0, max: 31 }), fc.integer()),
  scheme: fc.oneof(
    fc.constantFrom('world', 'digest', 'x509', 'a:b', 'a\u202eb'),
    fc.string({ minLength: 1, maxLength: 5 }),
  ),
  id: fc.oneof(
    fc.string({ maxLength: 10 }).map((text) => Buffer.from(text)),
    fc.uint8Array({ maxLength: 9 }).map((b) => Buffer.from(b)),
  ),
})
const mode: fc.Arbitrary<CreateMode> = fc.oneof(
  fc.constant('persistent' as const),
  fc.constant('container' as const),
  fc.integer({ min: 1, max: LONGEST_TTL_MS }).map((ttlMs) => ({ ttlMs })),
)
const big = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })
const time = fc.oneof(big, fc.bigInt({ min: 0n, max: 253402300800000n }))

const znode = fc.record({
  data,
  acl: fc.array(entry, { maxLength: 3 }),
  mode,
  sequence: int,
  stat: fc.record({
    czxid: big,
    mzxid: big,
    pzxid: big,
    ctime: time,
    mtime: time,
    version: int,
    aversion: int,
  }),
})
const tree = fc.tuple(
  znode,
  fc.uniqueArray(fc.tuple(name, znode), { selector: ([own]) => own, maxLength: 6 }),
)

async function* inPieces(text: string, size: number): AsyncGenerator<Buffer> {
  const bytes = Buffer.from(text)
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

test.each(['ndjson', 'json', 'yaml'] as const)('%s', async (format: OwnFormat) => {
  await fc.assert(
    fc.asyncProperty(tree, fc.integer({ min: 1, max: 200 }), async ([root, children], size) => {
      const znodes = [['', root] as const, ...children].map(([own, { acl, stat, ...rest }]): StagedZnode => {
        return { ...rest, path: `/${own}`, acl: aclList(acl), stat: { ...NO_STAT, ...stat } }
      })
      const [before, after] = [new Staging(temporary()), new Staging(temporary())]
      try {
        for (const each of znodes) before.put(each)
        let text = ''
        const leads = new Set(children.slice(0, 1).map(([own]) => `/${own}`))
        const { signal } = new AbortController()
        const options = { acl: true, stat: true }
        const writing = { staging: before, format, options, partial: true, failed: 0, leads, signal }
        await writeExport(writing, (piece) => {
          expect(piece.endsWith('\n')).toBe(true)
          text += piece
        })
        // Nothing hides in it.
        expect(text).not.toMatch(/(?![\n\t])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u)
        const reading = { staging: after, format: 'auto', signal, note: () => {} } as const
        const read = await stageFile(inPieces(text, size), reading)
        expect(read).toMatchObject({ partial: true, failed: 0, lacksAcls: false })
        expect([...read.leads]).toEqual([...leads].map((path) => BASE + path))
        const found = [...after.all()].map((each) => ({ ...each, path: each.path.slice(BASE.length) || '/' }))
        expect(sorted(found)).toEqual(sorted([...before.all()]))
      } finally {
        before.close()
        after.close()
      }
    }),
    { numRuns: 80 },
  )
})

function sorted(znodes: StagedZnode[]): StagedZnode[] {
  return znodes.sort((a, b) => (a.path < b.path ? -1 : 1))
}

let made = 0
function temporary(): string {
  return `${tmpdir()}/zkferry-formats-${process.pid}-${made++}`
}
