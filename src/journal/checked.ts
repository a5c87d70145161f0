/**
 * What a row holds, as what it should be. SQLite's own checks do not notice a page that was written over with another
 * value, nor what somebody has edited.
 */

/** A value that this program did not write. Says which, and never what stands there: it may be a secret. */
export class Damage extends Error {
  override name = 'Damage'
}

export function text(value: unknown, what: string): string {
  if (typeof value !== 'string') throw new Damage(what)
  return value
}

export function bytes(value: unknown, what: string, length?: number): Buffer {
  if (!Buffer.isBuffer(value) || (length !== undefined && value.length !== length)) throw new Damage(what)
  return value
}

export function whole(value: unknown, what: string): number {
  if (!Number.isSafeInteger(value) || (value as number) < 0) throw new Damage(what)
  return value as number
}

export function long(value: unknown, what: string): bigint {
  if (!/^-?\d{1,19}$/.test(text(value, what))) throw new Damage(what)
  return BigInt(value as string)
}

export function date(value: unknown, what: string): Date {
  const made = new Date(whole(value, what))
  if (Number.isNaN(made.getTime())) throw new Damage(what)
  return made
}

/** A JSON object, as text or as bytes. */
export function object(value: unknown, what: string): Record<string, unknown> {
  let parsed: unknown
  try {
    parsed = JSON.parse(String(value))
  } catch {
    // Its message quotes what it could not read.
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) throw new Damage(what)
  return parsed as Record<string, unknown>
}

export function oneOf<T>(value: unknown, known: readonly T[], what: string): T {
  if (!known.includes(value as T)) throw new Damage(what)
  return value as T
}

export function orNull<T>(
  value: unknown,
  what: string,
  check: (value: unknown, what: string) => T,
): T | null {
  return value === null ? null : check(value, what)
}
