/** From what OpenSSL and Node.js call it to one sentence for each thing that goes wrong with TLS. */
import { AttachFailure } from './attach-failure.ts'
import { TlsError } from './errors.ts'
import type { Endpoint } from './socket.ts'

interface SocketError extends NodeJS.ErrnoException {
  /** Node's complaint about a name; OpenSSL's own words. */
  reason?: string
  /** With a complaint about a name: the certificate that the server has shown. */
  cert?: { subjectaltname?: string; subject?: { CN?: string | string[] } }
}

const UNTRUSTED: ReadonlySet<string> = new Set([
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'CERT_SIGNATURE_FAILURE',
  'CERT_UNTRUSTED',
  'CERT_REJECTED',
  'INVALID_CA',
  'INVALID_PURPOSE',
  'PATH_LENGTH_EXCEEDED',
  'CERT_CHAIN_TOO_LONG',
])

/** What a server says when it does not like our certificate, or finds none. */
const ABOUT_CERTIFICATES =
  /ALERT_(BAD_CERTIFICATE|UNSUPPORTED_CERTIFICATE|CERTIFICATE_\w+|UNKNOWN_CA|ACCESS_DENIED|NO_CERTIFICATE)$/

/** What a fault on the way, or a server in trouble, looks like. */
const MAY_PASS =
  /(BAD_RECORD_MAC|DECRYPT\w*|DECODE_ERROR|INTERNAL_ERROR|UNEXPECTED_\w+|RECORD_OVERFLOW|USER_CANCELLED)$/

/** What does not pass by itself; `null` when it is no matter of TLS. */
export function tlsFailure(endpoint: Endpoint, error: SocketError): TlsError | null {
  const { label, tls } = endpoint
  const { code = '' } = error
  if (tls === null) return null
  if (UNTRUSTED.has(code)) {
    return new TlsError(
      label,
      'untrusted',
      `shows a certificate of an authority that is not trusted (${code})`,
    )
  }
  switch (code) {
    case 'CERT_HAS_EXPIRED':
      return new TlsError(label, 'expired', 'shows a certificate that has expired')
    case 'CERT_NOT_YET_VALID':
      return new TlsError(label, 'not-yet-valid', 'shows a certificate that is not valid yet')
    case 'CERT_REVOKED':
      return new TlsError(label, 'untrusted', 'shows a certificate that was revoked')
    case 'ERR_TLS_CERT_ALTNAME_INVALID': {
      const name = tls.nameOf(endpoint.host)
      return new TlsError(
        label,
        'other-name',
        `shows a certificate that is not for ${name}, but for ${namesIn(error)}`,
      )
    }
    case 'ERR_SSL_WRONG_VERSION_NUMBER':
    case 'ERR_SSL_PACKET_LENGTH_TOO_LONG':
    case 'ERR_SSL_HTTP_REQUEST':
      return plainPort(endpoint)
  }
  if (ABOUT_CERTIFICATES.test(code) || /ALERT_HANDSHAKE_FAILURE$/.test(code)) return aboutOurs(endpoint, code)
  if (/^ERR_(SSL|OSSL)_/.test(code) && !MAY_PASS.test(code)) {
    return new TlsError(label, 'handshake', `does not agree with us on how to speak TLS (${wordsFor(code)})`)
  }
  return null
}

export function plainPort({ label }: Endpoint): TlsError {
  return new TlsError(label, 'plain', 'does not speak TLS, which zks:// asks for')
}

/** A handshake that came to nothing, in a way that may pass. */
export function brokenHandshake(): AttachFailure {
  return new AttachFailure('closes connections in the middle of the TLS handshake', true)
}

/** Servers before TLS 1.3 have no word for "there is none". */
function aboutOurs({ label, tls }: Endpoint, code: string): TlsError {
  const words = wordsFor(code)
  return tls?.hasCertificate
    ? new TlsError(label, 'certificate-refused', `does not accept our client certificate (${words})`)
    : new TlsError(label, 'certificate-wanted', `wants a client certificate, and none was given (${words})`)
}

/** `ERR_SSL_TLSV1_ALERT_UNKNOWN_CA` → `unknown ca` */
function wordsFor(code: string): string {
  return code
    .replace(/^ERR_O?SSL_(?:(?:SSLV3|TLSV\d+)_)?(?:ALERT_)?/, '')
    .replaceAll('_', ' ')
    .toLowerCase()
}

function namesIn({ cert }: SocketError): string {
  if (cert?.subjectaltname) return cert.subjectaltname
  return `CN ${[cert?.subject?.CN ?? '(none)'].flat().join(', ')}`
}
