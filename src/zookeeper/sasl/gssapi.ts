/**
 * GSSAPI (RFC 4752), which is Kerberos, through the `kerberos` package. Whoever needs it installs it; its C code is
 * not for everyone to compile. The tickets are those of the process's user (`kinit`, or KRB5_CLIENT_KTNAME).
 */
import { type SaslMechanism, SaslRefusal } from './mechanism.ts'

/** Of the package's API what is needed here. Tokens are base64. */
interface KerberosClient {
  readonly contextComplete: boolean
  step(challenge: string): Promise<string | null>
  unwrap(challenge: string): Promise<string>
  wrap(message: string, options: object): Promise<string>
}

interface KerberosPackage {
  initializeClient(service: string, options: object): Promise<KerberosClient>
  readonly GSS_MECH_OID_KRB5: number
}

/** The layers that a server offers, and the one that we take: TLS does the rest. */
const NO_LAYER = 1
const TAKEN = Buffer.from([NO_LAYER, 0, 0, 0])

export class Gssapi implements SaslMechanism {
  readonly #host: string
  readonly #principal: string | null
  #client: KerberosClient | null = null
  #agreed = false

  /** @param host whose service `zookeeper` is asked for */
  constructor(host: string, principal: string | null) {
    this.#host = host
    this.#principal = principal
  }

  async first(): Promise<Buffer> {
    const kerberos = await load()
    return this.#try(async () => {
      this.#client = await kerberos.initializeClient(`zookeeper@${this.#host}`, {
        mechOID: kerberos.GSS_MECH_OID_KRB5,
        ...(this.#principal === null ? {} : { principal: this.#principal }),
      })
      return this.#step(this.#client, '')
    })
  }

  async next(challenge: Buffer | null): Promise<Buffer | null> {
    const client = this.#client as KerberosClient
    if (this.#agreed) return null
    if (challenge === null) throw new SaslRefusal('does not accept the Kerberos authentication')
    return this.#try(async () => {
      if (!client.contextComplete) return this.#step(client, challenge.toString('base64'))
      const offer = Buffer.from(await client.unwrap(challenge.toString('base64')), 'base64')
      if (((offer[0] ?? 0) & NO_LAYER) === 0)
        throw new SaslRefusal(
          'asks for a SASL layer of encryption (auth-int, auth-conf), which is not known here',
        )
      this.#agreed = true
      return Buffer.from(await client.wrap(TAKEN.toString('base64'), {}), 'base64')
    })
  }

  async #step(client: KerberosClient, challenge: string): Promise<Buffer> {
    return Buffer.from((await client.step(challenge)) ?? '', 'base64')
  }

  /** What the library says is about tickets, names and clocks, and has no secret in it. */
  async #try<T>(action: () => Promise<T>): Promise<T> {
    try {
      return await action()
    } catch (error) {
      if (error instanceof SaslRefusal) throw error
      const why = (error as Error).message.trim()
      throw new SaslRefusal(`cannot be identified to by Kerberos, as zookeeper/${this.#host} (${why})`)
    }
  }
}

async function load(): Promise<KerberosPackage> {
  // Not a literal, so that zkferry is built where the package is not.
  const name: string = 'kerberos'
  try {
    const loaded = (await import(name)) as { default: KerberosPackage }
    return loaded.default
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    const missing = code === 'ERR_MODULE_NOT_FOUND'
    throw new SaslRefusal(
      missing
        ? 'is to be identified to by Kerberos, which needs the optional npm package kerberos: install it with a C compiler and libkrb5-dev at hand (npm install -g kerberos; npm install in a checkout)'
        : `is to be identified to by Kerberos, and the npm package kerberos cannot be loaded (${message})`,
    )
  }
}
