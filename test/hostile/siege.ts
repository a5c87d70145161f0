/** Many hostile peers, one after another, for the command line as its users run it. */
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Conversation, RECORDED_VERSIONS, readConversation } from '../../fixtures/conversations.ts'
import { RandomStream } from '../../fixtures/random.ts'
import { Attacker, MANNERS, type Manner } from './attacker.ts'
import { exchangesOf } from './exchanges.ts'

export interface SiegeOptions {
  peers: number
  seed: number
  folder?: URL
  /** Of a real server, for the jobs that have two sides. */
  server?: string
  manners?: readonly Manner[]
}

/** The longest that one job may take, in milliseconds. All of them are told to wait two seconds for servers at most. */
const LIMIT_MS = 60_000
/** A hostile peer is an unreachable or an incomplete location, or what it says happens to be a tree. */
const HONEST = new Set([0, 1, 2, 3, 4, 5, 7])
const AT_ONCE = 4
/** Without a hostile peer it takes 70 MB. */
const LIMIT_KB = 900_000

/** How often each command ended how. @throws for a hang, a crash, an end without a sentence, or too much memory */
export async function siege(options: SiegeOptions): Promise<[string, number][]> {
  const outcomes = new Map<string, number>()
  const numbers = Array.from({ length: options.peers }, (_, peer) => peer).values()
  const next = async (): Promise<void> => {
    for (const peer of numbers) {
      const key = await meet(peer, options)
      outcomes.set(key, (outcomes.get(key) ?? 0) + 1)
    }
  }
  // Most of them wait, most of the time.
  await Promise.all(Array.from({ length: AT_ONCE }, next))
  return [...outcomes].sort()
}

async function meet(peer: number, options: SiegeOptions): Promise<string> {
  const { seed, folder, server, manners = MANNERS } = options
  const random = new RandomStream(`${seed} peer ${peer}`)
  const version = RECORDED_VERSIONS[peer % RECORDED_VERSIONS.length] as (typeof RECORDED_VERSIONS)[number]
  const conversation = folder === undefined ? readConversation(version) : readConversation(version, folder)
  const manner = manners[peer % manners.length] as Manner
  const attacker = await Attacker.listen(exchangesOf(conversation), manner, `${seed} ${peer}`)
  try {
    const job = jobFor(conversation, attacker.address, server, random)
    const { code, signal, stdout, stderr, kilobytes } = await run(job)
    const told = stderr.trimEnd().split('\n').at(-1) ?? ''
    const what = `${job.join(' ')}: peer ${peer} of seed ${seed} (${version}, ${manner})`
    if (signal !== null || code === null || !HONEST.has(code))
      throw new Error(`${what} ended with ${signal ?? code}:\n${stderr}`)
    if (code !== 0 && !told.startsWith('zkferry: '))
      throw new Error(`${what} ended without a sentence:\n${stderr}`)
    // Of two sides the other one may be too slow for our patience.
    const named = [attacker.address, server].some(
      (address) => address !== undefined && told.includes(address),
    )
    if ((code === 4 || code === 5) && !named)
      throw new Error(`${what}: the sentence does not name the server: ${told}`)
    const raw = UNSAFE.exec(stdout + stderr)
    if (raw !== null) throw new Error(`${what} printed ${JSON.stringify(raw[0])} as it is`)
    if (kilobytes > LIMIT_KB) throw new Error(`${what} took ${kilobytes} kB`)
    return `${job[0]}, a peer that ${manner}: exit ${code}`
  } finally {
    await attacker.close()
  }
}

function jobFor(
  { root }: Conversation,
  address: string,
  server: string | undefined,
  random: RandomStream,
): string[] {
  const hostile = `${address}${root}`
  const jobs = [
    ['digest', hostile, '--depth', '9'],
    ['digest', hostile, '--json', '--verbose'],
  ]
  if (server !== undefined) {
    const own = `${server}/siege-${random.letters(10)}`
    jobs.push(['copy', hostile, own], ['copy', `${server}/zookeeper`, hostile, '--merge'])
  }
  return [...(jobs[random.below(jobs.length)] as string[]), '--retry-for', '2s', '--timeout', '2s']
}

/** Whatever a name may hold, no terminal is to see it. */
const UNSAFE = /(?!\n)[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u

interface Ended {
  code: number | null
  signal: NodeJS.Signals | null
  stdout: string
  stderr: string
  /** The most memory that it had in use. */
  kilobytes: number
}

async function run(args: string[]): Promise<Ended> {
  const state = mkdtempSync(join(tmpdir(), 'zkferry-siege-'))
  const env = { PATH: process.env.PATH, HOME: state, ZKFERRY_STATE: state }
  const peak = `process.on('exit', () => require('node:fs').writeSync(3, String(process.resourceUsage().maxRSS)))`
  const hook = `data:text/javascript,import { createRequire } from 'node:module'; const require = createRequire(process.cwd() + '/'); ${peak}`
  const child = spawn(process.execPath, ['--import', hook, 'bin/zkferry.js', ...args], {
    env,
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
  })
  let [stdout, stderr, memory] = ['', '', '']
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    if (stdout.length < 1_000_000) stdout += text
  })
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    if (stderr.length < 1_000_000) stderr += text
  })
  child.stdio[3]?.on('data', (text) => {
    memory += text
  })
  const timer = setTimeout(() => child.kill('SIGKILL'), LIMIT_MS)
  const [code, signal] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve) =>
    child.on('close', (...end) => resolve(end)),
  )
  clearTimeout(timer)
  rmSync(state, { recursive: true, force: true })
  return { code, signal, stdout, stderr, kilobytes: Number(memory) || 0 }
}
