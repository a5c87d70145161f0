/**
 * A proxy before a real server that alters, delays and cuts what passes. It sees whole frames in both directions;
 * four-letter words pass as they are.
 */
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'

/** What becomes of a frame (with its length): other bytes in its place, or `null` for none. */
type Alter = (frame: Buffer, info: { connection: number; index: number }) => Buffer | null

export class FaultProxy {
  /** Frames from the client, without their lengths, by connection. */
  readonly requests: Buffer[][] = []
  alterReply: Alter = (frame) => frame
  alterRequest: Alter = (frame) => frame
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  readonly #servers = new Set<Socket>()
  #held: Socket[] | null = null

  private constructor(server: Server) {
    this.#server = server
  }

  static async before(port: number): Promise<FaultProxy> {
    const server = createServer()
    const proxy = new FaultProxy(server)
    server.on('connection', (socket) => proxy.#onConnection(socket, connect(port, '127.0.0.1')))
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return proxy
  }

  get connectString(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  /** Client connections that sent a frame. */
  get connections(): number {
    return this.requests.length
  }

  /** Passes nothing on from the server until `release`. */
  hold(): void {
    this.#held = [...this.#servers]
    for (const socket of this.#held) socket.pause()
  }

  release(): void {
    for (const socket of this.#held ?? []) socket.resume()
    this.#held = null
  }

  /** Cuts all connections. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy()
  }

  async close(): Promise<void> {
    this.cut()
    this.#server.close()
    await once(this.#server, 'close')
  }

  #onConnection(client: Socket, server: Socket): void {
    let connection = -1
    const passRequests = frames((frame, index) => {
      if (connection < 0) connection = this.requests.push([]) - 1
      this.requests[connection]?.push(frame.subarray(4))
      return this.alterRequest(frame, { connection, index })
    })
    const passReplies = frames((frame, index) => this.alterReply(frame, { connection, index }))
    client.on('data', (chunk) => server.write(passRequests(chunk)))
    server.on('data', (chunk) => client.write(connection < 0 ? chunk : passReplies(chunk)))
    this.#servers.add(server)
    server.on('close', () => this.#servers.delete(server))
    for (const [socket, other] of [
      [client, server],
      [server, client],
    ] as const) {
      this.#sockets.add(socket)
      socket.setNoDelay()
      socket.on('error', () => {})
      socket.on('end', () => other.end())
      socket.on('close', () => {
        this.#sockets.delete(socket)
        other.destroy()
      })
    }
  }
}

/** A function from chunks to what shall be passed on of the frames that they complete. */
function frames(alter: (frame: Buffer, index: number) => Buffer | null): (chunk: Buffer) => Buffer {
  let pending = Buffer.alloc(0)
  let index = 0
  return (chunk) => {
    // A four-letter word: no frame is that long.
    if (pending.length === 0 && index === 0 && /^[a-z]{4}/.test(chunk.toString('latin1'))) return chunk
    pending = Buffer.concat([pending, chunk])
    const out: Buffer[] = []
    while (pending.length >= 4 && pending.length >= 4 + pending.readInt32BE(0)) {
      const end = 4 + pending.readInt32BE(0)
      const altered = alter(pending.subarray(0, end), index++)
      if (altered) out.push(altered)
      pending = pending.subarray(end)
    }
    return Buffer.concat(out)
  }
}
