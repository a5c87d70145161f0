/**
 * A proxy before a real server that alters, delays, cuts, freezes, corrupts and repeats what passes. It sees whole
 * frames in both directions; four-letter words pass as they are. What is random in it follows from its seed.
 */
import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { RandomStream } from '../../fixtures/random.ts'
import { claimPort, releasePort } from '../servers/ports.ts'
import { Flow, FULL_PACE, type Pace } from './flow.ts'
import { type Alter, flipped, frames, type Part, type SeenSession, sessionIn } from './frames.ts'

/** To the server, or to the client. */
export type Direction = 'requests' | 'replies'

export interface ProxyOptions {
  /** @default 'proxy' */
  seed?: string
  /** Keep what clients send in `requests`. @default true */
  record?: boolean
}

interface Passage {
  client: Socket
  server: Socket
  requests: Flow
  replies: Flow
}

const LOOPBACK = '127.0.0.1'
/** Of the latest replies, so much is sent again by `repeatTail`. */
const TAIL = 256

export class FaultProxy {
  /** Frames from the client, without their lengths, by connection. */
  readonly requests: Buffer[][] = []
  /** Sessions that the server granted here, the latest last. */
  readonly sessions: SeenSession[] = []
  alterReply: Alter = (frame) => frame
  alterRequest: Alter = (frame) => frame
  readonly pace: Pace = { ...FULL_PACE }
  readonly port: number
  #host = LOOPBACK
  #backend: number
  #server: Server | null = null
  readonly #record: boolean
  readonly #random: RandomStream
  readonly #passages = new Set<Passage>()
  /** Accepted and never answered. */
  readonly #silent = new Set<Socket>()
  #silence = false
  #frozen = false
  readonly #corrupt: Record<Direction, { frames: number; part: Part } | null> = {
    requests: null,
    replies: null,
  }
  readonly #midFrame: Record<Direction, boolean> = { requests: false, replies: false }

  private constructor(port: number, backend: number, { seed = 'proxy', record = true }: ProxyOptions) {
    this.port = port
    this.#backend = backend
    this.#record = record
    this.#random = new RandomStream(seed)
  }

  static async before(port: number, options: ProxyOptions = {}): Promise<FaultProxy> {
    const proxy = new FaultProxy(await claimPort(), port, options)
    await proxy.#listen()
    return proxy
  }

  get connectString(): string {
    return `${this.#host}:${this.port}`
  }

  /** Client connections that sent a frame. */
  get connections(): number {
    return this.requests.length
  }

  /** Connections that the server has not ended. */
  get alive(): number {
    return [...this.#passages].filter(({ server }) => !server.readableEnded && !server.destroyed).length
  }

  /** Passes nothing on from the server until `release`. */
  hold(): void {
    for (const { replies } of this.#passages) replies.freeze()
  }

  release(): void {
    for (const { replies } of this.#passages) replies.thaw()
  }

  /** Nothing passes in either direction, on new connections neither, until `thaw`. */
  freeze(): void {
    this.#frozen = true
    for (const { requests, replies } of this.#passages) {
      requests.freeze()
      replies.freeze()
    }
  }

  thaw(): void {
    this.#frozen = false
    for (const { requests, replies } of this.#passages) {
      requests.thaw()
      replies.thaw()
    }
  }

  /** Cuts all connections, on both sides at once. */
  cut(): void {
    for (const passage of this.#passages) destroy(passage)
    for (const socket of this.#silent) socket.destroy()
  }

  /** Cuts each connection that there is now after so many more bytes in one direction: in mid-frame, as a rule. */
  cutAfter(bytes: number, direction: Direction): void {
    for (const passage of this.#passages) passage[direction].passOnly(bytes, () => destroy(passage))
  }

  /** Cuts a connection in the middle of the next frame that is no handshake. */
  cutMidFrame(direction: Direction): void {
    this.#midFrame[direction] = true
  }

  /** One way only: what is sent in this direction disappears, on the connections that there are now. */
  lose(direction: Direction): void {
    for (const passage of this.#passages) passage[direction].lose()
  }

  /** Flips one bit in each of the next frames; the handshake is left alone. */
  corrupt(direction: Direction, frames: number, part: Part): void {
    this.#corrupt[direction] = { frames, part }
  }

  /** Sends the latest bytes again on each connection. */
  repeatTail(direction: Direction, bytes = TAIL): void {
    for (const passage of this.#passages) passage[direction].repeatTail(bytes)
  }

  /** New connections are refused until `admit`; those that there are stay. */
  async refuse(): Promise<void> {
    const server = this.#server
    this.#server = null
    server?.close()
  }

  /** New connections are accepted and never answered until `admit`. */
  silence(): void {
    this.#silence = true
  }

  async admit(): Promise<void> {
    this.#silence = false
    for (const socket of this.#silent) socket.destroy()
    if (this.#server === null) await this.#listen()
  }

  /** Another server stands behind it from now on; connections to the old one are cut. */
  point(port: number): void {
    this.#backend = port
    this.cut()
  }

  /** It is reached at another address (of 127.0.0.0/8) from now on, at the same port; connections are cut. */
  async moveTo(host: string): Promise<void> {
    await this.refuse()
    this.cut()
    this.#host = host
    await this.#listen()
  }

  /** All faults end. Connections that lost bytes are cut: they would never get them. */
  async heal(): Promise<void> {
    Object.assign(this.pace, FULL_PACE)
    this.alterReply = (frame) => frame
    this.alterRequest = (frame) => frame
    for (const direction of ['requests', 'replies'] as const) {
      this.#corrupt[direction] = null
      this.#midFrame[direction] = false
    }
    this.thaw()
    this.cut()
    await this.admit()
  }

  async close(): Promise<void> {
    this.cut()
    const server = this.#server
    this.#server = null
    if (server !== null) {
      server.close()
      await once(server, 'close')
    }
    releasePort(this.port)
  }

  async #listen(): Promise<void> {
    // Half open: what is still on its way after one side's end must arrive before the other hears of it.
    const server = createServer({ allowHalfOpen: true })
    server.on('connection', (socket) => {
      if (this.#silence) this.#neverAnswer(socket)
      else this.#onConnection(socket, connect({ port: this.#backend, host: LOOPBACK, allowHalfOpen: true }))
    })
    server.listen(this.port, this.#host)
    await once(server, 'listening')
    this.#server = server
  }

  #neverAnswer(socket: Socket): void {
    this.#silent.add(socket)
    socket.on('error', () => {}).on('data', () => {})
    socket.on('close', () => this.#silent.delete(socket))
  }

  #onConnection(client: Socket, server: Socket): void {
    let connection = -1
    const random = () => this.#random.below(1_000_000) / 1_000_000
    const passage: Passage = {
      client,
      server,
      requests: new Flow(client, server, this.pace, random),
      replies: new Flow(server, client, this.pace, random),
    }
    const passRequests = frames((frame, index) => {
      if (connection < 0) connection = this.requests.push([]) - 1
      if (this.#record) this.requests[connection]?.push(frame.subarray(4))
      const altered = this.alterRequest(frame, { connection, index })
      return index === 0 ? altered : this.#fault(altered, 'requests', passage)
    })
    const passReplies = frames((frame, index) => {
      const session = index === 0 ? sessionIn(frame) : null
      if (session !== null) this.sessions.push(session)
      const altered = this.alterReply(frame, { connection, index })
      return index === 0 ? altered : this.#fault(altered, 'replies', passage)
    })
    client.on('data', (chunk) => passage.requests.push(passRequests(chunk)))
    server.on('data', (chunk) => passage.replies.push(connection < 0 ? chunk : passReplies(chunk)))
    client.on('end', () => passage.requests.end())
    server.on('end', () => passage.replies.end())
    this.#passages.add(passage)
    if (this.#frozen) {
      passage.requests.freeze()
      passage.replies.freeze()
    }
    for (const socket of [client, server]) {
      socket.setNoDelay()
      socket.on('error', () => {})
      socket.on('close', (hadError) => {
        // After an orderly end the other side ends by itself, once it has been told everything.
        if (!hadError && !(client.closed && server.closed)) return
        this.#passages.delete(passage)
        destroy(passage)
      })
    }
  }

  /** Corrupts a frame, or cuts in the middle of it, when it is its turn. */
  #fault(frame: Buffer | null, direction: Direction, passage: Passage): Buffer | null {
    if (frame === null) return null
    if (this.#midFrame[direction]) {
      this.#midFrame[direction] = false
      passage[direction].passOnly(Math.max(1, Math.floor(frame.length / 2)), () => destroy(passage))
      return frame
    }
    const corrupt = this.#corrupt[direction]
    if (corrupt === null) return frame
    if (--corrupt.frames === 0) this.#corrupt[direction] = null
    return flipped(frame, corrupt.part, (limit) => this.#random.below(limit))
  }
}

function destroy({ client, server, requests, replies }: Passage): void {
  requests.stop()
  replies.stop()
  client.destroy()
  server.destroy()
}
