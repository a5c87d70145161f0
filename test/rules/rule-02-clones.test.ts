/** Rule 2: ensembles that were booted from one snapshot are two, although their znodes have the same zxids and times. */
import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { connect, Place, plant } from '../helpers/places.ts'
import { contents, readTree } from '../helpers/read-tree.ts'
import { freshJournal, zkferry } from '../helpers/zkferry.ts'
import { type Server, startServer } from '../servers/index.ts'

const servers: Server[] = []
const folder = mkdtempSync(join(tmpdir(), 'zkferry-clones-'))
afterAll(async () => {
  await Promise.all(servers.map((server) => server.stop()))
  rmSync(folder, { recursive: true, force: true })
})

async function boot(version: string, dataDir: string): Promise<Server> {
  const server = await startServer({ version, dataDir, jvm: ['-Xmx128m'] })
  servers.push(server)
  return server
}

test.each(['3.4.14', '3.9.5'])(
  'rule 2: a copy between %s and its clone is a copy like any other',
  async (version) => {
    const [one, two] = [join(folder, `${version}-one`), join(folder, `${version}-two`)]
    const first = await boot(version, one)
    const origin = new Place(await connect(first.connectString), first.connectString, '/app')
    await plant(origin, { '': 'root', a: 'x', 'a/b': 'y' })
    const planted = contents(await readTree(origin))
    await origin.client.close()
    await first.kill()
    cpSync(one, two, { recursive: true })
    const [again, clone] = [await boot(version, one), await boot(version, two)]
    const source = new Place(await connect(again.connectString), again.connectString, '/app')
    const target = new Place(await connect(clone.connectString), clone.connectString, '/app')
    expect(contents(await readTree(target))).toEqual(planted)
    expect((await target.client.exists('/app/a'))?.czxid).toBe((await source.client.exists('/app/a'))?.czxid)

    await source.client.setData('/app/a', Buffer.from('changed'))
    await source.client.create('/app/new', Buffer.from('new'))
    const args = ['copy', '--merge', '--journal', freshJournal(), source.location]
    const { code, stderr, summary } = await zkferry([...args, target.location])
    expect(code, stderr).toBe(0)
    expect(summary.znodes).toMatchObject({ created: 1, updated: 1 })
    expect(contents(await readTree(target))).toEqual(contents(await readTree(source)))

    // The same place of the same ensemble under another name is found all the same.
    const other = source.location.replace('127.0.0.1', 'localhost')
    const refused = await zkferry(['copy', '--merge', source.location, other])
    expect(refused.code).toBe(2)
    expect(refused.summary.message).toMatch(/same place/)
  },
)
