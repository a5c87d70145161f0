/** SIGINT, SIGTERM and SIGHUP: the first asks the job to come to its end, the second ends the process. */
import { setMaxListeners } from 'node:events'
import { ExitCode } from './exit-codes.ts'

export interface Signals {
  /** Aborted by the first signal. */
  readonly signal: AbortSignal
  /** A terminal that is closed counts as SIGTERM. */
  readonly received: 'SIGINT' | 'SIGTERM' | null
  onFirst(listener: (name: string) => void): void
  stop(): void
}

const NAMES = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

export function listenForSignals(exitNow: (code: number) => void): Signals {
  const controller = new AbortController()
  // Every pause of every group in flight listens.
  setMaxListeners(0, controller.signal)
  const listeners: ((name: string) => void)[] = []
  let received: Signals['received'] = null
  const hear = (name: NodeJS.Signals) => {
    if (received) return exitNow(received === 'SIGINT' ? ExitCode.sigint : ExitCode.sigterm)
    received = name === 'SIGINT' ? 'SIGINT' : 'SIGTERM'
    for (const listener of listeners) listener(name)
    controller.abort()
  }
  for (const name of NAMES) process.on(name, hear)
  return {
    signal: controller.signal,
    get received() {
      return received
    },
    onFirst: (listener) => void listeners.push(listener),
    stop() {
      for (const name of NAMES) process.off(name, hear)
    },
  }
}
