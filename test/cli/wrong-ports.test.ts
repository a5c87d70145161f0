/** Ports where something answers that is no ZooKeeper, or nobody says anything. */
import { once } from 'node:events'
import { createServer as createHttpServer } from 'node:http'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { cli } from './run-cli.ts'

const open: { server: Server; sockets: Set<Socket> }[] = []
afterEach(() => {
  for (const { server, sockets } of open.splice(0)) {
    for (const socket of sockets) socket.destroy()
    server.close()
  }
})

async function listening(server: Server): Promise<string> {
  const sockets = new Set<Socket>()
  server.on('connection', (socket) => void sockets.add(socket.on('error', () => {})))
  open.push({ server, sockets })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return `127.0.0.1:${(server.address() as AddressInfo).port}`
}

test('a web server ends the job at once, whatever --retry-for says', async () => {
  const at = await listening(createHttpServer((_, reply) => reply.end('hello')))
  const result = await cli(['digest', '--json', '--retry-for', '10m', `${at}/x`])
  expect(result.code, result.stderr).toBe(4)
  expect(result.summary()).toMatchObject({ status: 'failed', exitCode: 4 })
  expect(result.stderr).toContain(at)
  expect(result.stderr).toContain('no ZooKeeper')
})

test('a TLS alert ends it at once, too', async () => {
  // What a TLS port sends to someone who does not speak TLS: an alert record, then the end.
  const alert = Buffer.from([0x15, 0x03, 0x03, 0x00, 0x02, 0x02, 0x0a])
  const at = await listening(createServer((socket) => socket.once('data', () => socket.end(alert))))
  const result = await cli(['digest', '--retry-for', '10m', `${at}/x`])
  expect(result.code, result.stderr).toBe(4)
  expect(result.stderr).toContain('no ZooKeeper')
})

test.each([
  ['says nothing', () => {}],
  ['closes the door', (socket: Socket) => void socket.destroy()],
])('one that %s is waited for, which is told', async (_name, behave) => {
  const at = await listening(createServer(behave))
  const result = await cli(['digest', '--timeout', '2s', '--retry-for', '2s', `${at}/x`])
  expect(result.code, result.stderr).toBe(4)
  expect(result.stderr).toContain('waiting for the location')
  expect(result.stderr).toMatch(/^zkferry: .*within 2 s/m)
})
