/** A `zkferry copy --ephemeral hold` that runs while a test looks on. */
import type { ChildProcess } from 'node:child_process'
import { onTestFinished } from 'vitest'
import { SessionExpiredError, ZooKeeperClient } from '../../src/zookeeper/index.ts'
import { type CliResult, cli } from '../cli/run-cli.ts'
import { eventually } from '../zookeeper/helpers.ts'
import type { Place } from './places.ts'
import { freshJournal, type Line } from './zkferry.ts'

export interface Counts {
  held: number
  failed: number
  made: number
  updated: number
  dropped: number
  renewed: number
}

export class HoldingCopy {
  readonly journal: string
  readonly ended: Promise<CliResult>
  #child: ChildProcess | null = null
  #text = ''

  constructor(
    from: Place,
    to: Place,
    flags: readonly string[] = [],
    journal = freshJournal(),
    env: Record<string, string> = {},
  ) {
    this.journal = journal
    this.ended = cli(
      [
        'copy',
        ...['--ephemeral', 'hold', '--json', '--retry-for', '60s', '--timeout', '4s'],
        ...['--journal', journal, ...flags, from.location, to.location],
      ],
      {
        env,
        onStart: (child) => {
          this.#child = child
          child.stdout?.on('data', (text: string) => {
            this.#text += text
          })
        },
      },
    )
    onTestFinished(() => void this.#child?.kill('SIGKILL'))
  }

  get lines(): Line[] {
    const whole = this.#text.slice(0, this.#text.lastIndexOf('\n') + 1)
    return whole
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as Line)
  }

  of(type: string): Line[] {
    return this.lines.filter((line) => line.type === type)
  }

  /** Resolves when the latest `holding` line has these counts. */
  async says(counts: Partial<Counts>): Promise<void> {
    await eventually(() => {
      const now = this.of('holding').at(-1) ?? {}
      for (const [what, count] of Object.entries(counts)) {
        if (now[what as keyof typeof now] !== count)
          throw new Error(`${what} is to be ${count}; it says ${JSON.stringify(this.lines.slice(-5))}`)
      }
    })
  }

  signal(name: NodeJS.Signals): void {
    this.#child?.kill(name)
  }

  async stop(): Promise<CliResult> {
    this.signal('SIGTERM')
    return this.ended
  }
}

/** Ends a session that another process has, as its servers would when they hear nothing from it any more. */
export async function endSession(place: Place, sessionId: bigint): Promise<void> {
  const resume = { sessionId, password: passwordOf(sessionId) }
  // Its owner may take it back before we have closed it.
  for (let ended = false; !ended; ) {
    try {
      const client = await ZooKeeperClient.connect({ connect: place.address, resume })
      await client.close()
      ended = client.closeConfirmed
    } catch (error) {
      if (!(error instanceof SessionExpiredError)) throw error
      ended = true
    }
  }
}

/** What a server gives a session as its password: `new Random(id ^ 0xB3415C00).nextBytes(16)`, in Java. */
function passwordOf(sessionId: bigint): Buffer {
  const [multiplier, mask] = [0x5deece66dn, (1n << 48n) - 1n]
  let seed = (BigInt.asUintN(64, sessionId ^ 0xb3415c00n) ^ multiplier) & mask
  const password = Buffer.alloc(16)
  for (let at = 0; at < 16; at += 4) {
    seed = (seed * multiplier + 0xbn) & mask
    password.writeUInt32LE(Number(seed >> 16n), at)
  }
  return password
}
