/** Certificates for tests, made on the spot: nothing of it needs an openssl command. */
import { createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { isIP } from 'node:net'
import forge from 'node-forge'

export interface Certificate {
  /** PEM. */
  cert: string
  /** PEM, PKCS#8, not encrypted. */
  key: string
}

export interface Wanted {
  commonName: string
  /** DNS names and addresses that it is for. */
  names?: string[]
  /** Days from now. @default -1 */
  fromDays?: number
  /** @default 30 */
  toDays?: number
}

const DAY_MS = 24 * 3_600_000

// Making a key is what takes long, and nobody here looks for whose key it is.
const leafKey = newKey()

/** An authority of the test's own, and the certificates that it signs. */
export class Authority {
  /** PEM. */
  readonly cert: string
  readonly #certificate: forge.pki.Certificate
  readonly #key: KeyObject

  constructor(name: string) {
    this.#key = newKey()
    const subject = nameOf(name)
    const certificate = newCertificate(this.#key, { commonName: name }, subject)
    certificate.setExtensions([
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'keyUsage', keyCertSign: true, cRLSign: true, critical: true },
    ])
    certificate.sign(forgeKey(this.#key), forge.md.sha256.create())
    this.#certificate = certificate
    this.cert = forge.pki.certificateToPem(certificate)
  }

  issue(wanted: Wanted): Certificate {
    const certificate = newCertificate(leafKey, wanted, this.#certificate.subject.attributes)
    const altNames = (wanted.names ?? []).map((name) =>
      isIP(name) === 0 ? { type: 2, value: name } : { type: 7, ip: name },
    )
    certificate.setExtensions([
      { name: 'basicConstraints', cA: false },
      { name: 'keyUsage', digitalSignature: true, keyEncipherment: true },
      { name: 'extKeyUsage', serverAuth: true, clientAuth: true },
      ...(altNames.length > 0 ? [{ name: 'subjectAltName', altNames }] : []),
    ])
    certificate.sign(forgeKey(this.#key), forge.md.sha256.create())
    return { cert: forge.pki.certificateToPem(certificate), key: pem(leafKey) }
  }
}

/** The same key behind a password, in PEM. */
export function encryptedKey(key: string, passphrase: string): string {
  return createPrivateKey(key)
    .export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase })
    .toString()
}

export function pkcs12({ cert, key }: Certificate, password: string): Buffer {
  const file = forge.pkcs12.toPkcs12Asn1(
    forge.pki.privateKeyFromPem(pem(createPrivateKey(key), 'pkcs1')),
    [forge.pki.certificateFromPem(cert)],
    password,
    { algorithm: '3des' },
  )
  return Buffer.from(forge.asn1.toDer(file).getBytes(), 'latin1')
}

/** A key that belongs to no certificate. */
export function newKeyPem(): string {
  return pem(newKey())
}

let serial = 0x1000

function newCertificate(
  key: KeyObject,
  { commonName, fromDays = -1, toDays = 30 }: Wanted,
  issuer: forge.pki.CertificateField[],
): forge.pki.Certificate {
  const certificate = forge.pki.createCertificate()
  certificate.publicKey = forge.pki.rsa.setPublicKey(forgeKey(key).n, forgeKey(key).e)
  certificate.serialNumber = (serial++).toString(16)
  certificate.validity.notBefore = new Date(Date.now() + fromDays * DAY_MS)
  certificate.validity.notAfter = new Date(Date.now() + toDays * DAY_MS)
  certificate.setSubject(nameOf(commonName))
  certificate.setIssuer(issuer)
  return certificate
}

function nameOf(commonName: string): forge.pki.CertificateField[] {
  return [
    { name: 'organizationName', value: 'zkferry tests' },
    { name: 'commonName', value: commonName },
  ]
}

function newKey(): KeyObject {
  return generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey
}

function forgeKey(key: KeyObject): forge.pki.rsa.PrivateKey {
  return forge.pki.privateKeyFromPem(pem(key, 'pkcs1'))
}

function pem(key: KeyObject, type: 'pkcs1' | 'pkcs8' = 'pkcs8'): string {
  return key.export({ type, format: 'pem' }).toString()
}
