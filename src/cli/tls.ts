/**
 * `zks://`: which certificates to believe, and which to show. What is read here is checked here, so that each message
 * names the file; passwords and keys are in none.
 */
import { X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { type Command, Option } from 'commander'
import type { ParsedLocation } from '../locations/parse-location.ts'
import { escapeText } from '../report/escape.ts'
import type { Side } from '../tree/contracts.ts'
import { UsageProblem } from '../tree/errors.ts'
import { type TlsOptions, TlsTransport } from '../zookeeper/index.ts'
import { readSecret } from './auth.ts'
import type { Shell } from './shell.ts'

const FILES = ['ca', 'cert', 'key', 'pfx'] as const
const NAMES = [...FILES, 'server-name', 'insecure', 'password-file', 'password-command'] as const
type Name = (typeof NAMES)[number]

const VALUES: Partial<Record<Name, string>> = { 'server-name': '<name>', 'password-command': '<command>' }

export const TLS_HELP = `
TLS
  For locations that begin with zks://. Where there are two: --source-tls-ca, --target-tls-ca, and so on.
    --tls-ca <file>                PEM certificates of the authorities to believe (default: those of Node.js)
    --tls-cert <file>              our certificate in PEM, for servers that want one
    --tls-key <file>               its private key in PEM (default: in the same file)
    --tls-pfx <file>               both together, as PKCS#12
    --tls-password-file <file>     opens the key, or the PKCS#12 file; also from the stdout of
    --tls-password-command <command>, or from ZKFERRY_TLS_PASSWORD (ZKFERRY_SOURCE_TLS_PASSWORD, …)
    --tls-server-name <name>       what the servers' certificates must be for (default: the host in the location)
    --tls-insecure                 believe whoever answers
`

/** All of one side, or without a side. `TLS_HELP` says what they mean, once for both sides. */
export function addTlsOptions(command: Command, side: Side | null): Command {
  for (const name of NAMES) {
    const value = name === 'insecure' ? '' : ` ${VALUES[name] ?? '<file>'}`
    command.addOption(new Option(`${flagOf(side, name)}${value}`).hideHelp())
  }
  return command
}

/**
 * The location with what is needed to reach it.
 * @param only there is no other location, so that variables without a side mean this one
 * @throws UsageProblem
 */
export async function secured<L extends ParsedLocation>(
  shell: Shell,
  location: L,
  flags: Record<string, unknown>,
  side: Side | null,
  only = side === null,
): Promise<L> {
  shell.words.names(location.text, (sentence) => withSide(sentence, side))
  const flagged = NAMES.filter((name) => given(flags, side, name) !== undefined)
  if (location.kind !== 'ensemble' || !location.tls) {
    const [stray] = flagged
    if (stray === undefined) return location
    throw new UsageProblem(
      `${flagOf(side, stray)} is for TLS, and ${location.text} is not asked for over TLS: write zks:// before its hosts, or leave the option out.`,
    )
  }
  const options = await readOptions(shell, flags, side, only)
  if (options.insecure) warn(shell, flagOf(side, 'insecure'), location.text)
  return { ...location, transport: build(options, flags, side) }
}

async function readOptions(
  shell: Shell,
  flags: Record<string, unknown>,
  side: Side | null,
  only: boolean,
): Promise<TlsOptions> {
  const text = (name: Name) => given(flags, side, name) as string | undefined
  const insecure = given(flags, side, 'insecure') === true
  for (const [one, other] of [
    ['cert', 'pfx'],
    ['key', 'pfx'],
    ['ca', 'insecure'],
  ] as const) {
    if (given(flags, side, one) === undefined || given(flags, side, other) === undefined) continue
    throw new UsageProblem(
      `${flagOf(side, one)} and ${flagOf(side, other)} contradict each other; leave one out.`,
    )
  }
  if (text('server-name') === '')
    throw new UsageProblem(
      `${flagOf(side, 'server-name')} is empty: give the name in the servers' certificates.`,
    )
  if (text('key') !== undefined && text('cert') === undefined)
    throw new UsageProblem(`${flagOf(side, 'key')} goes with ${flagOf(side, 'cert')}.`)
  const [ca, cert, key, pfx] = await Promise.all(
    FILES.map((name) => {
      const file = text(name)
      return file === undefined ? undefined : readBytes(file, flagOf(side, name))
    }),
  )
  const password = await readPassword(shell, flags, side, only)
  return {
    ...(ca && { ca: certificates(ca, `${flagOf(side, 'ca')} ${text('ca')}`) }),
    ...(cert && { cert: certificates(cert, `${flagOf(side, 'cert')} ${text('cert')}`) }),
    ...(cert && { key: privateKey(cert, key, side, text) }),
    ...(pfx && { pfx: container(pfx, `${flagOf(side, 'pfx')} ${text('pfx')}`) }),
    ...(password !== undefined && { passphrase: password }),
    ...(text('server-name') !== undefined && { serverName: text('server-name') }),
    insecure,
  }
}

async function readPassword(
  shell: Shell,
  flags: Record<string, unknown>,
  side: Side | null,
  only: boolean,
): Promise<string | undefined> {
  const variables = side === null ? [] : [`ZKFERRY_${side.toUpperCase()}_TLS_PASSWORD`]
  const secret = await readSecret(
    {
      flag: flagOf(side, 'password'),
      file: given(flags, side, 'password-file') as string | undefined,
      command: given(flags, side, 'password-command') as string | undefined,
      variables: only ? [...variables, 'ZKFERRY_TLS_PASSWORD'] : variables,
    },
    shell.io.env,
    shell.context.signal,
  )
  // Editors and echo end a file with a newline that belongs to no password.
  return secret?.text.replace(/\r?\n$/, '')
}

/** What OpenSSL says has neither the password nor the key in it, but means nothing to a reader either. */
function build(options: TlsOptions, flags: Record<string, unknown>, side: Side | null): TlsTransport {
  try {
    return new TlsTransport(options)
  } catch (error) {
    const name = options.pfx ? 'pfx' : given(flags, side, 'key') === undefined ? 'cert' : 'key'
    const what = `${flagOf(side, name)} ${given(flags, side, name)}`
    throw new UsageProblem(`${what} ${complaint(error as NodeJS.ErrnoException, options, side)}.`, {
      cause: error,
    })
  }
}

function complaint({ code, message }: NodeJS.ErrnoException, options: TlsOptions, side: Side | null): string {
  if (code === 'ERR_OSSL_BAD_DECRYPT' || message === 'mac verify failure') {
    const how = `${flagOf(side, 'password')}-file, ${flagOf(side, 'password')}-command or the environment`
    return options.passphrase === undefined
      ? `is protected by a password, and none was given: it comes from ${how}`
      : 'cannot be opened with the password that was given'
  }
  if (code === 'ERR_OSSL_X509_KEY_VALUES_MISMATCH') return 'is not the key of the certificate that was given'
  if (options.pfx && /unsupported/i.test(message))
    return 'is protected in a way that is no longer safe (RC2?): export it again with a newer tool'
  if (options.pfx) return `is no PKCS#12 file (${message})`
  return `holds no key that can be used (${code ?? message})`
}

/** Checks each, so that a file of something else is noticed before a server is. */
function certificates(bytes: Buffer, what: string): string {
  const text = bytes.toString('latin1')
  const blocks =
    text.match(/-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----[^-]+-----END [A-Z0-9 ]+-----/g) ?? []
  if (blocks.length === 0)
    throw new UsageProblem(`${what} holds no certificate in PEM${insteadOfPem(bytes)}.`)
  for (const [at, block] of blocks.entries()) {
    try {
      new X509Certificate(block)
    } catch (error) {
      const which = blocks.length === 1 ? 'a certificate' : `certificate ${at + 1} of ${blocks.length}`
      throw new UsageProblem(`${what}: ${which} cannot be read.`, { cause: error })
    }
  }
  return text
}

function privateKey(
  cert: Buffer,
  key: Buffer | undefined,
  side: Side | null,
  text: (name: Name) => string | undefined,
): string {
  const pem = (key ?? cert).toString('latin1')
  if (/-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----/.test(pem)) return pem
  if (key === undefined)
    throw new UsageProblem(
      `${flagOf(side, 'cert')} ${text('cert')} holds no private key: name its file with ${flagOf(side, 'key')}.`,
    )
  throw new UsageProblem(
    `${flagOf(side, 'key')} ${text('key')} holds no private key in PEM${insteadOfPem(key)}.`,
  )
}

function container(bytes: Buffer, what: string): Buffer {
  if (bytes[0] === 0x30) return bytes
  throw new UsageProblem(`${what} is no PKCS#12 file${insteadOfPem(bytes)}.`)
}

/** What people have at hand, and how it becomes what is wanted. */
function insteadOfPem(bytes: Buffer): string {
  if (bytes.length >= 4 && bytes.readUInt32BE(0) === 0xfeedfeed)
    return ', but a Java key store: keytool -importkeystore -deststoretype PKCS12 makes PKCS#12 of it'
  if (bytes[0] === 0x30) return ', but something binary (DER or PKCS#12): openssl makes PEM of it'
  if (bytes.includes('-----BEGIN')) return ', but PEM of something else'
  return ''
}

async function readBytes(file: string, flag: string): Promise<Buffer> {
  try {
    return await readFile(file)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    const reason = code === 'ENOENT' ? 'does not exist' : `cannot be read (${code})`
    throw new UsageProblem(`${flag} ${file} ${reason}.`, { cause: error })
  }
}

/** On stderr whatever the format is, and in spite of --quiet. */
function warn(shell: Shell, flag: string, place: string): void {
  shell.io.stderr.line(escapeText(`zkferry: WARNING: ${flag}: NOBODY CHECKS WHO ANSWERS AT ${place}`))
  const message = `the certificates at ${place} were not checked (${flag}): whoever answered there was believed, and got what was sent`
  shell.context.emit({ type: 'note', message })
}

/** A location's own sentence names its options without a side; the command may have them with one. */
function withSide(message: string, side: Side | null): string {
  return side === null ? message : message.replaceAll(/--tls-(?=[a-z])/g, `--${side}-tls-`)
}

function flagOf(side: Side | null, name: Name | 'password'): string {
  return side === null ? `--tls-${name}` : `--${side}-tls-${name}`
}

/** commander's name for the flag: `sourceTlsServerName`. */
function given(flags: Record<string, unknown>, side: Side | null, name: Name): unknown {
  const words = flagOf(side, name).slice(2).split('-')
  return flags[words.map((word, at) => (at === 0 ? word : word[0]?.toUpperCase() + word.slice(1))).join('')]
}
