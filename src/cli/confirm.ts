/** Questions on the terminal. */
import { createInterface } from 'node:readline'
import { Interrupted } from '../tree/errors.ts'

export interface Terminal {
  input: NodeJS.ReadableStream
  /** stderr, because stdout is data. */
  output: NodeJS.WritableStream
}

/** Only `y` and `yes` agree; an empty line, anything else and the end of the input do not. */
export function ask(question: string, { input, output }: Terminal, signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve, reject) => {
    // Not in terminal mode: raw mode would keep Ctrl-C from becoming a signal.
    const lines = createInterface({ input, output, terminal: false })
    const stop = () => {
      reject(new Interrupted('Interrupted before the question was answered; nothing was deleted.'))
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
