/** Whose ephemerals went with a session: servers from 3.6 on write it down, before that it is found out. */
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { CreateFlag, ZooKeeperClient } from '../../src/zookeeper/index.ts'
import { cli } from '../cli/run-cli.ts'
import { zkferry } from '../helpers/zkferry.ts'
import { startServer } from '../servers/index.ts'

/** Turns the text around where it is printed as it is. */
const TURNED = 'gnp\u202egpj'

test.for(['3.4.14', '3.9.5'])('%s', async (version) => {
  const dataDir = mkdtempSync(join(tmpdir(), 'zkferry-inspect-'))
  const server = await startServer({ version, dataDir })
  const connect = () => ZooKeeperClient.connect({ connect: server.connectString })
  let session: bigint
  try {
    const early = await connect()
    await early.create('/early', null, { flags: CreateFlag.ephemeral })
    // The next start writes a snapshot: what was made before is in no log of it.
    await server.restart()
    await early.attached()
    const client = await connect()
    session = client.sessionId
    for (const path of ['/one', '/two', `/${TURNED}`])
      await client.create(path, Buffer.from('x'), { flags: CreateFlag.ephemeral })
    await client.delete('/two')
    await client.close()
    await early.close()
  } finally {
    await server.stop()
  }
  const location = `datadir:${dataDir}`
  const { code, stderr, of } = await zkferry(['inspect', '--txns', '--path', '/*', location])
  expect(code, stderr).toBe(0)
  const deletions = of('txn').filter(({ op }) => op === 'delete')
  expect(deletions.map(({ path, by }) => `${path} ${by}`).sort()).toEqual(
    ['/early session-end', `/${TURNED} session-end`, '/one session-end', '/two client'].sort(),
  )
  expect(deletions.filter(({ session: by }) => by === `${session}`).length).toBe(3)
  const text = await cli(['inspect', '--txns', '--path', '/gnp*', location])
  expect(text.stdout).not.toContain('\u202e')
  expect(text.stdout).toContain('/gnp\\u202egpj  (its session ended')
})
