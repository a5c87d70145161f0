/** A Kerberos realm of the test's own, by MIT's KDC, where it is installed (Debian: krb5-kdc, krb5-admin-server, krb5-user). */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { claimPort, releasePort } from '../servers/ports.ts'

const REALM = 'ZKFERRY.TEST'
const LIMIT_MS = 20_000

interface Programs {
  kdc: string
  kadmin: string
  kdb: string
  kinit: string
}

export class Kdc {
  readonly folder: string
  readonly #process: ChildProcess
  readonly #port: number

  private constructor(folder: string, port: number, process: ChildProcess) {
    this.folder = folder
    this.#port = port
    this.#process = process
  }

  /** `null` where something is missing for it. */
  static programs(): Programs | null {
    const [kdc, kadmin, kdb, kinit] = ['krb5kdc', 'kadmin.local', 'kdb5_util', 'kinit'].map(find)
    return kdc && kadmin && kdb && kinit ? { kdc, kadmin, kdb, kinit } : null
  }

  static async start(): Promise<Kdc> {
    const programs = Kdc.programs()
    if (programs === null) throw new Error('krb5kdc, kadmin.local, kdb5_util and kinit are needed')
    const folder = mkdtempSync(join(tmpdir(), 'zkferry-kdc-'))
    const port = await claimPort()
    writeFileSync(
      join(folder, 'krb5.conf'),
      `[libdefaults]
 default_realm = ${REALM}
 dns_lookup_kdc = false
 dns_canonicalize_hostname = false
 rdns = false
 udp_preference_limit = 1
[realms]
 ${REALM} = {
  kdc = 127.0.0.1:${port}
 }
`,
    )
    writeFileSync(
      join(folder, 'kdc.conf'),
      `[kdcdefaults]
 kdc_listen = ""
 kdc_tcp_listen = 127.0.0.1:${port}
[realms]
 ${REALM} = {
  database_name = ${folder}/principal
  key_stash_file = ${folder}/stash
  acl_file = ${folder}/acl
 }
`,
    )
    const env = { ...process.env, ...environment(folder) }
    const run = (file: string, args: string[]) =>
      execFileSync(file, args, { env, stdio: ['ignore', 'pipe', 'pipe'] })
    run(programs.kdb, ['create', '-s', '-r', REALM, '-P', 'master'])
    for (const principal of ['zookeeper/localhost', 'mover']) {
      run(programs.kadmin, ['-q', `addprinc -randkey ${principal}`])
      run(programs.kadmin, ['-q', `ktadd -k ${keytabIn(folder, principal)} ${principal}`])
    }
    const child = spawn(programs.kdc, ['-n'], { env, stdio: 'ignore' })
    const kdc = new Kdc(folder, port, child)
    await kdc.#listening()
    return kdc
  }

  /** For processes that shall find this realm, and no other. */
  get environment(): Record<string, string> {
    return environment(this.folder)
  }

  /** The environment of one who has a ticket. */
  ticket(principal: string): Record<string, string> {
    const cache = { ...this.environment, KRB5CCNAME: `FILE:${join(this.folder, `${principal}.cc`)}` }
    execFileSync((Kdc.programs() as Programs).kinit, ['-k', '-t', this.keytab(principal), principal], {
      env: { ...process.env, ...cache },
    })
    return cache
  }

  keytab(principal: string): string {
    return keytabIn(this.folder, principal)
  }

  get krb5conf(): string {
    return join(this.folder, 'krb5.conf')
  }

  async stop(): Promise<void> {
    const ended = new Promise((resolve) => this.#process.once('exit', resolve))
    if (this.#process.exitCode === null) {
      this.#process.kill('SIGKILL')
      await ended
    }
    releasePort(this.#port)
    rmSync(this.folder, { recursive: true, force: true })
  }

  async #listening(): Promise<void> {
    const end = Date.now() + LIMIT_MS
    while (!(await isOpen(this.#port))) {
      if (this.#process.exitCode !== null || Date.now() > end) throw new Error('the KDC does not listen')
      await sleep(20)
    }
  }
}

function environment(folder: string): Record<string, string> {
  return { KRB5_CONFIG: join(folder, 'krb5.conf'), KRB5_KDC_PROFILE: join(folder, 'kdc.conf') }
}

function keytabIn(folder: string, principal: string): string {
  return join(folder, `${principal.replace('/', '_')}.keytab`)
}

function find(program: string): string | undefined {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin']
  return folders.map((folder) => join(folder, program)).find((file) => existsSync(file))
}

function isOpen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port })
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}
