import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { afterEach, expect, test } from 'vitest'
import { type Ensemble, type Server, startEnsemble, startServer } from './index.ts'
import { isAlive, projectRoot } from './jars.mjs'

const running: (Server | Ensemble)[] = []

function stopLater<T extends Server | Ensemble>(started: T): T {
  running.push(started)
  return started
}

afterEach(async () => {
  await Promise.all(running.splice(0).map((server) => server.stop()))
})

test('two versions and an ensemble of three run side by side', async () => {
  const [old, recent, ensemble] = await Promise.all([
    startServer({ version: '3.4.14' }).then(stopLater),
    startServer({ version: '3.9.5' }).then(stopLater),
    startEnsemble({ version: '3.9.5', size: 3 }).then(stopLater),
  ])
  expect(await old.fourLetter('srvr')).toContain(`Zookeeper version: ${old.version}`)
  expect(await recent.fourLetter('srvr')).toContain(`Zookeeper version: ${recent.version}`)
  const leader = await ensemble.leader()
  const followers = await ensemble.followers()
  expect(followers).toHaveLength(2)
  expect(followers).not.toContain(leader)
})

test('a killed leader is replaced and comes back as a follower', async () => {
  const ensemble = stopLater(await startEnsemble({ version: '3.9.5' }))
  const first = await ensemble.leader()
  const { pid } = first
  await first.kill()
  expect(isAlive(pid)).toBe(false)
  const second = await ensemble.leader()
  expect(second).not.toBe(first)
  await first.restart()
  expect(await first.mode()).toBe('follower')
})

test('a paused server answers nothing, and answers again when it goes on', async () => {
  const server = stopLater(await startServer({ version: '3.4.14' }))
  await server.pause()
  await expect(server.fourLetter('ruok', 300)).rejects.toThrow('did not answer ruok')
  await server.resume()
  expect(await server.fourLetter('ruok')).toBe('imok')
})

test('a server that cannot start says why', async () => {
  const starting = startServer({ config: { tickTime: 'soon' } })
  await expect(starting).rejects.toThrow(/ended; its log ends:[\s\S]*soon/)
})

test('servers end with a process that is killed', async () => {
  const script = `
    const { startServer } = await import('./build/test/servers/index.js')
    const server = await startServer({ version: '3.9.5' })
    console.log(JSON.stringify({ pid: server.pid, dataDir: server.dataDir }))
    setInterval(() => {}, 1000)`
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    cwd: projectRoot(),
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [line] = await once(child.stdout, 'data')
  const { pid, dataDir } = JSON.parse(String(line))
  expect(isAlive(pid)).toBe(true)
  child.kill('SIGKILL')
  await expect.poll(() => isAlive(pid) || existsSync(dataDir), { timeout: 10_000 }).toBe(false)
})
