/** Where live progress is shown: in place on a terminal, as a line now and then in a file, or nowhere. */
import pc from 'picocolors'
import type { JobEvent } from '../tree/events.ts'
import { escapeText } from './escape.ts'
import type { Output } from './output.ts'
import type { ProgressModel, ProgressState } from './progress.ts'
import { formatBytes, formatCount, formatSeconds, plural } from './units.ts'

export interface Display {
  /** Takes the display away so that lines can be written; it comes back by itself. */
  clear(): void
  /** Takes it away until `resume`. */
  pause(): void
  resume(): void
  stop(): void
}

/** The part of `log-update` that is used; it is loaded only where there is a terminal. */
export interface LiveText {
  (text: string): void
  clear(): void
  done(): void
}

export const noDisplay: Display = { clear() {}, pause() {}, resume() {}, stop() {} }

const LIVE_MS = 200
const LINES_MS = 5_000

export function terminalDisplay(progress: ProgressModel, live: LiveText, colour: boolean): Display {
  const { bold, yellow } = pc.createColors(colour)
  const ticker = every(LIVE_MS, () => {
    const state = progress.poll()
    const lines = [progressLine(state, bold(PHASES[state.phase]))]
    if (state.waiting) lines.push(yellow(waitingLine(state.waiting)))
    else if (state.slowed) lines.push(slowedLine(state.slowed))
    live(lines.join('\n'))
  })
  return {
    clear: () => live.clear(),
    pause() {
      ticker.pause()
      live.clear()
    },
    resume: () => ticker.resume(),
    stop() {
      ticker.pause()
      live.clear()
      live.done()
    },
  }
}

/** What a DBA wonders about when it takes longer than the last time. */
export function slowedLine({ side, answerMs, usualMs }: Extract<JobEvent, { type: 'slowed' }>): string {
  const why =
    answerMs > 0 ? `answers take ${answerMs} ms instead of ${usualMs}` : 'it refuses requests (THROTTLEDOP)'
  return `slowing down for the ${side}: ${why}`
}

export function linesDisplay(progress: ProgressModel, stderr: Output): Display {
  const ticker = every(LINES_MS, () => {
    const state = progress.poll()
    // What it waits for has been said as a line of its own.
    // What is held, too, whenever it changes: for hours there may be no more to say.
    if (!state.waiting && state.phase !== 'hold') stderr.line(progressLine(state, PHASES[state.phase]))
  })
  return { clear() {}, pause: ticker.pause, resume: ticker.resume, stop: ticker.pause }
}

function every(ms: number, tick: () => void): { pause(): void; resume(): void } {
  let timer: NodeJS.Timeout | undefined
  const ticker = {
    pause: () => clearInterval(timer),
    resume() {
      timer = setInterval(tick, ms)
      // A display alone is no reason for the process to live on.
      timer.unref()
    },
  }
  ticker.resume()
  return ticker
}

export function progressLine(state: ProgressState, phase: string): string {
  if (state.holding !== null) return `${holdingLine(state.holding)}; Ctrl-C or SIGTERM releases them`
  if (state.says !== null) return state.says
  // Nothing is read meanwhile.
  if (state.phase === 'settle') return phase
  const parts = [
    `${formatCount(state.znodes)} znodes`,
    formatBytes(state.bytes),
    `${formatCount(state.znodesPerSecond)}/s`,
  ]
  if (state.estimate !== null) parts.push(`about ${formatSeconds(state.estimate)} left`)
  return `${phase}: ${parts.join(', ')}`
}

export function holdingLine(holding: Extract<JobEvent, { type: 'holding' }>): string {
  const { held, failed, made, updated, dropped, renewed } = holding
  const parts = [`holding ${plural(held, 'ephemeral')}`]
  if (failed > 0) parts.push(`${formatCount(failed)} cannot be held`)
  const done = { made, updated, dropped }
  for (const [what, count] of Object.entries(done)) if (count > 0) parts.push(`${formatCount(count)} ${what}`)
  if (renewed > 0) parts.push(`${plural(renewed, 'session')} renewed`)
  return parts.join(', ')
}

export function waitingLine(waiting: NonNullable<ProgressState['waiting']>): string {
  const since = waiting.seconds >= 1 ? `, for ${formatSeconds(Math.round(waiting.seconds))} now` : ''
  const until = `gives up after ${formatSeconds(waiting.atMostSeconds)}, --retry-for`
  return `waiting for the ${waiting.side}${since}: ${escapeText(waiting.reason)} (${until})`
}

const PHASES: Record<ProgressState['phase'], string> = {
  connect: 'connecting',
  plan: 'planning',
  copy: 'copying',
  verify: 'verifying',
  delete: 'deleting',
  count: 'counting',
  digest: 'digesting',
  settle: 'waiting for the source to settle',
  hold: 'holding ephemerals',
}
