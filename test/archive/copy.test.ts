/** An archive as a target and as a source: what goes in comes out, on any server. */
import { existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { place, plant, plantMany } from '../helpers/places.ts'
import { contents, readTree } from '../helpers/read-tree.ts'
import { freshJournal, zkferry } from '../helpers/zkferry.ts'
import { freshFolder } from './folders.ts'

describe('there and back', () => {
  test('a tree comes back as it was, and the archive has its digest', async () => {
    const from = await place('3.9.5', 'archive-from')
    const to = await place('3.4.14', 'archive-to')
    await plant(from, {
      '': 'root',
      a: null,
      'a/empty': '',
      'a/text': { data: 'secret', acl: ['31:world:anyone', '31:digest:u:EBQ0XjL1y0cYd2rXBIf/JhYdmzc='] },
      'a/ünï—codé': 'x',
      'a-b': 'sorts between a and a/',
      'a-b/c': Buffer.alloc(300_000, 7),
      live: { data: 'session', ephemeral: true },
    })
    await plantMany({ client: from.client, root: from.at('wide') }, 3, 400, 50)
    const file = join(freshFolder(), 'a.zkferry')
    const at = `archive:${file}#/app`
    const out = await zkferry(['copy', '--retry-for', '5s', '--journal', freshJournal(), from.location, at])
    expect(out.stderr + out.code).toMatch(/0$/)
    expect(out.summary).toMatchObject({
      status: 'done',
      znodes: { created: 1211, skipped: 1 },
      consistency: 'quiet',
    })
    expect(readdirSync(join(file, '..'))).toEqual(['a.zkferry'])
    expect(statSync(file).mode & 0o777).toBe(0o600)

    const digests = await Promise.all([from.location, at].map((location) => zkferry(['digest', location])))
    expect(digests[1]?.summary.digest.source).toBe(digests[0]?.summary.digest.source)
    expect(digests[1]?.summary.digest.source).toBe(out.summary.digest.source)

    const back = await zkferry(['copy', '--journal', freshJournal(), at, to.location])
    expect(back.summary).toMatchObject({ status: 'done', digest: { target: out.summary.digest.source } })
    expect(contents(await readTree(to))).toEqual(contents(await readTree(from)))
    expect((await zkferry(['verify', at, from.location])).differences()).toEqual(['live: ephemeral'])
    expect((await zkferry(['verify', at, to.location])).summary.status).toBe('identical')
    expect((await zkferry(['verify', from.location, at])).summary.status).toBe('identical')
    expect(existsSync(`${file}.lock`)).toBe(false)
  })
})
