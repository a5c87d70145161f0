/** Finds out why a server closes: it is asked for its state with `srvr`, which every release allows by default. */
import { setTimeout as sleep } from 'node:timers/promises'
import { AttachFailure } from './attach-failure.ts'
import { NotZooKeeperError, type TlsError } from './errors.ts'
import { connectSocket, type Endpoint, readyEvent } from './socket.ts'
import { brokenHandshake, plainPort } from './tls-failure.ts'
import { listenForAlert, speaksTls } from './tls-probe.ts'

const TIMEOUT_MS = 2000
const SILENCE_MS = 300
const MAX_BYTES = 64 * 1024

/** Why a server has closed a connection without a reply, as far as it can be told. */
export async function explainClose(
  endpoint: Endpoint,
  lastZxidSeen: bigint,
  signal: AbortSignal,
): Promise<AttachFailure | NotZooKeeperError | TlsError> {
  const asked = askSrvr(endpoint, signal)
  if (await speaksTlsInstead(endpoint, asked, signal)) return itSpeaksTls(endpoint)
  const text = await asked
  if (/not currently serving requests/.test(text)) return new AttachFailure('is not serving (no quorum?)')
  const zxid = /^Zxid: 0x([0-9a-f]{1,16})/im.exec(text)?.[1]
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
): Promise<AttachFailure | NotZooKeeperError | TlsError> {
  if (endpoint.tls !== null) return explainBrokenTls(endpoint, signal)
  if (text.startsWith('HTTP/')) return new NotZooKeeperError(endpoint.label, 'it speaks HTTP')
  if (text === '' && (await speaksTls(endpoint, signal))) return itSpeaksTls(endpoint)
  return new AttachFailure('closes connections without an answer')
}

/** A TLS port may wait in silence for what is longer than four letters, and we have not for ever. */
async function speaksTlsInstead(
  endpoint: Endpoint,
  asked: Promise<string>,
  signal: AbortSignal,
): Promise<boolean> {
  if (endpoint.tls !== null) return false
  const silence = new AbortController()
  const answered = asked.then(() => silence.abort())
  await Promise.race([answered, sleep(SILENCE_MS, undefined, { signal: silence.signal }).catch(() => {})])
  return !silence.signal.aborted && (await speaksTls(endpoint, signal))
}

function itSpeaksTls({ label }: Endpoint): NotZooKeeperError {
  return new NotZooKeeperError(label, 'it speaks TLS (write zks:// before the hosts)')
}

async function explainBrokenTls(endpoint: Endpoint, signal: AbortSignal): Promise<AttachFailure | TlsError> {
  const complaint = await listenForAlert(endpoint, signal)
  if (complaint) return complaint
  if (complaint === null) return new AttachFailure('closes connections without an answer')
  const plain = await askSrvr({ ...endpoint, tls: null }, signal)
  return /^[\x20-\x7e]{4}/.test(plain) ? plainPort(endpoint) : brokenHandshake()
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
    socket.on(readyEvent(endpoint), () => socket.write('srvr'))
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
