/** Carries out a schedule of faults, and puts everything right afterwards. */
import { setTimeout as sleep } from 'node:timers/promises'
import { RandomStream } from '../../../fixtures/random.ts'
import { ZooKeeperClient } from '../../../src/zookeeper/index.ts'
import type { Server } from '../../servers/index.ts'
import type { FaultProxy } from '../proxy.ts'
import type { Ferry } from './ferry.ts'
import type { Fault, Plan, Side } from './plan.ts'
import type { Place, Stage } from './stage.ts'

/** Resolves when the last fault is over and nothing is broken any more. */
export async function faultsOf(plan: Plan, stage: Stage, ferry: Ferry): Promise<void> {
  const random = new RandomStream(`faults ${plan.seed}`)
  const begun = performance.now()
  const lasting: Promise<unknown>[] = []
  for (const { at, fault } of plan.faults) {
    await sleep(Math.max(0, at - (performance.now() - begun)))
    lasting.push(carryOut(fault, stage, ferry, random))
  }
  await Promise.all(lasting)
  await calm(stage)
}

async function calm({ places }: Stage): Promise<void> {
  for (const side of ['source', 'target'] as const) {
    await Promise.all(places[side].proxies.map((proxy) => proxy.heal()))
    for (const proxy of places[side].proxies) proxy.sessions.length = 0
    await Promise.all(places[side].members.map((member) => member.serving()))
  }
}

async function carryOut(fault: Fault, stage: Stage, ferry: Ferry, random: RandomStream): Promise<void> {
  const place = 'side' in fault ? stage.places[fault.side as Side] : stage.places.target
  const each = (work: (proxy: FaultProxy) => unknown) => Promise.all(place.proxies.map(work))
  switch (fault.do) {
    case 'cut':
      return void (await each((proxy) => proxy.cut()))
    case 'cut in mid-frame':
      return void (await each((proxy) => proxy.cutMidFrame(fault.direction)))
    case 'cut after':
      return void (await each((proxy) => proxy.cutAfter(fault.bytes, fault.direction)))
    case 'lose':
      return void (await each((proxy) => proxy.lose(fault.direction)))
    case 'slow':
      return void (await each((proxy) => Object.assign(proxy.pace, paceOf(fault))))
    case 'repeat replies':
      return void (await each((proxy) => proxy.repeatTail('replies')))
    case 'corrupt replies':
      return void (await each((proxy) => proxy.corrupt('replies', fault.frames, fault.part)))
    case 'freeze':
      await each((proxy) => proxy.freeze())
      await sleep(fault.ms)
      return void (await each((proxy) => proxy.thaw()))
    case 'refuse':
      await each((proxy) => proxy.refuse())
      await each((proxy) => proxy.cut())
      await sleep(fault.ms)
      return void (await each((proxy) => proxy.admit()))
    case 'silence':
      await each((proxy) => proxy.silence())
      await each((proxy) => proxy.cut())
      await sleep(fault.ms)
      return void (await each((proxy) => proxy.admit()))
    case 'expire sessions':
      return expire(place)
    case 'kill the server':
      return restart(oneOf(place, random), fault.ms)
    case 'stall the server':
      return stall(oneOf(place, random), fault.ms)
    case 'kill zkferry':
      return ferry.signal('SIGKILL')
    case 'terminate zkferry':
      return ferry.signal('SIGTERM')
    case 'stop zkferry':
      ferry.signal('SIGSTOP')
      await sleep(fault.ms)
      return ferry.signal('SIGCONT')
  }
}

function paceOf({ delayMs, jitterMs, bytesPerSecond }: Extract<Fault, { do: 'slow' }>) {
  return { delayMs, jitterMs, bytesPerSecond }
}

function oneOf({ members }: Place, random: RandomStream): Server {
  return members[random.below(members.length)] as Server
}

/** Servers that somebody is at already are left to him. */
const busy = new Set<Server>()

async function restart(server: Server, ms: number): Promise<void> {
  if (busy.has(server)) return
  busy.add(server)
  try {
    await server.kill()
    await sleep(ms)
    await server.start()
  } finally {
    busy.delete(server)
  }
}

async function stall(server: Server, ms: number): Promise<void> {
  if (busy.has(server)) return
  busy.add(server)
  try {
    await server.pause()
    await sleep(ms)
    await server.resume()
  } finally {
    busy.delete(server)
  }
}

/** Every session that has passed: somebody attaches to it, and closes it. */
async function expire({ members, proxies }: Place): Promise<void> {
  const connect = members.map((member) => member.connectString).join(',')
  const sessions = proxies.flatMap((proxy) => proxy.sessions.splice(0))
  await Promise.all(
    sessions.map(async (resume) => {
      const thief = await ZooKeeperClient.connect({ connect, resume, retryForMs: 500 }).catch(() => null)
      await thief?.close()
    }),
  )
}
