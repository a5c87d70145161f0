import { once } from 'node:events'
import { createServer as createHttp } from 'node:http'
import { type AddressInfo, createServer, type Server as NetServer } from 'node:net'
import { createServer as createTls } from 'node:tls'
import { describe, expect, onTestFinished, test } from 'vitest'
import {
  NotZooKeeperError,
  UnreachableError,
  type WaitingReport,
  ZooKeeperClient,
} from '../../src/zookeeper/index.ts'
import { startServer } from '../servers/index.ts'
import { freshRoot, sharedServer } from '../servers/shared.ts'
import { Authority } from '../tls/certificates.ts'
import { connected, eventually, rejection } from './helpers.ts'

async function listening(server: NetServer): Promise<string> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  return `127.0.0.1:${(server.address() as AddressInfo).port}`
}

async function closedPort(): Promise<string> {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return `127.0.0.1:${port}`
}

describe('a port that is no ZooKeeper ends the search at once', () => {
  test('HTTP', async () => {
    const connect = await listening(createHttp())
    const reports: WaitingReport[] = []
    const error = await rejection(
      ZooKeeperClient.connect({ connect, onWaiting: (report) => reports.push(report) }),
    )
    expect(error).toBeInstanceOf(NotZooKeeperError)
    expect((error as Error).message).toBe(`${connect} is no ZooKeeper client port: it speaks HTTP`)
    expect(reports).toEqual([])
  })

  test('TLS', async () => {
    const server = createTls(new Authority('test').issue({ commonName: 'test' }))
    server.on('tlsClientError', () => {})
    const connect = await listening(server)
    await expect(ZooKeeperClient.connect({ connect })).rejects.toThrow(
      `${connect} is no ZooKeeper client port: it speaks TLS`,
    )
  })

  test.for([
    ['SSH-2.0-OpenSSH_9.2\r\n', 'it answers with "SSH-2.0-OpenSSH_9.2"'],
    [
      '\u0000\u0000\u0000\u0024\u0000\u0000\u0000\u0001'.padEnd(40, '\u0000'),
      'it answers with the bytes 0000002400000001',
    ],
    ['\u0000\u0000\u0000\u0023', 'it answers with the bytes 00000023'],
  ] as const)('%j', async ([greeting, what]) => {
    const connect = await listening(
      createServer((socket) => void socket.on('error', () => {}).write(greeting)),
    )
    await expect(ZooKeeperClient.connect({ connect })).rejects.toThrow(
      `${connect} is no ZooKeeper client port: ${what}`,
    )
  })
})

test('a host that is no ZooKeeper does not end a session that another host can have back', async () => {
  const server = await startServer()
  onTestFinished(() => server.stop())
  const http = await listening(createHttp())
  const reasons: string[] = []
  const client = await connected(`${server.connectString},${http}`, {
    random: () => 0.999, // keeps the order of the hosts
    sessionTimeoutMs: 60_000,
    onWaiting: ({ reason }) => reasons.push(reason),
  })
  await server.kill()
  await eventually(() => expect(reasons.join()).toContain(`${http} is no ZooKeeper client port`))
  expect(reasons.join()).toContain(`${server.connectString} refuses connections`)
  expect(client.state).toBe('detached')
  await server.start()
  await client.getData('/')
  expect(client).toMatchObject({ reconnects: 1, server: server.connectString })
})

describe('what may pass is waited for', () => {
  test('a closed door, told at once, until the time is up', async () => {
    const connect = await closedPort()
    const reports: WaitingReport[] = []
    const error = await rejection(
      ZooKeeperClient.connect({ connect, retryForMs: 300, onWaiting: (report) => reports.push(report) }),
    )
    expect(reports[0]).toEqual({
      reason: `${connect} refuses connections`,
      seconds: 0,
      atMostSeconds: 0,
      failed: true,
    })
    expect(error).toBeInstanceOf(UnreachableError)
    expect((error as Error).message).toContain(`${connect} refuses connections`)
  })

  test('silence', async () => {
    const connect = await listening(createServer((socket) => void socket.on('error', () => {})))
    const reports: WaitingReport[] = []
    const error = await rejection(
      ZooKeeperClient.connect({ connect, retryForMs: 1500, onWaiting: (report) => reports.push(report) }),
    )
    expect(reports[0]).toMatchObject({ reason: `${connect} does not answer` })
    expect(error).toMatchObject({ code: 'UNREACHABLE' })
  })

  test('a process that was busy itself does not blame the server', async () => {
    const reports: WaitingReport[] = []
    const connecting = connected(sharedServer().connectString, {
      onWaiting: (report) => reports.push(report),
    })
    // As a passphrase's scrypt does: nothing of what the server answers is looked at meanwhile.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2_000)
    await connecting
    expect(reports).toEqual([])
  })

  test('a server that is paused, and goes on', async () => {
    const server = await startServer()
    onTestFinished(() => server.stop())
    await server.pause()
    let report: ((reason: string) => void) | undefined
    const reported = new Promise<string>((resolve) => {
      report = resolve
    })
    const connecting = connected(server.connectString, { onWaiting: ({ reason }) => report?.(reason) })
    expect(await reported).toBe(`${server.connectString} does not answer`)
    await server.resume()
    const client = await connecting
    await client.getData('/')
  })

  test('a name without an address, asked for anew at every attempt', async () => {
    const { port } = sharedServer()
    const asked: string[] = []
    const client = await connected(`zoo.example:${port}`, {
      lookup: async (name) => {
        asked.push(name)
        if (asked.length < 3) throw Object.assign(new Error('no such name'), { code: 'ENOTFOUND' })
        return [{ address: '127.0.0.1' }]
      },
    })
    expect(asked).toEqual(['zoo.example', 'zoo.example', 'zoo.example'])
    expect(client.server).toBe(`zoo.example:${port}`)
  })

  test('all addresses of a name are used', async () => {
    const { port } = sharedServer()
    const client = await connected(`zoo.example:${port}`, {
      // Loopback addresses on which nothing listens, and one on which the server does.
      lookup: async () => ['127.0.0.7', '127.0.0.8', '127.0.0.1'].map((address) => ({ address })),
      retryForMs: 0,
    })
    expect(client.state).toBe('attached')
  })

  test('a server that is behind what was seen', async () => {
    const reports: WaitingReport[] = []
    const { connectString } = sharedServer()
    const connecting = connected(connectString, {
      lastZxidSeen: 0x7fffffff00000000n,
      retryForMs: 500,
      onWaiting: (report) => reports.push(report),
    })
    await expect(connecting).rejects.toThrow('is behind what this session has seen')
    expect(reports[0]?.reason).toContain('0x7fffffff00000000 was seen')
  })

  test('the search can be given up', async () => {
    const connect = await closedPort()
    const controller = new AbortController()
    const connecting = ZooKeeperClient.connect({
      connect,
      signal: controller.signal,
      onWaiting: () => controller.abort(),
    })
    await expect(connecting).rejects.toMatchObject({ code: 'CLOSED' })
    await expect(ZooKeeperClient.connect({ connect, signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: 'CLOSED',
    })
  })
})

test('a path after the hosts is no chroot', async () => {
  const client = await connected(`${sharedServer().connectString}/some/where`)
  const path = freshRoot('chroot')
  await client.create(path, null)
  expect((await client.getChildren('/')).children).toContain(path.slice(1))
})
