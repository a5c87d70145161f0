/**
 * A hostile peer behind a real socket. It knows a recorded conversation, so it can lead a client deep into one, and then
 * says something else. It is no ZooKeeper and does not try to be: what it says need make no sense.
 */
import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { RandomStream } from '../../fixtures/random.ts'
import type { Exchanges } from './exchanges.ts'
import { framed, mutatePayload, mutateStream, rechunk } from './mutate.ts'

export const MANNERS = [
  /** Each reply may be mutated. */
  'mutates',
  /** The same, and connections end in the middle of things. */
  'mutates and cuts',
  /** Every reply is one that was meant for another request. */
  'confuses',
  /** Takes sessions, and closes at the first request. */
  'closes',
  /** Takes sessions, answers pings, and nothing else. */
  'answers pings only',
  /** Takes sessions, and says of each request that the session has expired. */
  'expires',
  /** Answers with codes that no release has. */
  'unknown errors',
  /** Begins a frame of 200 MB and sends a byte of it now and then. */
  'drips',
  /** Every znode has children, and they have children. */
  'endless',
  /** Bytes of no protocol at all. */
  'babbles',
] as const

export type Manner = (typeof MANNERS)[number]

const PING = -2
const HEADER_BYTES = 16
const GET_ACL = 6
const LISTS = new Set([8, 12])
const MULTI_READ = 22
/** Of each znode that has no end. */
const CHILDREN = 20
const NAME_LENGTH = 1000

export class Attacker {
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  readonly #recorded: Exchanges
  readonly #replies = new Map<string, Buffer>()
  readonly #manner: Manner
  readonly #random: RandomStream
  #timers = new Set<NodeJS.Timeout>()
  /** Of the replies in the manners that mutate, one in so many is left as it is. */
  readonly #rarity: number

  private constructor(server: Server, recorded: Exchanges, manner: Manner, seed: string) {
    this.#server = server
    this.#recorded = recorded
    this.#manner = manner
    this.#random = new RandomStream(seed)
    this.#rarity = 1 + this.#random.below(40)
    for (const { asked, reply } of recorded.exchanges) this.#replies.set(asked.toString('latin1'), reply)
  }

