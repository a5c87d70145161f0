/** Secrets that a test uses, and a search for them in everything that comes out of it. */
import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { expect } from 'vitest'

export class Secrets {
  /** What to look for, by what it is. */
  readonly #forms = new Map<string, Buffer>()

  /** A new one. It is found again in whatever form it comes out: as it is, or encoded as programs encode things. */
  make(name: string): string {
    return this.add(name, `secret-${randomBytes(9).toString('base64url')}`)
  }

  /** One that somebody else made. */
  add(name: string, secret: string): string {
    const bytes = Buffer.from(secret)
    this.#forms.set(name, bytes)
    this.#forms.set(`${name} in hexadecimal`, Buffer.from(bytes.toString('hex')))
    this.#forms.set(`${name} as JSON has bytes`, Buffer.from([...bytes].join(',')))
    // In base64 it looks different after each number of bytes before it; its middle is the same.
    for (const before of [0, 1, 2]) {
      const encoded = Buffer.concat([Buffer.alloc(before), bytes]).toString('base64')
      this.#forms.set(`${name} in base64 (${before})`, Buffer.from(encoded.slice(4, -4)))
    }
    return secret
  }

  /** In which forms they are there, of text or bytes. */
  in(where: string | Buffer): string[] {
    const bytes = typeof where === 'string' ? Buffer.from(where) : where
    return [...this.#forms].filter(([, form]) => bytes.includes(form)).map(([name]) => name)
  }

  expectNoneIn(what: string, where: string | Buffer): void {
    expect(this.in(where), `secrets in ${what}`).toEqual([])
  }

  /** In a journal's files, all of them, byte by byte. */
  expectNoneOnDisk(journal: string): void {
    for (const file of filesOf(journal)) this.expectNoneIn(file, readFileSync(file))
  }
}

/** What there is of a journal: SQLite keeps files of its own beside it. */
export function filesOf(journal: string): string[] {
  return ['', '-wal', '-shm', '-journal', '.lock', '.lock-journal', '.lock-wal']
    .map((end) => journal + end)
    .filter((file) => existsSync(file))
}

/** The command line of a process and of all that it has started, as `ps` shows it to everyone. */
export function commandLines(pid: number): string {
  const lines: string[] = []
  const open = [pid]
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    try {
      lines.push(readFileSync(`/proc/${next}/cmdline`, 'utf8').replaceAll('\0', ' '))
      const children = readFileSync(`/proc/${next}/task/${next}/children`, 'utf8')
      open.push(...children.split(' ').filter(Boolean).map(Number))
    } catch {
      // It has ended meanwhile.
    }
  }
  return lines.join('\n')
}
