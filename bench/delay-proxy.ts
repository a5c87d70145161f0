/** A TCP proxy that makes a link longer, not narrower: every byte arrives `oneWayMs` later, in order. */
import { connect, createServer, type Socket } from 'node:net'

export interface DelayProxy {
  /** `host:port` to connect to in the server's place. */
  connect: string
  close(): Promise<void>
}

export async function startDelayProxy(port: number, oneWayMs: number): Promise<DelayProxy> {
  const open = new Set<Socket>()
  const listener = createServer({ noDelay: true }, (near) => {
    const far = connect({ host: '127.0.0.1', port, noDelay: true })
    delayed(near, far, oneWayMs)
    delayed(far, near, oneWayMs)
    for (const socket of [near, far]) {
      open.add(socket)
      socket.once('close', () => open.delete(socket))
      // What one end of a proxied connection suffers, the other sees as its end.
      socket.on('error', () => {})
    }
  })
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve))
  const address = listener.address() as { port: number }
  return {
    connect: `127.0.0.1:${address.port}`,
    close: async () => {
      const closed = new Promise((resolve) => listener.close(resolve))
      for (const socket of open) socket.destroy()
      await closed
    },
  }
}

/** One timer serves all that waits: it is set for the oldest chunk. */
function delayed(from: Socket, to: Socket, delayMs: number): void {
  const waiting: { due: number; bytes: Buffer | null }[] = []
  const deliver = () => {
    const now = performance.now()
    for (let first = waiting[0]; first !== undefined && first.due <= now; first = waiting[0]) {
      waiting.shift()
      if (first.bytes === null) to.destroySoon()
      else if (to.writable) to.write(first.bytes)
    }
    if (waiting[0] !== undefined) setTimeout(deliver, waiting[0].due - performance.now())
  }
  const enqueue = (bytes: Buffer | null) => {
    waiting.push({ due: performance.now() + delayMs, bytes })
    if (waiting.length === 1) setTimeout(deliver, delayMs)
  }
  from.on('data', enqueue)
  from.once('close', () => enqueue(null))
}