  static async listen(recorded: Exchanges, manner: Manner, seed: string): Promise<Attacker> {
    const server = createServer()
    const attacker = new Attacker(server, recorded, manner, seed)
    server.on('connection', (socket) => attacker.#meet(socket))
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return attacker
  }

  get address(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  async close(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer)
    for (const socket of this.#sockets) socket.destroy()
    this.#server.close()
    await once(this.#server, 'close')
  }

  #meet(socket: Socket): void {
    this.#sockets.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => this.#sockets.delete(socket))
    let pending: Buffer = Buffer.alloc(0)
    let greeted = false
    socket.on('data', (chunk) => {
      pending = Buffer.concat([pending, chunk])
      // A four-letter word: no frame is that long.
      if (!greeted && /^[a-z]{4}/.test(pending.toString('latin1')))
        return void socket.end('Zxid: 0x1\nMode: standalone\n')
      while (pending.length >= 4 && pending.length >= 4 + pending.readInt32BE(0)) {
        const end = 4 + pending.readInt32BE(0)
        const frame = pending.subarray(4, end)
        pending = pending.subarray(end)
        if (greeted) this.#answer(socket, frame)
        else this.#greet(socket, frame)
        greeted = true
      }
    })
  }

  #greet(socket: Socket, claim: Buffer): void {
    const greeting = Buffer.from(this.#recorded.greetings[0] as Buffer)
    // The session that is claimed, if one is: to refuse all of them would be no fun.
    const claimed = claim.readBigInt64BE(16)
    if (claimed !== 0n) greeting.writeBigInt64BE(claimed, 8)
    greeting.writeInt32BE(claim.readInt32BE(12), 4)
    const mutating = this.#manner.startsWith('mutates') && this.#random.below(30) === 0
    socket.write(framed(mutating ? mutatePayload(greeting, this.#random) : greeting))
    if (this.#manner === 'babbles') socket.write(Buffer.from('HTTP/1.1 418 \x1b[2J\r\n\r\n'.repeat(99)))
  }

  #answer(socket: Socket, request: Buffer): void {
    const xid = request.readInt32BE(0)
    const header = (errno: number) => replyTo(xid, errno)
    switch (this.#manner) {
      case 'closes':
        return void socket.destroy()
      case 'answers pings only':
        if (xid === PING) socket.write(framed(header(0)))
        return
      case 'expires':
        return void socket.write(framed(header(-112)))
      case 'unknown errors':
        return void socket.write(framed(header(xid < 0 ? 0 : -1000 - this.#random.below(9000))))
      case 'drips': {
        const begun = Buffer.alloc(20)
        begun.writeInt32BE(200_000_000, 0)
        header(0).copy(begun, 4)
        socket.write(begun)
        const timer = setInterval(() => socket.write('\0'), 50)
        this.#timers.add(timer)
        return
      }
      case 'endless':
        return void socket.write(framed(endless(request)))
    }
    const reply = this.#replyTo(request)
    if (this.#manner === 'confuses' || this.#random.below(this.#rarity) === 0) {
      const frames = mutateStream([reply], this.#random, 1 + this.#random.below(2))
      for (const chunk of rechunk(frames, this.#random)) socket.write(chunk)
    } else socket.write(framed(reply))
    if (this.#manner === 'mutates and cuts' && this.#random.below(25) === 0) socket.destroy()
  }

  /** What was recorded for this request, else for another one of its kind. */
  #replyTo(request: Buffer): Buffer {
    const xid = request.readInt32BE(0)
    const { exchanges } = this.#recorded
    if (xid < 0) return replyTo(xid, 0)
    const opcode = request.readInt32BE(4)
    const alike = exchanges.filter(({ asked }) => asked.readInt32BE(0) === opcode)
    const pool = this.#manner === 'confuses' || alike.length === 0 ? exchanges : alike
    const known =
      this.#manner === 'confuses' ? undefined : this.#replies.get(request.subarray(4).toString('latin1'))
    const reply = Buffer.from(known ?? (pool[this.#random.below(pool.length)] as { reply: Buffer }).reply)
    reply.writeInt32BE(xid, 0)
    return reply
  }
}

function replyTo(xid: number, errno: number, ...body: Buffer[]): Buffer {
  const header = Buffer.alloc(HEADER_BYTES)
  header.writeInt32BE(xid, 0)
  header.writeBigInt64BE(1n, 4)
  header.writeInt32BE(errno, 12)
  return Buffer.concat([header, ...body])
}

/** A znode with children, whichever is asked for. */
function endless(request: Buffer): Buffer {
  const xid = request.readInt32BE(0)
  if (xid < 0) return replyTo(xid, 0)
  const opcode = request.readInt32BE(4)
  const stat = Buffer.alloc(68)
  stat.writeInt32BE(CHILDREN, 56)
  const data = Buffer.from('00000000', 'hex')
  const acl = Buffer.concat([Buffer.from('000000010000001f', 'hex'), jute('world'), jute('anyone')])
  const names = Buffer.concat([
    Buffer.from([0, 0, 0, CHILDREN]),
    ...Array.from({ length: CHILDREN }, (_, at) => jute(`child-${String(at).padStart(NAME_LENGTH, '0')}`)),
  ])
  if (opcode === GET_ACL) return replyTo(xid, 0, acl, stat)
  if (LISTS.has(opcode)) return replyTo(xid, 0, names, stat)
  if (opcode !== MULTI_READ) return replyTo(xid, 0, data, stat)
  const results: Buffer[] = []
  for (let at = 8; request.readInt32BE(at) !== -1; ) {
    const type = request.readInt32BE(at)
    results.push(Buffer.from(request.subarray(at, at + 4)), Buffer.from('0000000000', 'hex'))
    results.push(type === 4 ? Buffer.concat([data, stat]) : names)
    at += 9 + 4 + request.readInt32BE(at + 9) + 1
  }
  return replyTo(xid, 0, ...results, Buffer.from('ffffffff01ffffffff', 'hex'))
}

function jute(text: string): Buffer {
  const bytes = Buffer.from(text)
  const length = Buffer.alloc(4)
  length.writeInt32BE(bytes.length, 0)
  return Buffer.concat([length, bytes])
}
