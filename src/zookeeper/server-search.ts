/** Goes round the hosts until one of them takes the session, or the time is up. */
import { setTimeout as sleep } from 'node:timers/promises'
import { AttachFailure } from './attach-failure.ts'
import { formatHost, type Host } from './connect-string.ts'
import type { HostCycle } from './endpoints.ts'
import { NotZooKeeperError, TlsError, UnreachableError } from './errors.ts'
import type { Endpoint } from './socket.ts'
import type { Waiting } from './waiting.ts'

export interface SearchOptions {
  retryForMs: number
  /** For one attempt, from the socket to the server's consent. */
  attemptTimeoutMs: number
  /** End with the first server that is no ZooKeeper. Otherwise only when all of them are none. */
  strict: boolean
  /** Before the first round, too: the last server took us in and threw us out. 0 for none. */
  firstPauseMs: number
  random: () => number
  /** Ends the search; its reason is thrown. */
  signal: AbortSignal
}

const FIRST_PAUSE_MS = 100
const LONGEST_PAUSE_MS = 3000
const LEAST_ATTEMPT_MS = 1000

/**
 * @param attach makes one attempt; rejects with `AttachFailure` for what may pass, with anything else for what will not
 * @throws UnreachableError when the time is up, after one round at least
 */
export async function findServer<T>(
  cycle: HostCycle,
  attach: (endpoint: Endpoint, signal: AbortSignal) => Promise<T>,
  waiting: Waiting,
  options: SearchOptions,
): Promise<T> {
  const { retryForMs, random, signal } = options
  let pauseMs = FIRST_PAUSE_MS
  cycle.begin()
  if (options.firstPauseMs > 0) await pause(options.firstPauseMs, random, signal)
  for (;;) {
    const foreign: WrongDoor[] = []
    for (let tried = 0; tried < cycle.size; tried++) {
      const outcome = await tryHost(cycle, cycle.next(), attach, waiting, options)
      if ('attached' in outcome) return outcome.attached
      if (outcome.foreign) foreign.push(outcome.foreign)
    }
    const [first] = foreign
    if (first && foreign.length === cycle.size) throw first
    if (waiting.elapsedMs >= retryForMs) throw new UnreachableError(waiting.reason, waiting.seconds)
    waiting.roundFailed()
    await pause(Math.min(pauseMs, retryForMs - waiting.elapsedMs), random, signal)
    pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)
  }
}

/** What does not pass by itself, and need not be so at the other hosts. */
type WrongDoor = NotZooKeeperError | TlsError

type HostOutcome<T> = { attached: T } | { foreign: WrongDoor | null }

/** Tries all addresses of one host. */
async function tryHost<T>(
  cycle: HostCycle,
  host: Host,
  attach: (endpoint: Endpoint, signal: AbortSignal) => Promise<T>,
  waiting: Waiting,
  options: SearchOptions,
): Promise<HostOutcome<T>> {
  const server = formatHost(host)
  let foreign: WrongDoor | null = null
  let passing = false
  waiting.trying(server)
  try {
    const endpoints = await withDeadline(waiting, options, (signal) => cycle.resolve(host, signal))
    for (const endpoint of endpoints) {
      try {
        return { attached: await withDeadline(waiting, options, (signal) => attach(endpoint, signal)) }
      } catch (error) {
        if (error instanceof TlsError || (error instanceof NotZooKeeperError && !options.strict))
          foreign = error
        else if (error instanceof AttachFailure) passing = true
        else throw error
        waiting.failed(server, reasonOf(error))
      }
    }
  } catch (error) {
    if (!(error instanceof AttachFailure)) throw error
    waiting.failed(server, error.message)
  }
  return { foreign: passing ? null : foreign }
}

function reasonOf(error: AttachFailure | WrongDoor): string {
  if (error instanceof NotZooKeeperError) return 'is no ZooKeeper client port'
  return error instanceof TlsError ? error.what : error.message
}

/** Runs one attempt under a signal that is aborted when its time, or the search, is over. */
async function withDeadline<T>(
  waiting: Waiting,
  { attemptTimeoutMs, retryForMs, signal }: SearchOptions,
  attempt: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  signal.throwIfAborted()
  const left = Math.max(LEAST_ATTEMPT_MS, retryForMs - waiting.elapsedMs)
  const deadline = new AbortController()
  const onAbort = (): void => deadline.abort()
  const timer = setTimeout(onAbort, Math.min(attemptTimeoutMs, left))
  signal.addEventListener('abort', onAbort)
  try {
    return await attempt(deadline.signal)
  } catch (error) {
    signal.throwIfAborted()
    throw error
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', onAbort)
  }
}

/** Half of it at least, so that clients that lost the same server do not come back in step. */
async function pause(ms: number, random: () => number, signal: AbortSignal): Promise<void> {
  try {
    await sleep(Math.max(1, ms * (0.5 + random() / 2)), undefined, { signal })
  } catch (error) {
    signal.throwIfAborted()
    throw error
  }
}
