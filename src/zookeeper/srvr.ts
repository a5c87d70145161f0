/** Finds out why a server closes: it is asked for its state with `srvr`, which every release allows by default. */
import { AttachFailure } from './attach-failure.ts'
import { NotZooKeeperError } from './errors.ts'
import { connectSocket, type Endpoint } from './socket.ts'
import { speaksTls } from './tls-probe.ts'

const TIMEOUT_MS = 2000
const MAX_BYTES = 64 * 1024

/** Why a server has closed a connection without a reply, as far as it can be told. */
export async function explainClose(
  endpoint: Endpoint,
  lastZxidSeen: bigint,
  signal: AbortSignal,
): Promise<AttachFailure | NotZooKeeperError> {
  const text = await askSrvr(endpoint, signal)
  if (/not currently serving requests/.test(text)) return new AttachFailure('is not serving (no quorum?)')
  const zxid = /^Zxid: 0x([0-9a-f]+)/im.exec(text)?.[1]
  if (zxid === undefined) return explainSilence(endpoint, text, signal)
  const its = BigInt(`0x${zxid}`)
  if (its < lastZxidSeen) {
    const seen = `0x${lastZxidSeen.toString(16)}`
    return new AttachFailure(
      `is behind what this session has seen (it is at zxid 0x${zxid}, ${seen} was seen)`,
    )
  }
  return new AttachFailure('is serving but closes our connections (too many from this address?)')
}

async function explainSilence(
  endpoint: Endpoint,
  text: string,
  signal: AbortSignal,
): Promise<AttachFailure | NotZooKeeperError> {
  if (text.startsWith('HTTP/')) return new NotZooKeeperError(endpoint.label, 'it speaks HTTP')
  if (text === '' && (await speaksTls(endpoint, signal)))
    return new NotZooKeeperError(endpoint.label, 'it speaks TLS')
  return new AttachFailure('closes connections without an answer')
}

/** What it answers; empty when it does not. */
export function askSrvr(endpoint: Endpoint, signal: AbortSignal): Promise<string> {
  return new Promise((resolve) => {
    const socket = connectSocket(endpoint)
    let text = ''
    const finish = (): void => {
      clearTimeout(timer)
      signal.removeEventListener('abort', finish)
      socket.destroy()
      resolve(text)
    }
    const timer = setTimeout(finish, TIMEOUT_MS)
    socket.on('connect', () => socket.write('srvr'))
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1')
      if (text.length > MAX_BYTES) finish()
    })
    socket.on('error', finish)
    socket.on('close', finish)
    signal.addEventListener('abort', finish)
    if (signal.aborted) finish()
  })
}
