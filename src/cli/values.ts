/** Option values: what is accepted, and the sentence for what is not. */
import { Option } from 'commander'
import { UsageProblem } from '../tree/errors.ts'

const MILLISECONDS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const
const LONGEST_DAYS = 24

const BYTES: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  k: 1e3,
  kb: 1e3,
  m: 1e6,
  mb: 1e6,
  g: 1e9,
  gb: 1e9,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
}

export type ParseValue<T> = (text: string) => T

/** Milliseconds, from `500ms`, `30s`, `15m`, `2h` or `1d`; at most 24 days, which is what a timer can hold. */
export function duration(flag: string, least: 'zero' | 'positive' = 'zero'): ParseValue<number> {
  return (text) => {
    const ms = milliseconds(text)
    if (ms === null) {
      throw wrong(flag, text, 'is not a duration: write a number and its unit, such as 500ms, 30s, 15m or 2h')
    }
    if (ms > LONGEST_DAYS * MILLISECONDS.d) throw wrong(flag, text, `is too long: at most ${LONGEST_DAYS}d`)
    if (ms === 0 && least === 'positive') throw wrong(flag, text, 'is too short: it must be more than zero')
    return ms
  }
}

/** `null` for what is no duration. */
export function milliseconds(text: string): number | null {
  const match = /^(\d{1,12}(?:\.\d{1,3})?)(ms|s|m|h|d)$/.exec(text)
  if (!match) return null
  return Math.round(Number(match[1]) * MILLISECONDS[match[2] as keyof typeof MILLISECONDS])
}

/** An option with a duration, whose help shows the default as people write it. */
export function durationOption(
  name: string,
  description: string,
  standard: string,
  least?: 'zero' | 'positive',
): Option {
  const parse = duration(name, least)
  return new Option(`${name} <duration>`, description).argParser(parse).default(parse(standard), standard)
}

/** A whole number between `least` and `most`. */
export function count(flag: string, least = 0, most = Number.MAX_SAFE_INTEGER): ParseValue<number> {
  return (text) => {
    const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN
    if (!Number.isSafeInteger(value)) throw wrong(flag, text, `is not a whole number of ${least} or more`)
    if (value < least) throw wrong(flag, text, `is too small: at least ${least}`)
    if (value > most) throw wrong(flag, text, `is too large: at most ${most}`)
    return value
  }
}

/** Bytes, from `5000000`, `64kB`, `5MB` (powers of 1000) or `4MiB` (of 1024); at least one. */
export function byteSize(flag: string): ParseValue<number> {
  return (text) => {
    const match = /^(\d{1,15}(?:\.\d{1,6})?)([a-z]{0,3})$/i.exec(text)
    const factor = match && BYTES[(match[2] as string).toLowerCase()]
    const value = factor ? Math.floor(Number((match as RegExpExecArray)[1]) * factor) : Number.NaN
    if (!Number.isSafeInteger(value) || value < 1) {
      throw wrong(flag, text, 'is not a number of bytes: write one such as 500000, 64kB, 5MB or 4MiB')
    }
    return value
  }
}

/** Gathers a repeatable option's globs. */
export function glob(flag: string): (text: string, before: string[] | undefined) => string[] {
  return (text, before) => {
    if (text === '') throw wrong(flag, text, 'is empty: give a glob such as "config/**"')
    if (text.startsWith('/'))
      throw wrong(flag, text, "begins with a slash: globs match the path below the location's root")
    if (text.endsWith('/')) {
      const bare = text.replace(/\/+$/, '')
      throw wrong(
        flag,
        text,
        `ends in a slash: write "${bare}" for the znode, "${bare}/**" for all below it, too`,
      )
    }
    if (text.includes('//'))
      throw wrong(flag, text, `has an empty segment: write "${text.replace(/\/{2,}/g, '/')}"`)
    if (text.startsWith('./'))
      throw wrong(
        flag,
        text,
        `begins with "./": globs match the path below the location's root, so write "${text.replace(/^(\.\/+)+/, '')}"`,
      )
    const dots = text.split('/').find((segment) => segment === '.' || segment === '..')
    if (dots !== undefined)
      throw wrong(flag, text, `has "${dots}" as a segment: no znode is called that, so leave it out`)
    const odd = unbalanced(text)
    if (odd !== null) {
      throw wrong(
        flag,
        text,
        `has a "${odd}" without its counterpart: close it, or write "\\${odd}" for the character itself`,
      )
    }
    return [...(before ?? []), text]
  }
}

const CLOSING: Readonly<Record<string, string>> = { '{': '}', '(': ')' }

/** The first bracket that has no counterpart, or `null`. A glob with one silently matches nothing. */
function unbalanced(glob: string): string | null {
  const open: string[] = []
  for (let at = 0; at < glob.length; at++) {
    const char = glob[at] as string
    if (char === '\\') at++
    else if (char === '[') {
      // A "]" that comes first is one of the characters; other brackets in there are, too.
      const end = /^\[(?:[!^](?:\\.|[^\\])|\\.|[^\\!^])(?:\\.|[^\]\\])*\]/.exec(glob.slice(at))
      if (end === null) return char
      at += end[0].length - 1
    } else if (char in CLOSING) open.push(char)
    else if (char === '}' || char === ')') {
      const opening = open.pop()
      if (opening === undefined) return char
      if (CLOSING[opening] !== char) return opening
    } else if (char === ']') return char
  }
  return open.at(-1) ?? null
}

export function wrong(flag: string, text: string, complaint: string): UsageProblem {
  return new UsageProblem(`${flag} "${text}" ${complaint}.`)
}
