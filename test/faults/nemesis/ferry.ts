/** zkferry as a process that may be killed, stopped and started again, and that must end by itself. */
import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { OWNER } from './tree.ts'

export interface Ended {
  code: number | null
  signal: NodeJS.Signals | null
  /** Of the summary; the tail of stderr where there is none. */
  message: string
  hung: boolean
}

/** After the last fault, and without any: so long it may take. */
const PATIENCE_MS = 120_000
/** A resumed second copy that deletes looks, copies, looks for what is extra, proves, and may prove once more. */
const MARCHES = 6

export class Ferry {
  readonly #words: string[]
  readonly #env: Record<string, string>
  readonly #patienceMs: number
  #child: ChildProcess | null = null
  /** How it was made to end by us. */
  killed = false
  /** Every process that was run, and how it ended. */
  readonly history: string[] = []

  constructor(words: string[], known: boolean, state: string, znodes: number) {
    const { PATH = '', HOME = '' } = process.env
    const owner = `digest ${OWNER}`
    this.#words = words
    const rate = words.includes('--rate')
      ? Number(words[words.indexOf('--rate') + 1])
      : Number.POSITIVE_INFINITY
    this.#patienceMs = PATIENCE_MS + ((MARCHES * znodes) / rate) * 1000
    this.#env = {
      PATH,
      HOME,
      ZKFERRY_STATE: state,
      ...(words[0] === 'rmr'
        ? { ZKFERRY_AUTH: owner }
        : { ZKFERRY_SOURCE_AUTH: owner, ...(known && { ZKFERRY_TARGET_AUTH: owner }) }),
    }
  }

  signal(name: NodeJS.Signals): void {
    if (this.#child === null) return
    if (name === 'SIGKILL' || name === 'SIGTERM') this.killed = true
    this.#child.kill(name)
  }

  /** Runs the command once. `calm` resolves when nothing is broken any more: from then on it must not take long. */
  async run(calm: Promise<unknown>): Promise<Ended> {
    this.killed = false
    const bin = join(process.cwd(), 'bin', 'zkferry.js')
    const child = spawn(process.execPath, [bin, ...this.#words, '--json'], {
      env: this.#env,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.#child = child
    const end = () => void child.kill('SIGKILL')
    process.once('exit', end)
    let [last, stderr] = ['', '']
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      last = (last + text).slice(-20_000)
    })
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr = (stderr + text).slice(-5_000)
    })
    let hung = false
    const ended = new Promise<[number | null, NodeJS.Signals | null]>((resolve) => {
      child.once('close', (code, signal) => resolve([code, signal]))
    })
    const done = new AbortController()
    void calm
      .then(() => sleep(this.#patienceMs, undefined, { signal: done.signal, ref: false }))
      .then(() => {
        hung = true
        child.kill('SIGKILL')
      })
      .catch(() => {})
    const [code, signal] = await ended
    done.abort()
    process.off('exit', end)
    this.#child = null
    const message = messageOf(last) ?? stderr.trim().split('\n').at(-1) ?? ''
    this.history.push(`${hung ? 'HUNG' : (signal ?? code)}${message ? ` (${message})` : ''}`)
    return { code, signal, message, hung }
  }
}

function messageOf(stdout: string): string | null {
  try {
    const summary = JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '')
    return summary.type === 'summary' ? (summary.message ?? '') : null
  } catch {
    return null
  }
}
