/**
 * The other process, from the job's side: starts it, starts it again when it has ended under a request, and finds the
 * request that ends it every time.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { Side } from '../tree/contracts.ts'
import { LocationProblem, UsageProblem } from '../tree/errors.ts'
import type { Emit } from '../tree/events.ts'
import type { NativeOutcome, NativeRead, NativeReply, NativeRequest } from './native-protocol.ts'

export interface NativeSetup {
  side: Side
  /** For messages. */
  name: string
  /** `host:port,host:port` */
  connect: string
  auth: { scheme: string; auth: string }[]
  sessionTimeoutMs: number
  retryForMs: number
  emit: Emit
}

/** A lone request that ended the process so often is given up. */
const MAX_ENDS = 5
const WAITING_MS = 5_000
const WORKER = fileURLToPath(new URL('./native-worker.js', import.meta.url))

interface Open {
  resolve(outcomes: NativeOutcome[]): void
  reject(error: unknown): void
}

/** The process ended with this request in flight. */
class Ended extends Error {}

/** In place of an outcome: the process ended whenever this was asked. */
export const ENDS_THE_CLIENT = Number.NEGATIVE_INFINITY

export class NativeProcess {
  /** Connections lost and found again, processes included. */
  reconnects = 0
  readonly #setup: NativeSetup
  readonly #open = new Map<number, Open>()
  #child: ChildProcess | null = null
  #opening: Promise<void> | null = null
  #lastId = 0
  #connected = false
  #watch: NodeJS.Timeout | null = null
  #waitingSince = 0
  #failure: Error | null = null
  /** Requests that a process ended under are asked again here, one at a time. */
  #alone: Promise<unknown> = Promise.resolve()

  constructor(setup: NativeSetup) {
    this.#setup = setup
  }

  /** @throws UsageProblem when there is no such package, LocationProblem when no server serves us in time. */
  open(): Promise<void> {
    this.#opening ??= this.#start()
    return this.#opening
  }

  async sync(): Promise<void> {
    for (;;) {
      try {
        const [outcome] = await this.#ask({ ask: 'sync' })
        if (outcome?.rc === 0) return
        throw this.#problem(`a sync fails with code ${outcome?.rc}`)
      } catch (error) {
        if (!(error instanceof Ended)) throw error
      }
    }
  }

  async read(ask: NativeRead, paths: string[]): Promise<NativeOutcome[]> {
    await this.#alone
    try {
      return await this.#ask({ ask, paths })
    } catch (error) {
      if (!(error instanceof Ended)) throw error
      const again = this.#alone.then(() => this.#readAlone(ask, paths))
      this.#alone = again.catch(() => {})
      return again
    }
  }

  /** While nothing else is asked, so that it is known what ended the process. */
  async #readAlone(ask: NativeRead, paths: string[]): Promise<NativeOutcome[]> {
    try {
      return await this.#ask({ ask, paths })
    } catch (error) {
      if (!(error instanceof Ended)) throw error
    }
    const outcomes: NativeOutcome[] = []
    for (const path of paths) outcomes.push(await this.#readOne(ask, path))
    return outcomes
  }

