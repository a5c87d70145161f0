/** Passes bytes on without looking at them, and harms those that it is told to: TLS has no frames that could be seen. */
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'

export class Relay {
  /** How many connections were harmed so far. */
  harmed = 0
  readonly #server: Server
  readonly #sockets = new Set<Socket>()

  private constructor(server: Server) {
    this.#server = server
  }

  /**
   * @param harm what becomes of each of the first `times` connections, once the server has sent `afterBytes` over it
   */
  static async before(
    port: number,
    harm: 'cut' | 'flip-a-bit',
    afterBytes: number,
    times: number,
  ): Promise<Relay> {
    const server = createServer()
    const relay = new Relay(server)
    let connections = 0
    server.on('connection', (client) => {
      const upstream = connect({ host: '127.0.0.1', port })
      const doomed = connections++ < times
      let passed = 0
      const end = (): void => {
        client.destroy()
        upstream.destroy()
      }
      for (const socket of [client, upstream]) {
        relay.#sockets.add(socket)
        socket.on('error', end).on('close', () => {
          relay.#sockets.delete(socket)
          end()
        })
      }
      client.on('data', (bytes) => upstream.write(bytes))
      upstream.on('data', (bytes: Buffer) => {
        const due = doomed && passed < afterBytes && passed + bytes.length >= afterBytes
        const at = afterBytes - passed - 1
        passed += bytes.length
        if (!due) return void client.write(bytes)
        relay.harmed++
        if (harm === 'flip-a-bit') {
          bytes[at] = (bytes[at] ?? 0) ^ 1
          return void client.write(bytes)
        }
        client.end(bytes.subarray(0, at), end)
      })
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return relay
  }

  get address(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  close(): void {
    this.#server.close()
    for (const socket of this.#sockets) socket.destroy()
  }
}
