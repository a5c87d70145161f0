/** How TLS is spoken to the servers of one ensemble: whom to believe, and who we are. */
import { X509Certificate } from 'node:crypto'
import { checkServerIdentity, createSecureContext, type PeerCertificate, type SecureContext } from 'node:tls'

export interface TlsOptions {
  /** PEM certificates of the authorities to believe. @default those that Node.js comes with */
  ca?: string
  /** Our own certificate in PEM, with those that lead up to its authority behind it. */
  cert?: string
  /** Its private key in PEM. */
  key?: string
  /** Certificate and key together, as PKCS#12. */
  pfx?: Buffer
  /** Opens `key` or `pfx`. */
  passphrase?: string
  /** What the servers' certificates must be for. @default the host of the connect string */
  serverName?: string
  /** Believe whoever answers. @default false */
  insecure?: boolean
}

/** `null` where nothing is to be encrypted. */
export function transportOf(place: { tls: boolean; transport?: TlsTransport }): TlsTransport | null {
  return place.tls ? (place.transport ?? new TlsTransport()) : null
}

/** Holds keys: nothing of it shows when it is printed or turned into JSON. */
export class TlsTransport {
  readonly #context: SecureContext
  readonly #options: TlsOptions

  /** @throws an OpenSSL error when certificate, key and passphrase do not go together */
  constructor(options: TlsOptions = {}) {
    const { ca, cert, key, pfx, passphrase } = options
    this.#options = options
    this.#context = createSecureContext({ ca, cert, key, pfx, passphrase })
  }

  get context(): SecureContext {
    return this.#context
  }

  get insecure(): boolean {
    return this.#options.insecure === true
  }

  get hasCertificate(): boolean {
    return this.#options.cert !== undefined || this.#options.pfx !== undefined
  }

  /** Our certificate's subject as OpenSSL writes it, an attribute a line; `null` without one. */
  get subject(): string | null {
    const der: unknown = this.#context.context.getCertificate?.()
    return Buffer.isBuffer(der) ? new X509Certificate(der).subject : null
  }

  nameOf(host: string): string {
    return this.#options.serverName ?? host
  }

  /** Complains when a certificate is for somebody else. Addresses are looked for among its addresses. */
  check(host: string, certificate: PeerCertificate): Error | undefined {
    return checkServerIdentity(this.nameOf(host), certificate)
  }
}
