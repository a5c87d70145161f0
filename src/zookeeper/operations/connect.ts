/**
 *   ConnectRequest     i32 protocolVersion = 0, i64 lastZxidSeen, i32 timeOut, i64 sessionId (0: a new one),
 *                      buffer passwd (16), bool readOnly
 *   ConnectResponse    i32 protocolVersion, i32 timeOut (0 or less: expired), i64 sessionId,
 *                      buffer passwd (16) [, bool readOnly]
 *
 *   auth 100, xid −4   i32 0, ustring scheme, buffer auth → nothing
 *   sasl 102           buffer token → buffer token; outside the pipeline, zxid 0
 *   closeSession −11   nothing → nothing
 */
import type { AuthInfo } from '../auth.ts'
import { type JuteReader, MalformedRecordError } from '../wire/reader.ts'
import { encode } from '../wire/writer.ts'
import { Opcode, type Operation, Xid } from './operation.ts'

export interface ConnectRequest {
  lastZxidSeen: bigint
  timeoutMs: number
  sessionId: bigint
  password: Buffer
  /** Accept a server that has lost its quorum and serves reads only. */
  readOnly: boolean
}

export interface ConnectResponse {
  /** What was negotiated; 0 or less: the session has expired. */
  timeoutMs: number
  sessionId: bigint
  password: Buffer
  readOnly: boolean
}

const PASSWORD_BYTES = 16

/** The frame lengths that a connect response can have: without and with the read-only byte. */
export const CONNECT_RESPONSE_BYTES: readonly number[] = [36, 37]

export function connectFrame(request: ConnectRequest): Buffer {
  return encode((out) => {
    out.beginFrame().int(0).long(request.lastZxidSeen).int(request.timeoutMs).long(request.sessionId)
    out.buffer(request.password).bool(request.readOnly)
    out.endFrame()
  })
}

/** @throws MalformedRecordError when these bytes are no connect response */
export function readConnectResponse(body: JuteReader): ConnectResponse {
  const version = body.int()
  const timeoutMs = body.int()
  const sessionId = body.long()
  const password = body.buffer()
  if (version !== 0 || password?.length !== PASSWORD_BYTES)
    throw new MalformedRecordError('no connect response')
  // A copy: a view would keep the whole chunk for as long as the session lives.
  return {
    timeoutMs,
    sessionId,
    password: Buffer.from(password),
    readOnly: body.remaining > 0 && body.bool(),
  }
}

export const NO_SESSION = { sessionId: 0n, password: Buffer.alloc(PASSWORD_BYTES) } as const

export function authFrame({ scheme, auth }: AuthInfo): Buffer {
  return encode((out) => {
    out.beginFrame().int(Xid.auth).int(Opcode.auth).int(0).string(scheme).buffer(auth)
    out.endFrame()
  })
}

export function saslFrame(token: Buffer): Buffer {
  return encode((out) => {
    out.beginFrame().int(Xid.sasl).int(Opcode.sasl).buffer(token)
    out.endFrame()
  })
}

export const PING_FRAME: Buffer = encode((out) => {
  out.beginFrame().int(Xid.ping).int(Opcode.ping)
  out.endFrame()
})

export const closeSession: Operation<null, null> = {
  name: 'closeSession',
  opcode: Opcode.closeSession,
  write: () => {},
  read: () => null,
  pathOf: () => null,
}
