/** Questions on the terminal. */
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { Interrupted } from '../tree/errors.ts'

export interface Terminal {
  input: NodeJS.ReadableStream & Partial<Pick<NodeJS.ReadStream, 'isTTY' | 'setRawMode'>>
  /** stderr, because stdout is data. */
  output: NodeJS.WritableStream
}

/** How long what was typed already may take to come. */
const TYPED_MS = 50
const CTRL_C = 3

/**
 * Only `y` and `yes` agree; an empty line, anything else and the end of the input do not. What was typed before the
 * question was there answers nothing.
 */
export async function ask(
  question: string,
  { input, output }: Terminal,
  signal: AbortSignal,
): Promise<boolean> {
  const open = await discardTyped(input)
  if (signal.aborted) throw interruption()
  return open && answered(question, { input, output }, signal)
}

function answered(question: string, { input, output }: Terminal, signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve, reject) => {
    // Not in terminal mode: raw mode would keep Ctrl-C from becoming a signal.
    const lines = createInterface({ input, output, terminal: false })
    const stop = () => {
      reject(interruption())
      lines.close()
    }
    signal.addEventListener('abort', stop, { once: true })
    lines.on('close', () => {
      signal.removeEventListener('abort', stop)
      resolve(false)
    })
    lines.question(`${question} [y/N] `, (answer) => {
      resolve(/^y(es)?$/i.test(answer.trim()))
      lines.close()
    })
  })
}

/** False when the input has ended. */
async function discardTyped(input: Terminal['input']): Promise<boolean> {
  let ended = false
  const onData = (typed: Buffer | string) => {
    // Raw mode makes of it a character like any other.
    if (Buffer.from(typed).includes(CTRL_C)) process.kill(process.pid, 'SIGINT')
  }
  const onEnd = () => {
    ended = true
  }
  // A line that has no end yet is given to nobody in any other mode, and what is typed next would complete it.
  if (input.isTTY) input.setRawMode?.(true)
  input.on('data', onData).on('end', onEnd).resume()
  await sleep(TYPED_MS)
  input.pause().off('data', onData).off('end', onEnd)
  if (input.isTTY) input.setRawMode?.(false)
  return !ended
}

function interruption(): Interrupted {
  return new Interrupted('Interrupted before the question was answered; nothing was deleted.')
}
