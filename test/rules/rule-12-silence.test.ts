/** Rule 12: silence is not an answer. */
import { rm } from 'node:fs/promises'
import { createServer, type Socket, type Server as TcpServer } from 'node:net'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { connect, Place, parseAcl, place, plant, plantMany } from '../helpers/places.ts'
import { zkferry } from '../helpers/zkferry.ts'
import { startServer } from '../servers/index.ts'

const doors: TcpServer[] = []
afterEach(() => {
  for (const door of doors.splice(0)) door.close()
})

/** A port that is no ZooKeeper, and what it does to who knocks. */
async function door(welcome: (socket: Socket) => void): Promise<string> {
  const server = createServer((socket) => {
    socket.on('error', () => {})
    welcome(socket)
  })
  doors.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return `127.0.0.1:${(server.address() as { port: number }).port}`
}

test('rule 12: a port that sends foreign bytes ends at once, however long --retry-for is', async () => {
  const http = await door((socket) =>
    socket.once('data', () => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')),
  )
  const { code, of, summary } = await zkferry(['digest', '--retry-for', '1h', `${http}/x`])
  expect(code).toBe(4)
  expect(of('waiting')).toEqual([])
  expect(summary.message).toContain(http)
})

test.each([
  ['closes', (socket: Socket) => void socket.once('data', () => socket.destroy())],
  ['says nothing', () => {}],
])('rule 12: a port that %s is waited for as --retry-for says', async (_, welcome) => {
  const { location } = await place('3.9.5', 'here')
  const silent = await door(welcome)
  const args = ['copy', '--timeout', '2s', '--retry-for', '2s']
  const source = await zkferry([...args, `${silent}/x`, location])
  expect(source.code).toBe(4)
  expect(source.of('waiting')[0]).toMatchObject({ side: 'source' })
  const from = await place('3.4.14', 'here')
  await plant(from, { '': null })
  const target = await zkferry([...args, from.location, `${silent}/x`])
  expect(target.code).toBe(5)
  expect(target.of('waiting')[0]).toMatchObject({ side: 'target' })
})

test('rule 12: a wrong digest password shows at the first NOAUTH: the user is named, the password is not', async () => {
  const [from, to] = [await place('3.4.14', 'auth'), await place('3.9.5', 'auth')]
  await plant(from, {
    '': null,
    open: 'x',
    shut: { data: 'y', acl: ['31:digest:admin:a0nZs2ub3oVGE6pXa0Bqy5kk8bM='] },
  })
  const env = { ZKFERRY_SOURCE_AUTH: 'digest admin:mistyped' }
  const { code, of, stderr } = await zkferry(['copy', from.location, to.location], { env })
  expect(code).toBe(3)
  expect(of('failed')[0]).toMatchObject({ path: 'shut', code: 'NOAUTH' })
  expect(of('failed')[0]?.message).toContain('admin')
  expect(JSON.stringify(of('failed')) + stderr).not.toContain('mistyped')
})

test('rule 12: a target that may not be written is no silent success', async () => {
  const [from, to] = [await place('3.4.14', 'auth'), await place('3.9.5', 'auth')]
  await plant(from, { '': null, a: 'x' })
  await plant(to, { '': null })
  await to.client.setACL(to.root, [parseAcl('1:world:anyone')])
  const { code, of, summary } = await zkferry(['copy', '--merge', from.location, to.location])
  expect(code).toBe(3)
  expect(summary.status).toBe('incomplete')
  expect(of('failed').map(({ side, code: reason }) => `${side} ${reason}`)).toContain('target NOAUTH')
})

test('rule 12: a server that is behind what the session has seen is told apart from one that is gone', async () => {
  const source = await startServer({ version: '3.9.5' })
  try {
    const from = new Place(await connect(source.connectString), source.connectString, '/x')
    await plantMany(from, 20, 100)
    let wiped: Promise<void> | undefined
    let told = false
    const wipe = async () => {
      await source.kill()
      await rm(join(source.dataDir, 'version-2'), { recursive: true })
      await source.start()
    }
    const args = ['digest', '--progress', '--rate', '500', '--retry-for', '1m', from.location]
    const { code, of } = await zkferry(args, {
      onStart: (child) => {
        child.stdout?.on('data', (text: string) => {
          if (/"progress".*"znodes":[1-9]/.test(text)) wiped ??= wipe()
          // It has been told; no need to wait for the end.
          if (!told && text.includes('behind')) told = child.kill('SIGINT')
        })
      },
    })
    await wiped
    expect(JSON.stringify(of('waiting'))).toMatch(/behind/)
    expect(code).toBe(130)
  } finally {
    await source.stop()
  }
})