  async #readOne(ask: NativeRead, path: string): Promise<NativeOutcome> {
    for (let ends = 0; ends < MAX_ENDS; ends++) {
      try {
        const [outcome] = await this.#ask({ ask, paths: [path] })
        return outcome as NativeOutcome
      } catch (error) {
        if (!(error instanceof Ended)) throw error
      }
    }
    return { rc: ENDS_THE_CLIENT }
  }

  close(): void {
    this.#failure ??= new Error('closed')
    this.#stopWatching()
    // It closes its session when we let go.
    if (this.#child?.connected) this.#child.disconnect()
    this.#child?.unref()
  }

  async #ask(request: { ask: NativeRead; paths: string[] } | { ask: 'sync' }): Promise<NativeOutcome[]> {
    // It may have ended, and its exit not have been heard of: that is not the fault of this request.
    if (this.#child !== null && !this.#child.connected) this.#lost(this.#child)
    await this.open()
    return this.#send(request)
  }

  #send(request: DistributedOmit<NativeRequest, 'id'>): Promise<NativeOutcome[]> {
    if (this.#failure !== null) return Promise.reject(this.#failure)
    const child = this.#child
    if (child === null || !child.connected) return Promise.reject(new Ended())
    const id = ++this.#lastId
    return new Promise((resolve, reject) => {
      this.#open.set(id, { resolve, reject })
      child.send({ ...request, id })
    })
  }

  async #start(): Promise<void> {
    const child = fork(WORKER, [], {
      serialization: 'advanced',
      // Flags of ours (an inspector's port, a profile) are not meant for it.
      execArgv: [],
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    })
    this.#child = child
    child.on('message', (reply) => this.#hear(reply as NativeReply))
    for (const event of ['error', 'disconnect', 'exit']) child.on(event, () => this.#lost(child))
    this.#beginWatching()
    const { connect, sessionTimeoutMs: timeoutMs, auth } = this.#setup
    try {
      await this.#send({ ask: 'open', connect, timeoutMs, auth })
    } catch (error) {
      if (!(error instanceof Ended)) throw error
      throw this.#problem('the process of the zookeeper package ends at once', error)
    }
  }

  #hear(reply: NativeReply): void {
    if ('connected' in reply) return this.#heardOf(reply.connected)
    const open = this.#open.get(reply.id)
    this.#open.delete(reply.id)
    if ('outcomes' in reply) open?.resolve(reply.outcomes)
    else this.#fail(this.#refusal(reply.refused, reply.why), open)
  }

  #heardOf(connected: boolean): void {
    if (connected === this.#connected) return
    this.#connected = connected
    if (connected) this.#stopWatching()
    else {
      this.#reconnecting()
      this.#beginWatching()
    }
  }

  #reconnecting(): void {
    this.reconnects++
    const { side, emit } = this.#setup
    emit({ type: 'survived', side, what: 'reconnects', amount: 1 })
  }

  #lost(child: ChildProcess): void {
    if (child !== this.#child) return
    this.#child = null
    this.#opening = null
    if (this.#connected && this.#failure === null) this.#reconnecting()
    this.#connected = false
    this.#stopWatching()
    const ended = new Ended()
    for (const open of [...this.#open.values()]) open.reject(ended)
    this.#open.clear()
  }

  #fail(error: Error, also?: Open): void {
    this.#failure ??= error
    also?.reject(error)
    for (const open of [...this.#open.values()]) open.reject(error)
    this.#open.clear()
    this.close()
  }

  /** Says what is waited for, and gives up when it takes too long. */
  #beginWatching(): void {
    this.#stopWatching()
    this.#waitingSince = performance.now()
    const { side, retryForMs, emit } = this.#setup
    const atMostSeconds = Math.round(retryForMs / 1000)
    const reason = 'the zookeeper package has no connection'
    this.#watch = setInterval(
      () => {
        const elapsedMs = performance.now() - this.#waitingSince
        if (elapsedMs < retryForMs)
          emit({ type: 'waiting', side, reason, seconds: Math.round(elapsedMs / 1000), atMostSeconds })
        else this.#fail(this.#problem(`${reason} after ${Math.round(elapsedMs / 1000)} s`))
      },
      Math.max(1, Math.min(WAITING_MS, retryForMs)),
    )
  }

  #stopWatching(): void {
    if (this.#watch !== null) clearInterval(this.#watch)
    this.#watch = null
  }

  #refusal(refused: 'not-installed' | 'no-binary' | 'auth', why: string): Error {
    if (refused === 'auth') return this.#problem(why)
    const what =
      refused === 'not-installed'
        ? 'is not installed here'
        : `is installed here, but has no binary that can be loaded (${why.replace(/\.$/, '')})`
    return new UsageProblem(
      `--client native reads through the optional npm package "zookeeper", which ${what}; install it with a C compiler, make, cmake and Python at hand (npm install zookeeper), or leave --client native out.`,
    )
  }

  #problem(why: string, cause?: unknown): LocationProblem {
    const { side, name } = this.#setup
    return new LocationProblem(
      side,
      `The ${side} ${name} cannot be read through the zookeeper package: ${why}.`,
      {
        cause,
      },
    )
  }
}

type DistributedOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never
