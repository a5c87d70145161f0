import { connect } from 'node:net'

/**
 * Sends a four-letter word and resolves with the whole answer.
 * Rejects when the server does not answer within `limitMs` milliseconds or closes the door.
 */
export function fourLetterWord(host: string, port: number, word: string, limitMs = 5000): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port })
    let answer = ''
    socket.setEncoding('utf8')
    socket.setTimeout(limitMs, () =>
      socket.destroy(new Error(`${host}:${port} did not answer ${word} in ${limitMs} ms`)),
    )
    socket.on('connect', () => socket.write(word))
    socket.on('data', (chunk) => {
      answer += chunk
    })
    socket.on('error', reject)
    socket.on('close', () => resolve(answer))
  })
}
