/**
 * Who the tool is at a location: lines of `scheme credentials`, from a file, a command or the environment, never
 * from the command line. Nothing here repeats a line in a message: it may be the secret itself.
 */
import { spawn } from 'node:child_process'
import { open } from 'node:fs/promises'
import { Interrupted, UsageProblem } from '../tree/errors.ts'
import { type AuthInfo, isSasl } from '../zookeeper/auth.ts'

/** Of a file or an output that holds secrets: more is something else. */
const MOST_BYTES = 1024 * 1024

const SCHEME = /^[a-z][a-z0-9+.-]*$/i

export interface AuthSource {
  /** The prefix of the flags, such as `--source-auth`; messages are made of it. */
  flag: string
  file: string | undefined
  command: string | undefined
  /** Variables to look at where neither is given, the first that is set wins. */
  variables: readonly string[]
}

/** @throws UsageProblem for what is missing, unreadable, failing or malformed. */
export async function readIdentities(
  source: AuthSource,
  env: NodeJS.ProcessEnv,
  signal?: AbortSignal,
): Promise<AuthInfo[]> {
  const secret = await readSecret(source, env, signal)
  if (secret === null) return []
  const identities = parseIdentities(secret.text, secret.origin)
  if (identities.length > 0 || secret.from === 'variable') return identities
  throw new UsageProblem(`${secret.origin} holds no identity: expected lines of "scheme credentials".`)
}

export interface Secret {
  text: string
  /** How messages call where it comes from. */
  origin: string
  from: 'file' | 'command' | 'variable'
}

/** `null` when none is given. @throws UsageProblem for what is missing, unreadable, too long or failing; Interrupted */
export async function readSecret(
  source: AuthSource,
  env: NodeJS.ProcessEnv,
  signal?: AbortSignal,
): Promise<Secret | null> {
  const { flag, file, command } = source
  if (file !== undefined && command !== undefined) {
    throw new UsageProblem(`${flag}-file and ${flag}-command cannot be used together; leave one out.`)
  }
  if (file !== undefined)
    return { text: await read(file, flag), origin: `${flag}-file ${file}`, from: 'file' }
  if (command !== undefined) {
    const origin = `${flag}-command${programOf(command)}`
    return { text: await run(command, origin, signal), origin, from: 'command' }
  }
  const variable = source.variables.find((name) => env[name])
  return variable === undefined ? null : { text: env[variable] as string, origin: variable, from: 'variable' }
}

/** What the command runs, as far as that is no secret for sure: a password may stand anywhere else in it. */
function programOf(command: string): string {
  const [, program] = /^\s*([\w./-]+)(?:\s|$)/.exec(command) ?? []
  return program === undefined ? '' : ` (${program} …)`
}

/** Blank lines and those that begin with `#` say nothing. */
export function parseIdentities(text: string, origin: string): AuthInfo[] {
  const identities: AuthInfo[] = []
  for (const [at, raw] of text.split(/\r?\n/).entries()) {
    const line = raw.trim()
    if (line === '' || line.startsWith('#')) continue
    const match = /^(\S+)\s+(\S.*)$/.exec(line) ?? /^(sasl-gssapi)()$/.exec(line)
    if (!match) {
      throw new UsageProblem(
        `${origin}, line ${at + 1}: expected "scheme credentials", such as digest user:password.`,
      )
    }
    const [, scheme, credentials] = match as unknown as [string, string, string]
    // A password may hold a space: without a scheme before it, its first part stands there.
    if (!SCHEME.test(scheme)) {
      throw new UsageProblem(
        `${origin}, line ${at + 1}: no scheme comes first; expected "scheme credentials", such as digest user:password.`,
      )
    }
    if ((scheme === 'digest' || scheme === 'sasl') && !/^[^:]+:/.test(credentials)) {
      throw new UsageProblem(`${origin}, line ${at + 1}: the credentials of ${scheme} are user:password.`)
    }
    const identity = { scheme, auth: Buffer.from(credentials) }
    if (isSasl(identity) && identities.some(isSasl)) {
      throw new UsageProblem(
        `${origin}, line ${at + 1}: a session has one SASL identity, and this is another.`,
      )
    }
    identities.push(identity)
  }
  return identities
}

async function read(file: string, flag: string): Promise<string> {
  try {
    const handle = await open(file)
    try {
      const bytes = Buffer.alloc(MOST_BYTES + 1)
      let length = 0
      for (let more = 1; more > 0 && length < bytes.length; length += more)
        more = (await handle.read(bytes, length)).bytesRead
      if (length > MOST_BYTES) throw tooLong(`${flag}-file ${file}`)
      return bytes.toString('utf8', 0, length)
    } finally {
      await handle.close()
    }
  } catch (error) {
    if (error instanceof UsageProblem) throw error
    const { code } = error as NodeJS.ErrnoException
    const reason = code === 'ENOENT' ? 'does not exist' : `cannot be read (${code})`
    throw new UsageProblem(`${flag}-file ${file} ${reason}.`, { cause: error })
  }
}

/** The command's stdout. Its stderr goes to ours, so that it can ask or complain for itself. */
function run(command: string, name: string, signal?: AbortSignal): Promise<string> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(new Interrupted(''))
    const child = spawn('/bin/sh', ['-c', command], { stdio: ['inherit', 'pipe', 'inherit'] })
    const chunks: Buffer[] = []
    let length = 0
    const end = (problem: Error) => {
      reject(problem)
      child.kill()
      // What it has started may go on, and is not waited for.
      child.stdout.destroy()
      child.unref()
    }
    const interrupt = () => end(new Interrupted(''))
    signal?.addEventListener('abort', interrupt, { once: true })
    child.stdout.on('data', (chunk: Buffer) => {
      chunks.push(chunk)
      length += chunk.length
      if (length > MOST_BYTES) end(tooLong(`The output of ${name}`))
    })
    child.on('error', (error) => reject(new UsageProblem(`${name} could not be started (${error.message}).`)))
    child.on('close', (code, killed) => {
      signal?.removeEventListener('abort', interrupt)
      if (code === 0) resolve(Buffer.concat(chunks).toString('utf8'))
      else reject(new UsageProblem(`${name} failed (${killed ?? `exit code ${code}`}).`))
    })
  })
}

function tooLong(what: string): UsageProblem {
  return new UsageProblem(
    `${what} is longer than 1 MiB, and no secret is; name one that holds the secret alone.`,
  )
}
