import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fourLetterWord } from './four-letter.ts'
import type { Machine } from './machine.ts'
import { checkVersion, type LaunchSpec, type ServerOptions, zooCfg } from './options.ts'
import { claimPort, releasePort } from './ports.ts'
import { providerFor, type Ready } from './provider.ts'
import { unguardFolder } from './watchdog.ts'

const START_LIMIT_MS = 90_000
const ATTEMPTS = 5

/** The port was free when it was claimed, and was not when the server bound it. */
export class PortTakenError extends Error {}

/** Starts one standalone server and resolves when it serves. */
export async function startServer(options: ServerOptions = {}): Promise<Server> {
  return retryingPorts(async () => {
    const server = await Server.create(options)
    try {
      await server.start()
      return server
    } catch (error) {
      await server.stop()
      throw error
    }
  })
}

/** Runs `start` again, with other ports, as long as it fails because a port was taken. */
export async function retryingPorts<T>(start: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await start()
    } catch (error) {
      if (!(error instanceof PortTakenError) || attempt === ATTEMPTS) throw error
    }
  }
}

/** A real ZooKeeper server on a loopback port. */
export class Server {
  readonly host = '127.0.0.1'
  readonly port: number
  /** What really runs; an installed ZooKeeper may be of another version than asked for. */
  readonly version: string
  readonly dataDir: string
  /** Ports that belong to this server besides the client port, released with it. */
  readonly ownPorts: number[] = []
  readonly #ready: Ready
  readonly #spec: LaunchSpec
  #machine: Machine | undefined

  private constructor(ready: Ready, port: number, spec: LaunchSpec) {
    this.#ready = ready
    this.port = port
    this.version = ready.version
    this.dataDir = spec.dataDir
    this.#spec = spec
  }

  /** Claims a port and writes the configuration; starts nothing. */
  static async create(options: ServerOptions): Promise<Server> {
    const ready = await providerFor(checkVersion(options.version ?? '3.9.5'))
    const folder = await mkdtemp(join(tmpdir(), 'zkferry-server-'))
    const dataDir = options.dataDir ?? join(folder, 'data')
    await mkdir(dataDir, { recursive: true })
    const port = await claimPort()
    await writeFile(join(folder, 'zoo.cfg'), zooCfg(dataDir, port, options.config))
    const spec = { version: ready.version, folder, dataDir, jvm: options.jvm ?? [], env: options.env ?? {} }
    return new Server(ready, port, spec)
  }

  /** The path of its zoo.cfg, read at each start. */
  get configFile(): string {
    return join(this.#spec.folder, 'zoo.cfg')
  }

  get connectString(): string {
    return `${this.host}:${this.port}`
  }

  /** The process id of the server that runs now. Throws when none does. */
  get pid(): number {
    return this.#running().pid
  }

  /** Launches the process and resolves when the server serves. */
  async start(): Promise<void> {
    await this.launch()
    await this.serving()
  }

  /** Launches the process and does not wait: a member of an ensemble serves once the others are there. */
  async launch(): Promise<void> {
    this.#machine = await this.#ready.provider.launch(this.#spec)
  }

  /** Resolves when the server serves; rejects with the tail of its log when it ends, or takes 90 seconds. */
  async serving(): Promise<void> {
    const machine = this.#running()
    let ended = false
    void machine.ended.then(() => {
      ended = true
    })
    const end = Date.now() + START_LIMIT_MS
    while (!(await this.mode())) {
      if (!ended && Date.now() < end) {
        await sleep(50)
        continue
      }
      const log = await machine.logTail()
      const what = `ZooKeeper ${this.version} on port ${this.port} ${ended ? 'ended' : 'did not serve in 90 s'}`
      if (/BindException|Address already in use/.test(log))
        throw new PortTakenError(`${what}; its log ends:\n${log}`)
      throw new Error(`${what}; its log ends:\n${log}`)
    }
  }

  /** `standalone`, `leader`, `follower`, `observer`, or undefined when the server does not serve now. */
  async mode(): Promise<string | undefined> {
    const answer = await this.fourLetter('srvr', 1000).catch(() => '')
    return /^Mode: (\w+)/m.exec(answer)?.[1]
  }

  /** The answer to a four-letter word; rejects after `limitMs` milliseconds without one. */
  fourLetter(word: string, limitMs = 5000): Promise<string> {
    return fourLetterWord(this.host, this.port, word, limitMs)
  }

  /** SIGKILL. Data and port stay, for `restart()`. */
  async kill(): Promise<void> {
    await this.#machine?.kill()
    this.#machine = undefined
  }

  /** SIGSTOP: the server keeps its connections and answers nothing. */
  pause(): Promise<void> {
    return this.#running().pause()
  }

  /** SIGCONT, after `pause()`. */
  resume(): Promise<void> {
    return this.#running().resume()
  }

  /** Kills the server if it runs and starts it on the same data and port; resolves when it serves. */
  async restart(): Promise<void> {
    await this.kill()
    await this.start()
  }

  /** Ends the server and removes its data, unless they were in a `dataDir` of the caller's. */
  async stop(): Promise<void> {
    await this.kill()
    await rm(this.#spec.folder, { recursive: true, force: true, maxRetries: 5 })
    unguardFolder(this.#spec.folder)
    for (const port of [this.port, ...this.ownPorts]) releasePort(port)
  }

  /** The last lines of the server's log. */
  logTail(): Promise<string> {
    return this.#running().logTail()
  }

  #running(): Machine {
    if (!this.#machine) throw new Error(`the server on port ${this.port} is not running`)
    return this.#machine
  }
}
