/**
 * Encryption: a passphrase gives, by scrypt, the key that wraps the archive's own two keys, one for AES-256-GCM and one
 * for the ids of chunks, which would otherwise tell what is in them.
 */
import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createHmac,
  randomBytes,
  scryptSync,
} from 'node:crypto'
import { ArchiveProblem } from './problems.ts'

const NONCE = 12
const TAG = 16
const KEY = 32
/** 128 MiB and about a third of a second for each guess. */
const COST = { N: 2 ** 17, r: 8, p: 1 }
/** What a file may ask of us. */
const MOST = { N: 2 ** 20, r: 16, p: 4 }

export class Keys {
  readonly #cipher: Buffer
  readonly #ids: Buffer

  constructor(both: Buffer) {
    this.#cipher = both.subarray(0, KEY)
    this.#ids = both.subarray(KEY)
  }

  idOf(content: Buffer): Buffer {
    return createHmac('sha256', this.#ids).update(content).digest()
  }

  /** Nonce, ciphertext and tag. Whatever is opened with another `aad` does not open. */
  seal(content: Buffer, aad: Buffer): Buffer {
    return seal(this.#cipher, content, aad)
  }

  /** `null` when it is not what was sealed. */
  open(sealed: Buffer, aad: Buffer): Buffer | null {
    return open(this.#cipher, sealed, aad)
  }
}

/** Without encryption an id is the content's plain SHA-256. */
export function idOf(content: Buffer, keys: Keys | null): Buffer {
  return keys === null ? createHash('sha256').update(content).digest() : keys.idOf(content)
}

/** Keys, and how an archive's header has them. */
export interface MadeKeys {
  keys: Keys
  header: string
}

/** New keys, and what stands in the archive's header: the parameters, and the keys under the passphrase. */
export function newKeys(passphrase: Buffer): MadeKeys {
  const both = randomBytes(2 * KEY)
  const salt = randomBytes(32)
  const { N, r, p } = COST
  const wrapped = seal(derive(passphrase, salt, COST), both, wrapAad(salt))
  const header = { cipher: 'aes-256-gcm', kdf: 'scrypt', N, r, p, salt: hex(salt), keys: hex(wrapped) }
  return { keys: new Keys(both), header: JSON.stringify(header) }
}

/** @throws ArchiveProblem when the passphrase is another one, or the header asks for what this program does not know. */
export function unwrapKeys(file: string, header: string, passphrase: Buffer): Keys {
  const { cipher, kdf, N, r, p, salt, keys } = JSON.parse(header) as Record<string, unknown>
  const known = cipher === 'aes-256-gcm' && kdf === 'scrypt' && within({ N, r, p })
  if (!known || typeof salt !== 'string' || typeof keys !== 'string') {
    throw new ArchiveProblem(
      'unreadable',
      `The archive ${file} is encrypted in a way that this zkferry does not know.`,
    )
  }
  const bytes = Buffer.from(salt, 'hex')
  const key = derive(passphrase, bytes, { N: N as number, r: r as number, p: p as number })
  const both = open(key, Buffer.from(keys, 'hex'), wrapAad(bytes))
  if (both?.length !== 2 * KEY) {
    throw new ArchiveProblem(
      'usage',
      `The passphrase is not the one that the archive ${file} was encrypted with.`,
    )
  }
  return new Keys(both)
}

function within(params: Record<'N' | 'r' | 'p', unknown>): boolean {
  return (['N', 'r', 'p'] as const).every((name) => {
    const value = params[name]
    return Number.isSafeInteger(value) && (value as number) >= 1 && (value as number) <= MOST[name]
  })
}

function derive(passphrase: Buffer, salt: Buffer, { N, r, p }: typeof COST): Buffer {
  return scryptSync(passphrase, salt, KEY, { N, r, p, maxmem: 256 * N * r })
}

function wrapAad(salt: Buffer): Buffer {
  return Buffer.concat([Buffer.from('zkferry archive keys '), salt])
}

function seal(key: Buffer, content: Buffer, aad: Buffer): Buffer {
  const nonce = randomBytes(NONCE)
  const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(aad)
  return Buffer.concat([nonce, cipher.update(content), cipher.final(), cipher.getAuthTag()])
}

function open(key: Buffer, sealed: Buffer, aad: Buffer): Buffer | null {
  if (sealed.length < NONCE + TAG) return null
  const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, NONCE))
  decipher.setAAD(aad).setAuthTag(sealed.subarray(sealed.length - TAG))
  const plain = decipher.update(sealed.subarray(NONCE, sealed.length - TAG))
  try {
    decipher.final()
    return plain
  } catch {
    return null
  }
}

function hex(bytes: Buffer): string {
  return bytes.toString('hex')
}
