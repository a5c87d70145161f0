/** Real servers with a secure client port beside the plain one. */
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { claimPort } from '../servers/ports.ts'
import { retryingPorts, Server } from '../servers/server.ts'
import type { Certificate } from './certificates.ts'

export interface SecureOptions {
  version: string
  /** Its own. */
  certificate: Certificate
  /** PEM of the authorities whose clients it takes. */
  trust: string
  /** @default need */
  clientAuth?: 'need' | 'want' | 'none'
  config?: Record<string, string>
  jvm?: string[]
}

export interface SecureServer {
  server: Server
  /** `127.0.0.1:port`, with TLS. */
  secure: string
  securePort: number
  /** `127.0.0.1:port`, without. */
  plain: string
  /** Another certificate, from the next start on. */
  present(certificate: Certificate): void
}

/** Resolves when it serves. */
export function startSecureServer(options: SecureOptions): Promise<SecureServer> {
  return retryingPorts(async () => {
    const folder = mkdtempSync(join(tmpdir(), 'zkferry-tls-'))
    const [keyStore, trustStore] = [join(folder, 'server.pem'), join(folder, 'trust.pem')]
    const present = ({ cert, key }: Certificate) => writeFileSync(keyStore, key + cert)
    present(options.certificate)
    writeFileSync(trustStore, options.trust)
    const securePort = await claimPort()
    const server = await Server.create({
      version: options.version,
      config: {
        serverCnxnFactory: 'org.apache.zookeeper.server.NettyServerCnxnFactory',
        secureClientPort: String(securePort),
        secureClientPortAddress: '127.0.0.1',
        'ssl.keyStore.location': keyStore,
        'ssl.keyStore.type': 'PEM',
        'ssl.trustStore.location': trustStore,
        'ssl.trustStore.type': 'PEM',
        'ssl.clientAuth': options.clientAuth ?? 'need',
        ...options.config,
      },
      jvm: options.jvm ?? [],
    })
    server.ownPorts.push(securePort)
    try {
      await server.start()
    } catch (error) {
      await server.stop()
      throw error
    }
    return {
      server,
      secure: `127.0.0.1:${securePort}`,
      securePort,
      plain: server.connectString,
      present,
    }
  })
}
